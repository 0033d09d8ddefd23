"""Token buckets: what they give, and what several processes get of one."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.bus import Buckets, MemoryBus, UnixBusClient, UnixBusServer
from vms.common import ManualClock, UnavailableError


def test_a_bucket_holds_a_minutes_worth_and_fills_steadily() -> None:
    clock = ManualClock()
    buckets = Buckets(clock)
    assert [buckets.take("a", 3).remaining for _ in range(3)] == [2, 1, 0]
    empty = buckets.take("a", 3)
    assert (empty.tokens, empty.wait_s, empty.reset_s) == (0, 20, 60)
    clock.advance(20)
    assert buckets.take("a", 3).tokens == 1
    assert buckets.take("a", 3).wait_s == 20


def test_buckets_are_apart_and_do_not_grow_without_end() -> None:
    buckets = Buckets(ManualClock(), most=10)
    for number in range(50):
        assert buckets.take(f"address:{number}", 1).tokens == 1
    assert len(buckets) == 10
    assert buckets.take("address:49", 1).wait_s == 60


def test_a_part_shrinks_with_what_is_left_and_comes_back() -> None:
    buckets = Buckets(ManualClock())
    parts = [buckets.take("a", 100, parts=20).tokens for _ in range(30)]
    assert (parts[0], parts[-1]) == (5, 1)
    assert parts == sorted(parts, reverse=True)
    while buckets.take("a", 100).tokens:
        pass
    buckets.give_back("a", 4, 100)
    assert [buckets.take("a", 100).tokens for _ in range(5)] == [1, 1, 1, 1, 0]
    buckets.give_back("a", 500, 100)
    assert buckets.take("a", 100).remaining == 99, "never more than a minute's worth"


@given(st.lists(st.floats(0, 30), min_size=1, max_size=60), st.integers(1, 50), st.integers(0, 40))
def test_nobody_gets_more_than_a_minute_and_the_time_allow(
    pauses: list[float], per_minute: int, parts: int
) -> None:
    clock = ManualClock()
    buckets = Buckets(clock)
    let_in = 0
    for pause in pauses:
        clock.advance(pause)
        let_in += buckets.take("a", per_minute, parts).tokens
    assert let_in <= per_minute * (1 + sum(pauses) / 60) + 1e-6


@pytest.fixture
async def processes(tmp_path: Path) -> AsyncIterator[list[UnixBusClient]]:
    """Three that take from one server; its clock stands still."""
    async with AsyncExitStack() as stack:
        path = tmp_path / "bus.sock"
        server = UnixBusServer(MemoryBus(), path, Buckets(ManualClock()))
        await server.start()
        stack.push_async_callback(server.stop)
        clients = [UnixBusClient(path) for _ in range(3)]
        for client in clients:
            await client.start()
            stack.push_async_callback(client.stop)
            await client.publish("connected", b"")
        yield clients


async def test_processes_together_get_what_one_would(processes: list[UnixBusClient]) -> None:
    first = [(await process.take("a", 100)).tokens for process in processes]
    assert sum(first) <= 100 // 10, "unspent they hold a tenth at most"
    taken = sum(first)
    for _ in range(100):
        for process in processes:
            taken += (await process.take("a", 100)).tokens
    assert taken == 100
    processes[0].give_back("a", 100, 2)
    assert [(await processes[0].take("a", 100)).tokens for _ in range(3)] == [1, 1, 0]


async def test_a_lost_server_is_said_at_once(processes: list[UnixBusClient]) -> None:
    await processes[0].stop()
    with pytest.raises(UnavailableError, match="did not answer"):
        await processes[0].take("a", 100)
    processes[0].give_back("a", 100, 1)
