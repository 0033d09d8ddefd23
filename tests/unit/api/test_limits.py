"""How a worker spends what it is lent, and who shares a bucket."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.api.limits import LEASE_S, OwnLimits, SharedLimits, network_of
from vms.bus import Buckets, MemoryBus, Share, UnixBusClient, UnixBusServer
from vms.common import ManualClock, TooManyError, UnavailableError


class FakeLender:
    """The supervisor's buckets, for a number of workers."""

    def __init__(self, clock: ManualClock, workers: int = 1) -> None:
        self.buckets = Buckets(clock)
        self.parts = 10 * workers
        self.away = False
        self.asked = 0

    async def take(self, key: str, per_minute: int) -> Share:
        self.asked += 1
        await asyncio.sleep(0)
        if self.away:
            raise UnavailableError("the bus did not answer", code="bus_unavailable")
        return self.buckets.take(key, per_minute, self.parts)

    def give_back(self, key: str, per_minute: int, tokens: int) -> None:
        self.buckets.give_back(key, tokens, per_minute)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def lender(clock: ManualClock) -> FakeLender:
    return FakeLender(clock)


async def test_a_refusal_says_how_long_to_wait(clock: ManualClock) -> None:
    limits = OwnLimits(clock)
    for _ in range(3):
        (await limits.take("a", 3)).check()
    empty = await limits.take("a", 3)
    assert (empty.wait_s, empty.reset_s, empty.limit) == (20, 60, 3)
    with pytest.raises(TooManyError, match="20 s") as refused:
        empty.check()
    assert refused.value.values == {"limit": 3, "wait_s": 20}


@pytest.mark.parametrize("shared", [False, True])
async def test_waiting_as_long_as_told_is_enough(
    clock: ManualClock, lender: FakeLender, *, shared: bool
) -> None:
    limits = SharedLimits(lender, clock) if shared else OwnLimits(clock)
    for number in range(100):
        allowance = await limits.take("a", 100)
        allowance.check()
        assert allowance.remaining == 99 - number
    for _ in range(20):
        wait = (await limits.take("a", 100)).wait_s
        assert wait >= 1
        clock.advance(wait)
        assert (await limits.take("a", 100)).wait_s == 0
        while not (await limits.take("a", 100)).wait_s:
            pass


async def test_few_requests_ask_the_lender_and_refusals_hardly_ever(
    clock: ManualClock, lender: FakeLender
) -> None:
    limits = SharedLimits(lender, clock)
    for _ in range(100):
        (await limits.take("a", 1000)).check()
    assert lender.asked == 1
    let_in = 100
    while (await limits.take("a", 1000)).wait_s == 0:
        let_in += 1
    assert let_in == 1000
    asked = lender.asked
    for _ in range(500):
        assert (await limits.take("a", 1000)).wait_s == 1
    assert lender.asked == asked


async def test_requests_at_once_share_what_one_of_them_asked_for(
    clock: ManualClock, lender: FakeLender
) -> None:
    limits = SharedLimits(lender, clock)
    answers = await asyncio.gather(*(limits.take("a", 100) for _ in range(300)))
    assert sum(answer.wait_s == 0 for answer in answers) == 100
    assert lender.asked < 60


async def test_what_is_not_spent_goes_back(clock: ManualClock) -> None:
    lender = FakeLender(clock, workers=2)
    idle, busy = SharedLimits(lender, clock), SharedLimits(lender, clock)
    await idle.take("a", 100)
    let_in = 1
    while (await busy.take("a", 100)).wait_s == 0:
        let_in += 1
    assert 95 <= let_in < 100, "the idle one holds some"
    clock.advance(LEASE_S)
    idle.sweep()
    assert [(await busy.take("a", 100)).wait_s for _ in range(4)] == [0, 0, 0, 0]


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 3)), max_size=300), st.integers(1, 90))
def test_workers_together_let_in_no_more_than_one_would(
    asked: list[tuple[int, float]], per_minute: int
) -> None:
    async def let_in() -> int:
        clock = ManualClock()
        lender = FakeLender(clock, workers=4)
        workers = [SharedLimits(lender, clock) for _ in range(4)]
        count = 0
        for worker, pause in asked:
            clock.advance(pause)
            workers[worker].sweep()
            count += (await workers[worker].take("a", per_minute)).wait_s == 0
        return count

    time_s = sum(pause for _, pause in asked)
    assert asyncio.run(let_in()) <= per_minute * (1 + time_s / 60) + 1e-6


async def test_without_the_lender_each_worker_counts_by_itself(
    clock: ManualClock, lender: FakeLender, capsys: pytest.CaptureFixture[str]
) -> None:
    limits = SharedLimits(lender, clock)
    lender.away = True
    for _ in range(3):
        (await limits.take("a", 3)).check()
    with pytest.raises(TooManyError):
        (await limits.take("a", 3)).check()
    assert lender.asked == 1, "who does not answer is not asked by every request"
    lender.away = False
    clock.advance(1)
    (await limits.take("a", 3)).check()
    said = capsys.readouterr()
    assert (said.out + said.err).count("limits_counted_apart") == 1
    assert (said.out + said.err).count("limits_counted_together") == 1


async def test_a_request_that_waits_for_a_lost_supervisor_is_let_in(
    clock: ManualClock, tmp_path: Path
) -> None:
    path = tmp_path / "bus.sock"
    async with AsyncExitStack() as stack:
        server = UnixBusServer(MemoryBus(), path, Buckets(clock))
        await server.start()
        stack.push_async_callback(server.stop)
        client = UnixBusClient(path)
        await client.start()
        stack.push_async_callback(client.stop)
        await client.publish("connected", b"")
        limits = SharedLimits(client, clock)
        assert (await limits.take("a", 100)).remaining == 99
        taking = asyncio.create_task(limits.take("b", 100))
        await asyncio.sleep(0)
        await server.stop()
        async with asyncio.timeout(5):
            assert (await taking).remaining == 99
            assert (await limits.take("c", 100)).remaining == 99


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("unknown", "unknown"),
        ("x" * 1000, "unknown"),
    ],
)
def test_a_network_is_an_address_or_a_64(address: str, network: str) -> None:
    assert network_of(address) == network
