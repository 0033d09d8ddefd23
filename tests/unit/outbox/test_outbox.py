"""The outbox: nothing lost, one order, no gaps."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable

import pytest

from vms.bus import MemoryBus
from vms.common import ConflictError, ManualClock, SystemClock
from vms.database import PLATFORM, CityScope, Database
from vms.outbox import Posted, Relay, Waker, emit, follow, last_position, read_after
from vms.proto.events import CameraCreated, CityUpdated, UserCreated

HOUR_S = 3_600


def created(camera: str, city: str = "sp", at_us: int = 1) -> CameraCreated:
    return CameraCreated(city=city, at_us=at_us, camera=camera)


async def put(database: Database, *cameras: str) -> None:
    for camera in cameras:
        await database.run(lambda unit, camera=camera: emit(unit, created(camera)), PLATFORM)


async def kept(database: Database, after: int = 0) -> list[Posted]:
    return await database.run(lambda unit: read_after(unit, after), PLATFORM, read=True)


def cameras(posted: list[Posted]) -> list[str]:
    return [each.event.camera for each in posted]  # type: ignore[attr-defined]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def bus() -> MemoryBus:
    return MemoryBus()


@pytest.fixture
def relay(database: Database, bus: MemoryBus, clock: ManualClock) -> Relay:
    return Relay(database, bus, clock)


async def test_events_get_positions_without_gaps_and_are_published(
    database: Database, bus: MemoryBus, relay: Relay
) -> None:
    heard = await bus.subscribe("events")
    await put(database, "a", "b")
    with pytest.raises(RuntimeError):
        await database.run(lambda unit: (emit(unit, created("undone")), fail()), PLATFORM)
    await put(database, "c")
    assert await relay.relay_once() == 3
    assert await relay.relay_once() == 0
    posted = await kept(database)
    assert [each.position for each in posted] == [1, 2, 3], "what was rolled back leaves no hole"
    assert cameras(posted) == ["a", "b", "c"]
    assert posted[0].name == "camera.created"
    for each in posted:
        message = await anext(heard)
        assert f'"position":{each.position}'.encode() in message.body  # type: ignore[union-attr]


def fail() -> None:
    raise RuntimeError


async def test_reading_resumes_after_a_position(database: Database, relay: Relay) -> None:
    await put(database, *"abcde")
    await relay.relay_once()
    assert cameras(await kept(database, 3)) == ["d", "e"]
    some = await database.run(lambda unit: read_after(unit, 1, 2), PLATFORM, read=True)
    assert cameras(some) == ["b", "c"]
    assert await database.run(last_position, PLATFORM, read=True) == 5
    assert await kept(database, 5) == []


async def test_a_city_reads_its_own_events_only(database: Database, relay: Relay) -> None:
    for event in (
        created("a", "sp"),
        created("b", "rio"),
        UserCreated(city=None, at_us=1, user="u"),
        CityUpdated(city="sp", at_us=1),
    ):
        await database.run(lambda unit, event=event: emit(unit, event), PLATFORM)
    await relay.relay_once()
    seen = await database.run(lambda unit: read_after(unit, 0), CityScope("sp"), read=True)
    assert [(each.position, each.city) for each in seen] == [(1, "sp"), (4, "sp")]


async def test_a_late_commit_comes_after_and_is_not_skipped(
    database: Database, relay: Relay, open_database: Callable[..., Database], database_address: str
) -> None:
    """Its row was written before another's that is published already."""
    if database.store.name == "sqlite":
        pytest.skip("SQLite has one writer at a time: commits come in the order of writing")
    written, go = threading.Event(), threading.Event()

    def slow(unit: object) -> None:
        emit(unit, created("late"))  # type: ignore[arg-type]
        written.set()
        assert go.wait(10)

    other = open_database(database_address)
    late = asyncio.create_task(other.run(slow, PLATFORM))
    await asyncio.to_thread(written.wait, 10)
    await put(database, "early")
    await relay.relay_once()
    assert cameras(await kept(database)) == ["early"]
    go.set()
    await late
    await relay.relay_once()
    assert cameras(await kept(database, 1)) == ["late"]


async def test_two_relays_at_once_give_each_position_once(
    database: Database, bus: MemoryBus, clock: ManualClock, relay: Relay
) -> None:
    other = Relay(database, bus, clock)
    heard = await bus.subscribe("events")
    for _ in range(5):
        await put(database, *"abcd")
        await asyncio.gather(relay.relay_once(), other.relay_once())
    while await relay.relay_once() or await other.relay_once():
        pass
    assert [each.position for each in await kept(database)] == list(range(1, 21))
    assert len({(await anext(heard)).body for _ in range(20)}) == 20  # type: ignore[union-attr]


