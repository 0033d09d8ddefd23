"""Domain events: each sees his own, none is lost, nobody slows another."""

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

import things
from vms.admin import CallerKind, Function, Principal, system_principal
from vms.api import running
from vms.api.events import (
    EventHub,
    EventQuery,
    Listener,
    Listeners,
    OutboxSource,
    Place,
    PlaceBook,
    Sight,
    as_frame,
    as_stream,
)
from vms.bus import MemoryBus
from vms.common import ConflictError, ManualClock, TooManyError, UnavailableError
from vms.database import PLATFORM, Database
from vms.outbox import Posted, Relay, emit
from vms.proto.events import (
    CameraOffline,
    CameraOnline,
    CameraUpdated,
    CityUpdated,
    DomainEvent,
    GrantChanged,
    SessionRevoked,
    UserCreated,
    encode_event,
    event_name,
)

PLACES = {
    "gate": Place("sp", frozenset({"g1"})),
    "yard": Place("sp"),
    "dock": Place("rj", frozenset({"g1"})),
}
ALL = system_principal("test")
Collect = Callable[[Sight, int], Any]


def online(camera: str, city: str = "sp") -> CameraOnline:
    return CameraOnline(city=city, at_us=1, camera=camera)


def posted(position: int, event: DomainEvent) -> Posted:
    return Posted(position, event.city, event_name(event), msgspec.Raw(encode_event(event)))


class FakePlaces:
    """Knows the cameras of two cities."""

    def __init__(self) -> None:
        self.asked = 0
        self.away = False

    async def places(self) -> dict[str, Place]:
        self.asked += 1
        if self.away:
            raise UnavailableError("away")
        return dict(PLACES)


class FakeSource:
    """Events in memory; keeps those after ``purged``."""

    def __init__(self, *events: DomainEvent) -> None:
        self.all: list[Posted] = []
        self.purged = 0
        self.reads = 0
        self.more = asyncio.Event()
        self.lost = False
        self.post(*events)

    def lose(self) -> None:
        """End what is being followed, as a loss of the database does."""
        self.lost = True
        self.more.set()

    def post(self, *events: DomainEvent) -> None:
        for event in events:
            self.all.append(posted(len(self.all) + 1, event))
        self.more.set()

    async def newest(self) -> int:
        return len(self.all)

    async def read(self, after: int, limit: int) -> list[Posted]:
        self.reads += 1
        if not self.purged <= after <= len(self.all):
            raise ConflictError("too old", code="cursor_expired")
        return self.all[after : after + limit]

    async def follow(self, after: int) -> AsyncIterator[Posted]:
        at = after
        while True:
            self.more.clear()
            for one in await self.read(at, 10**6):
                at = one.position
                yield one
            await self.more.wait()
            if self.lost:
                self.lost = False
                raise UnavailableError("away")


class Stage:
    """A hub that runs, and listeners to it."""

    def __init__(self, source: FakeSource, ring: int = 100) -> None:
        self.source = source
        self.clock = ManualClock()
        self.places = FakePlaces()
        self.hub = EventHub(
            source,
            PlaceBook(self.places, self.clock),
            self.clock,
            ring=ring,
            sleep=lambda _seconds: asyncio.sleep(0),
        )

    def listen(self, who: Principal = ALL, **asked: Any) -> AsyncIterator[str]:  # noqa: ANN401
        listener = Listener(Sight(who, EventQuery(**asked)))
        return listener.told(self.hub, self.clock, as_frame)

    async def followed(self) -> None:
        async with asyncio.timeout(5):
            while self.hub.position < len(self.source.all):
                await asyncio.sleep(0)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made = Stage(FakeSource())
    running = asyncio.create_task(made.hub.run())
    yield made
    running.cancel()


async def hear(told: AsyncIterator[str]) -> dict[str, Any]:
    async with asyncio.timeout(5):
        heard: dict[str, Any] = json.loads(await anext(told))
    return heard


async def silent(told: AsyncIterator[str]) -> bool:
    try:
        async with asyncio.timeout(0.05):
            await anext(told)
    except TimeoutError:
        return True
    return False


