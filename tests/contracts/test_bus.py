"""What every backend of the bus does."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from vms.bus import (
    Buckets,
    Bus,
    Item,
    Lagged,
    MemoryBus,
    Message,
    Subscription,
    UnixBusClient,
    UnixBusServer,
)
from vms.common import SystemClock

QUEUE = 8


@dataclass
class Backend:
    """Two ends of one bus, which may be the same."""

    publisher: Bus
    listener: Bus


async def memory(_: AsyncExitStack) -> Backend:
    bus = MemoryBus(QUEUE)
    return Backend(bus, bus)


async def unix_to_server(stack: AsyncExitStack) -> Backend:
    """From a worker to the process that holds the bus."""
    bus, [client] = await clients(stack, 1)
    return Backend(client, bus)


async def unix_from_server(stack: AsyncExitStack) -> Backend:
    """From the process that holds the bus to a worker."""
    bus, [client] = await clients(stack, 1)
    return Backend(bus, client)


async def unix_between(stack: AsyncExitStack) -> Backend:
    """From worker to worker."""
    _, [one, other] = await clients(stack, 2)
    return Backend(one, other)


async def clients(stack: AsyncExitStack, count: int) -> tuple[MemoryBus, list[UnixBusClient]]:
    path = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "bus.sock"
    bus = MemoryBus(QUEUE)
    server = UnixBusServer(bus, path, Buckets(SystemClock()))
    await server.start()
    stack.push_async_callback(server.stop)
    made = [UnixBusClient(path, QUEUE) for _ in range(count)]
    for client in made:
        await client.start()
        stack.push_async_callback(client.stop)
    return bus, made


BACKENDS: list[Callable[[AsyncExitStack], Awaitable[Backend]]] = [
    memory,
    unix_to_server,
    unix_from_server,
    unix_between,
]


@pytest.fixture(params=BACKENDS, ids=lambda make: make.__name__)
async def backend(request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    async with AsyncExitStack() as stack:
        yield await request.param(stack)


async def item_of(subscription: Subscription) -> Item:
    async with asyncio.timeout(5):
        return await anext(subscription)


async def test_what_is_published_is_heard_in_order(backend: Backend) -> None:
    async with await backend.listener.subscribe("a") as heard:
        for number in range(QUEUE):
            await backend.publisher.publish("a", bytes([number]))
        got = [await item_of(heard) for _ in range(QUEUE)]
    assert got == [Message("a", bytes([number])) for number in range(QUEUE)]


async def test_every_listener_hears_and_only_of_its_topics(backend: Backend) -> None:
    async with (
        await backend.listener.subscribe("a", "b") as both,
        await backend.listener.subscribe("b") as one,
        await backend.publisher.subscribe("b") as other_end,
    ):
        for topic in ("a", "c", "b"):
            await backend.publisher.publish(topic, b"")
        assert [await item_of(both), await item_of(both)] == [Message("a", b""), Message("b", b"")]
        assert await item_of(one) == Message("b", b"")
        assert await item_of(other_end) == Message("b", b"")


async def test_a_listener_hears_from_when_it_began(backend: Backend) -> None:
    await backend.publisher.publish("a", b"before")
    async with await backend.listener.subscribe("a") as heard:
        await backend.publisher.publish("a", b"after")
        assert await item_of(heard) == Message("a", b"after")


async def test_a_slow_listener_is_told_and_slows_nobody(backend: Backend) -> None:
    """Its oldest messages go; the newest come."""
    async with (
        await backend.listener.subscribe("a") as slow,
        await backend.listener.subscribe("a") as quick,
    ):
        last = 20 * QUEUE
        seen = 0
        for number in range(1, last + 1):
            await backend.publisher.publish("a", number.to_bytes(2, "big"))
            item = await item_of(quick)
            assert isinstance(item, Message)
            seen += 1
        assert seen == last
        assert await item_of(slow) == Lagged()
        rest = [await item_of(slow) for _ in range(QUEUE)]
        assert [m.body for m in rest if isinstance(m, Message)] == [
            number.to_bytes(2, "big") for number in range(last - QUEUE + 1, last + 1)
        ]


async def test_closing_ends_the_wait(backend: Backend) -> None:
    heard = await backend.listener.subscribe("a")
    waiting = asyncio.ensure_future(anext(heard, None))
    await asyncio.sleep(0)
    heard.close()
    async with asyncio.timeout(5):
        assert await waiting is None
    # Whoever publishes afterwards has nobody to wait for.
    await backend.publisher.publish("a", b"")