async def test_a_relay_leaves_the_work_to_who_holds_the_lease(
    database: Database, clock: ManualClock, relay: Relay
) -> None:
    bus = StuckBus()
    holder = Relay(database, bus, clock)
    await put(database, "a")
    holding = asyncio.create_task(holder.relay_once())
    await bus.reached.wait()
    assert await relay.relay_once() == 0
    clock.advance(11)
    assert await relay.relay_once() == 1, "the lease has run out"
    bus.go.set()
    await holding
    assert [each.position for each in await kept(database)] == [1]
    assert await relay.relay_once() == 0


class StuckBus(MemoryBus):
    """A bus on which publishing takes as long as the test wants."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = asyncio.Event()
        self.go = asyncio.Event()

    async def publish(self, topic: str, body: bytes) -> None:
        self.reached.set()
        await self.go.wait()
        await super().publish(topic, body)


async def test_what_could_not_be_published_comes_again(
    database: Database, bus: MemoryBus, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        fail()

    await put(database, "a", "b")
    with monkeypatch.context() as patched:
        patched.setattr(bus, "publish", broken)
        with pytest.raises(RuntimeError):
            await relay.relay_once()
    heard = await bus.subscribe("events")
    assert await relay.relay_once() == 2
    assert b'"position":1' in (await anext(heard)).body  # type: ignore[union-attr]


async def test_old_events_are_removed_and_old_cursors_refused(
    database: Database, clock: ManualClock, relay: Relay
) -> None:
    now = clock.utc_us()
    for camera, age_s in (("old", HOUR_S + 1), ("new", HOUR_S - 600)):
        event = created(camera, at_us=now - age_s * 1_000_000)
        await database.run(lambda unit, event=event: emit(unit, event), PLATFORM)
    await relay.purge_when_due()
    await relay.relay_once()
    assert len(await kept(database)) == 2, "what is not published yet stays"
    await relay.purge_when_due()
    assert len(await kept(database)) == 2, "not due"
    clock.advance(61)
    await relay.purge_when_due()
    assert cameras(await kept(database, 1)) == ["new"]
    for cursor in (0, 3, -1):
        with pytest.raises(ConflictError) as refused:
            await kept(database, cursor)
        assert refused.value.code == "cursor_expired"
    assert refused.value.values == {"cursor": -1, "oldest": 1, "newest": 2}


@pytest.fixture
async def running(database: Database, bus: MemoryBus) -> AsyncIterator[None]:
    relay = Relay(database, bus, SystemClock())
    tasks = [asyncio.create_task(relay.run()), asyncio.create_task(Waker(database, bus).run())]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.usefixtures("running")
async def test_a_commit_wakes_the_relay(
    database: Database, bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its call nothing would come within the test's limit."""
    monkeypatch.setattr("vms.outbox.relay.POLL_S", 60.0)
    events = follow(database, bus)
    async with asyncio.timeout(10):
        await put(database, "warm")
        first = asyncio.ensure_future(anext(events))
        while not first.done():
            await put(database, "a")
            await asyncio.wait({first}, timeout=0.05)
        # From here on the follower listens and the relay waits for calls only.
        await asyncio.sleep(0.2)
        await put(database, "z")
        while True:
            if (await anext(events)).event.camera == "z":  # type: ignore[attr-defined]
                break
    await events.aclose()  # type: ignore[attr-defined]


async def test_the_relay_looks_by_itself_too(
    database: Database, bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no call reaches it: the committing process was killed before it called."""
    monkeypatch.setattr("vms.outbox.relay.POLL_S", 0.01)
    task = asyncio.create_task(Relay(database, bus, SystemClock()).run())
    await put(database, "a")
    async with asyncio.timeout(10):
        async for posted in follow(database, bus, 0):
            assert posted.position == 1
            break
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_follower_fills_what_the_bus_lost(database: Database, clock: ManualClock) -> None:
    """Duplicates are skipped, holes read from the outbox, order kept."""
    bus = MemoryBus(limit=2)
    relay = Relay(database, bus, clock)
    await put(database, *"ab")
    await relay.relay_once()
    seen: list[int] = []

    async def listen() -> None:
        async for posted in follow(database, bus, 0):
            seen.append(posted.position)
            if posted.position == 22:
                return

    listening = asyncio.create_task(listen())
    while len(seen) < 2:
        await asyncio.sleep(0)
    await put(database, *"cdefghijkl", *"mnopqrstuv")
    await relay.relay_once()
    async with asyncio.timeout(10):
        await listening
    assert seen == list(range(1, 23))


async def test_a_follower_from_now_on_hears_only_what_comes(
    database: Database, bus: MemoryBus, relay: Relay
) -> None:
    await put(database, "before")
    await relay.relay_once()
    events = follow(database, bus)
    coming = asyncio.ensure_future(anext(events))
    while not bus._listeners:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    await put(database, "after")
    await relay.relay_once()
    async with asyncio.timeout(10):
        assert (await coming).event == created("after")
    await events.aclose()  # type: ignore[attr-defined]


async def test_a_follower_with_an_old_cursor_is_told(database: Database, bus: MemoryBus) -> None:
    with pytest.raises(ConflictError):
        await anext(follow(database, bus, 99))