async def test_a_listener_hears_what_happens_from_now_on(stage: Stage) -> None:
    stage.source.post(online("gate"))
    await stage.followed()
    told = stage.listen()
    assert await hear(told) == {"type": "position", "position": 1}
    stage.source.post(CameraOffline(city="sp", at_us=7, camera="gate", reason="timeout"))
    assert await hear(told) == {
        "type": "event",
        "position": 2,
        "event": {
            "event": "camera.offline",
            "city": "sp",
            "at_us": 7,
            "camera": "gate",
            "reason": "timeout",
        },
    }


async def test_several_at_once_come_in_one_message(stage: Stage) -> None:
    told = stage.listen()
    await hear(told)
    stage.source.post(online("gate"), online("yard"))
    await stage.followed()
    heard = await hear(told)
    assert (heard["type"], [one["position"] for one in heard["items"]]) == ("events", [1, 2])


async def test_a_cursor_resumes_without_loss(stage: Stage) -> None:
    stage.source.post(*(online("gate") for _ in range(5)))
    await stage.followed()
    told = stage.listen(cursor=2)
    assert await hear(told) == {"type": "position", "position": 2}
    assert [one["position"] for one in (await hear(told))["items"]] == [3, 4, 5]


async def test_a_cursor_older_than_the_ring_is_read_from_the_outbox() -> None:
    stage = Stage(FakeSource(), ring=10)
    running = asyncio.create_task(stage.hub.run())
    stage.source.post(*(online("gate") for _ in range(1200)))
    await stage.hub.ready()
    await stage.followed()
    told, heard = stage.listen(cursor=3), []
    await hear(told)
    while not heard or heard[-1] < 1200:
        heard += [one["position"] for one in (await hear(told))["items"]]
    assert heard == list(range(4, 1201))
    running.cancel()


@pytest.mark.parametrize("cursor", [3, 99])
async def test_a_cursor_of_what_is_kept_no_more_is_told_so(stage: Stage, cursor: int) -> None:
    stage.source.purged = 8
    stage.source.post(*(online("gate") for _ in range(10)))
    await stage.hub.ready()
    told = stage.listen(cursor=cursor)
    assert await hear(told) == {"type": "reset", "position": stage.hub.position}
    stage.source.post(online("gate"))
    await stage.followed()
    while (heard := await hear(told))["type"] == "events":
        pass
    assert heard["position"] == 11


async def test_a_slow_listener_is_told_and_loses_nothing() -> None:
    stage = Stage(FakeSource(), ring=500)
    running = asyncio.create_task(stage.hub.run())
    told = stage.listen()
    await hear(told)
    stage.source.post(*(online("gate") for _ in range(3000)))
    await stage.followed()
    assert await hear(told) == {"type": "lagged", "position": 0}
    heard: list[int] = []
    while not heard or heard[-1] < 3000:
        heard += [one["position"] for one in (await hear(told))["items"]]
    assert heard == list(range(1, 3001))
    running.cancel()


async def test_a_worker_that_was_away_too_long_says_so_to_its_listeners(stage: Stage) -> None:
    told = stage.listen()
    await hear(told)
    stage.source.all += [posted(number, online("gate")) for number in range(1, 51)]
    stage.source.purged = 40
    stage.source.lose()
    assert await hear(told) == {"type": "reset", "position": 50}
    stage.source.post(online("yard"))
    assert (await hear(told))["position"] == 51


SEEN: list[tuple[str, frozenset[Function], dict[str, str], list[int]]] = [
    ("platform", things.WATCHER | {Function.CITY_READ, Function.USER_READ}, {}, [1, 2, 3, 4, 5, 6]),
    ("city:sp", things.WATCHER, {}, [1, 2]),
    ("city:sp", things.WATCHER | {Function.CITY_READ}, {}, [1, 2, 4]),
    ("city:sp", things.WATCHER | {Function.USER_READ}, {}, [1, 2, 5]),
    ("city:sp", things.WATCHER - {Function.EVENT_READ}, {}, []),
    ("city:sp", things.WATCHER - {Function.CAMERA_READ}, {}, []),
    ("city:sp", things.WATCHER, {"camera": "gate,dock"}, [1]),
    ("city:sp", things.WATCHER, {"city": "rj"}, []),
    ("city:sp", things.WATCHER, {"kind": "camera.updated,stream"}, [2]),
    ("group:sp/g1", things.WATCHER, {}, [1]),
    ("camera:sp/yard", things.WATCHER, {}, [2]),
    ("city:rj", things.WATCHER, {}, [3]),
    ("group:rj/g1", things.WATCHER, {}, [3]),
]


