"""The bus's socket: cut connections, who may connect, what is refused."""

import asyncio
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from vms.bus import Buckets, Lagged, MemoryBus, Message, UnixBusClient, UnixBusServer
from vms.bus.wire import LONGEST_FRAME
from vms.common import InvalidError, SystemClock, UnavailableError


async def no_pause(_: float) -> None:
    await asyncio.sleep(0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bus.sock"


@pytest.fixture
async def bus(path: Path) -> AsyncIterator[MemoryBus]:
    bus = MemoryBus()
    server = UnixBusServer(bus, path, Buckets(SystemClock()))
    await server.start()
    yield bus
    await server.stop()


@pytest.fixture
async def client(path: Path) -> AsyncIterator[UnixBusClient]:
    client = UnixBusClient(path, sleep=no_pause)
    await client.start()
    yield client
    await client.stop()


async def test_only_this_user_may_connect(bus: MemoryBus, path: Path) -> None:
    assert bus
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_client_waits_for_its_server(path: Path, client: UnixBusClient) -> None:
    subscribing = asyncio.create_task(client.subscribe("a"))
    await asyncio.sleep(0.05)
    assert not subscribing.done()
    bus = MemoryBus()
    server = UnixBusServer(bus, path, Buckets(SystemClock()))
    await server.start()
    async with asyncio.timeout(5):
        heard = await subscribing
        await bus.publish("a", b"x")
        assert await anext(heard) == Message("a", b"x")
    await server.stop()


async def test_a_cut_client_comes_back_and_is_told_once_it_listens_again(
    path: Path, client: UnixBusClient
) -> None:
    """What is published after it was told is heard: nothing falls in between."""
    first = UnixBusServer(MemoryBus(), path, Buckets(SystemClock()))
    await first.start()
    heard = await client.subscribe("a")
    await first.stop()
    bus = MemoryBus()
    second = UnixBusServer(bus, path, Buckets(SystemClock()))
    await second.start()
    async with asyncio.timeout(5):
        assert await anext(heard) == Lagged()
        await bus.publish("a", b"x")
        assert await anext(heard) == Message("a", b"x")
        # The other way: a message that waits while cut is sent on the next connection.
        publishing_heard = await bus.subscribe("b")
        await client.publish("b", b"y")
        assert await anext(publishing_heard) == Message("b", b"y")
    await second.stop()


async def test_a_bus_that_is_away_is_said_to_be(
    client: UnixBusClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vms.bus.client.ANSWER_LIMIT_S", 0.05)
    with pytest.raises(UnavailableError) as refused:
        await client.publish("a", b"")
    assert refused.value.code == "bus_unavailable"


async def test_long_messages_are_refused_here_not_there(
    bus: MemoryBus, client: UnixBusClient
) -> None:
    assert bus
    with pytest.raises(InvalidError):
        await client.publish("a", bytes(LONGEST_FRAME))
    await client.publish("a", bytes(LONGEST_FRAME - 100))


@pytest.mark.parametrize("rubbish", [b"GET / HTTP/1.1\r\n\r\n", b"\x00\x00\x00\x03abc"])
async def test_rubbish_cuts_its_own_connection_alone(
    bus: MemoryBus, client: UnixBusClient, path: Path, rubbish: bytes
) -> None:
    heard = await client.subscribe("a")
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(rubbish)
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()
    await bus.publish("a", b"x")
    async with asyncio.timeout(5):
        assert await anext(heard) == Message("a", b"x")


async def test_a_peer_that_does_not_read_is_told_when_it_does(
    bus: MemoryBus, client: UnixBusClient
) -> None:
    """Its messages stay bounded on our side while it hangs."""
    heard = await client.subscribe("a")
    reader = client._writer.transport  # type: ignore[union-attr]
    reader.pause_reading()
    body = bytes(50_000)
    for _ in range(1_100):
        await bus.publish("a", body)
        await asyncio.sleep(0)
    reader.resume_reading()
    async with asyncio.timeout(10):
        while not isinstance(await anext(heard), Lagged):
            pass