@pytest.mark.parametrize(("scope", "functions", "asked", "positions"), SEEN)
async def test_each_sees_what_is_his_and_what_he_asked_for(
    stage: Stage,
    scope: str,
    functions: frozenset[Function],
    asked: dict[str, str],
    positions: list[int],
) -> None:
    told = stage.listen(things.person("ana", scope, functions), cursor=0, **asked)
    stage.source.post(
        online("gate"),
        CameraUpdated(city="sp", at_us=1, camera="yard"),
        online("dock", "rj"),
        CityUpdated(city="sp", at_us=1),
        UserCreated(city="sp", at_us=1, user="bruno"),
        UserCreated(city=None, at_us=1, user="root"),
    )
    await stage.followed()
    await hear(told)
    if not positions:
        assert await silent(told)
        return
    heard = await hear(told)
    items = heard.get("items") or [heard]
    assert [one["position"] for one in items] == positions


async def test_a_camera_that_says_it_is_elsewhere_is_not_seen_by_its_group(stage: Stage) -> None:
    told = stage.listen(things.person("ana", "group:sp/g1"), cursor=0)
    await hear(told)
    stage.source.post(online("dock", "sp"))
    assert await silent(told)


async def test_who_sees_nothing_still_learns_how_far_it_went(stage: Stage) -> None:
    told = stage.listen(things.person("ana", "city:rj"))
    await hear(told)
    stage.source.post(online("gate"))
    await stage.followed()
    assert await silent(told)
    told = stage.listen(things.person("ana", "city:rj"), cursor=0)
    await hear(told)
    stage.clock.advance(31)
    assert await hear(told) == {"type": "position", "position": 1}


async def test_what_many_see_alike_is_written_once(stage: Stage) -> None:
    written: list[str] = []

    def write(told: Any) -> str:  # noqa: ANN401 - of the face
        written.append(as_frame(told))
        return written[-1]

    people = [things.person(name) for name in ("ana", "bruno", "carla")]
    listeners = [
        Listener(Sight(who, EventQuery(cursor=0))).told(stage.hub, stage.clock, write)
        for who in people
    ]
    for told in listeners:
        await hear(told)
    del written[:]
    stage.source.post(online("gate"))
    await stage.followed()
    heard = [await anext(told) for told in listeners]
    assert len(written) == 1
    assert all(text is heard[0] for text in heard)
    assert stage.places.asked == 1


async def test_places_are_read_anew_when_cameras_change_and_kept_when_they_cannot_be(
    stage: Stage,
) -> None:
    told = stage.listen(things.person("ana"))
    await hear(told)
    for asked in (1, 2):
        stage.source.post(CameraUpdated(city="sp", at_us=1, camera="gate"))
        await hear(told)
        assert stage.places.asked == asked
    stage.places.away = True
    stage.source.post(online("gate"))
    assert (await hear(told))["event"]["camera"] == "gate"


def test_server_sent_events_carry_the_position_as_their_id() -> None:
    from vms.api.events.wire import Note, Part  # noqa: PLC0415 - of the package alone

    event = online("gate")
    body = encode_event(event).decode()
    text = as_stream(Part([posted(7, event), posted(9, event)], 9))
    told = f"event: camera.online\ndata: {body}\n\n"
    assert text == f"id: 7\n{told}id: 9\n{told}"
    assert as_stream(Note("reset", 9)) == "id: 9\nevent: reset\ndata: 9\n\n"


async def test_who_is_signed_out_is_cut_and_who_may_less_too() -> None:
    gate = things.FakeGate({name: things.person(name) for name in ("ana", "bruno", "carla")})
    listeners = Listeners(gate.renewed, gate.heard)
    watching = asyncio.create_task(listeners.watch())
    ana, bruno, carla = (
        listeners.add(Sight(gate.people[name], EventQuery())) for name in gate.people
    )
    del gate.people["ana"]
    gate.people["bruno"] = things.person("bruno", "camera:sp/gate")
    revoked = SessionRevoked(city="sp", at_us=1, user="ana", session="ana")
    listeners.heard(posted(1, revoked))
    await asyncio.wait_for(ana.cut.wait(), 2)
    assert (ana.why, gate.events) == ("session_ended", [revoked])
    assert not bruno.cut.is_set(), "nobody said anything of him"
    listeners.heard(posted(2, GrantChanged(city="sp", at_us=1, user=None)))
    await asyncio.wait_for(bruno.cut.wait(), 2)
    assert bruno.why == "permissions_changed"
    assert not carla.cut.is_set()
    listeners.heard(posted(3, online("gate")))
    assert len(gate.events) == 2
    watching.cancel()


async def test_an_event_of_a_newer_version_looks_everybody_up() -> None:
    gate = things.FakeGate({"ana": things.person("ana")})
    listeners = Listeners(gate.renewed, gate.heard)
    watching = asyncio.create_task(listeners.watch())
    listener = listeners.add(Sight(gate.people.pop("ana"), EventQuery()))
    body = msgspec.Raw(b'{"event":"user.renamed","city":"sp","at_us":1}')
    listeners.heard(Posted(1, "sp", "user.renamed", body))
    await asyncio.wait_for(listener.cut.wait(), 2)
    assert gate.events == []
    watching.cancel()


async def test_what_runs_beside_begins_again_after_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vms.api.app.AGAIN_S", 0)
    tries = asyncio.Queue[int]()

    async def work() -> None:
        await tries.put(1)
        if tries.qsize() < 3:
            raise RuntimeError("a bug")

    async with running(work):
        async with asyncio.timeout(5):
            while tries.qsize() < 3:
                await asyncio.sleep(0)
    assert tries.qsize() == 3


async def test_an_api_key_that_was_withdrawn_is_cut_without_an_event() -> None:
    key = dataclasses.replace(things.person("k1"), kind=CallerKind.API_KEY)
    gate = things.FakeGate({"k1": key})
    listeners = Listeners(gate.renewed, gate.heard)
    watching = asyncio.create_task(listeners.watch())
    listener = listeners.add(Sight(key, EventQuery()))
    del gate.people["k1"]
    await asyncio.wait_for(listener.cut.wait(), 2)
    watching.cancel()


async def test_one_caller_cannot_take_every_place() -> None:
    gate = things.FakeGate({})
    listeners = Listeners(gate.renewed, gate.heard)
    sight = Sight(things.person("ana"), EventQuery())
    mine = [listeners.add(sight) for _ in range(64)]
    with pytest.raises(TooManyError) as refused:
        listeners.add(sight)
    assert refused.value.code == "listeners_limit"
    listeners.add(Sight(things.person("bruno"), EventQuery()))
    listeners.remove(mine[0])
    listeners.add(sight)
    assert len(listeners) == 65


async def test_events_come_from_the_outbox_by_the_bus(database: Database) -> None:
    bus, clock = MemoryBus(), ManualClock()
    relay = Relay(database, bus, clock)
    hub = EventHub(OutboxSource(database, bus), PlaceBook(FakePlaces(), clock), clock)
    running = asyncio.create_task(hub.run())
    await hub.ready()
    told = Listener(Sight(things.person("ana"), EventQuery())).told(hub, clock, as_frame)
    assert await hear(told) == {"type": "position", "position": 0}
    for camera in ("gate", "yard"):
        await database.run(lambda unit, camera=camera: emit(unit, online(camera)), PLATFORM)
        await relay.relay_once()
        heard = await hear(told)
        assert heard["event"]["camera"] == camera
    again = Listener(Sight(things.person("ana"), EventQuery(cursor=1)))
    told = again.told(hub, clock, as_frame)
    await hear(told)
    assert (await hear(told))["event"]["camera"] == "yard"
    running.cancel()
