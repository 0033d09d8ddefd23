"""The wall's messages: the whole first, then changes, then statistics."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec

import things
from doubles import FakeMedia, desired, event, status, wish
from vms.admin import Function, Principal, system_principal
from vms.api.events import EventQuery, Place, PlaceBook, Sight, WallFeed
from vms.common import CameraId, ManualClock, StreamName, StreamRef, SystemClock
from vms.engine import PushStatus, Reason, StreamState
from vms.ingest import IngestWatch

STATE = desired(wish("gate", StreamName.MAIN, StreamName.SUB), wish("yard"))
MAIN = StreamName.MAIN
EVERYTHING = Sight(system_principal("test"), EventQuery())


class FakePlaces:
    """Two cameras of two cities."""

    async def places(self) -> dict[str, Place]:
        return {"gate": Place("sp", frozenset({"g1"})), "yard": Place("rj")}


async def watched(media: FakeMedia) -> tuple[IngestWatch, asyncio.Task[None]]:
    watch = IngestWatch(media, STATE, ManualClock())
    task = asyncio.create_task(watch.run())
    async with asyncio.timeout(5):
        while not watch.connected:
            await asyncio.sleep(0)
    return watch, task


def feed_of(watch: IngestWatch, stats_s: float) -> WallFeed:
    clock = SystemClock()
    return WallFeed(watch, PlaceBook(FakePlaces(), clock), clock, stats_s)


async def hear(messages: AsyncIterator[str]) -> dict[str, Any]:
    async with asyncio.timeout(5):
        heard: dict[str, Any] = json.loads(await anext(messages))
    return heard


async def test_a_listener_hears_the_whole_then_changes(media: FakeMedia) -> None:
    watch, task = await watched(media)
    messages = feed_of(watch, 60).messages(EVERYTHING)
    first = await hear(messages)
    assert (first["type"], len(first["streams"]), first["cursor"]) == ("snapshot", 3, 0)
    media.journal.extend([event(0, "gate", StreamState.BACKING_OFF, Reason("timeout"))])
    change = await hear(messages)
    assert change["type"] == "stream"
    assert change["stream"]["camera"] == "gate"
    assert change["stream"]["reason"] == {"code": "timeout", "values": {}}
    task.cancel()


async def test_streams_that_come_or_go_make_another_snapshot(media: FakeMedia) -> None:
    watch, task = await watched(media)
    messages = feed_of(watch, 60).messages(EVERYTHING)
    await hear(messages)
    hearing = asyncio.create_task(hear(messages))
    await asyncio.sleep(0)
    await watch.expect(desired(wish("gate"), wish("new")).cameras)
    again = await hearing
    assert again["type"] == "snapshot"
    assert [stream["camera"] for stream in again["streams"]] == ["gate", "new"]
    task.cancel()


async def test_statistics_come_by_the_clock_and_are_made_once_for_all(media: FakeMedia) -> None:
    watch, task = await watched(media)
    feed = feed_of(watch, 0.02)
    listeners = [feed.messages(EVERYTHING) for _ in range(3)]
    for messages in listeners:
        await hear(messages)
    heard = [await hear(messages) for messages in listeners]
    assert [message["type"] for message in heard] == ["stats"] * 3
    assert [len(message["streams"]) for message in heard] == [3] * 3
    task.cancel()


def cameras(message: dict[str, Any]) -> set[str]:
    found = message["streams"] if "streams" in message else [message["stream"]]
    return {stream["camera"] for stream in found}


async def test_nobody_is_told_of_what_he_may_not_watch(media: FakeMedia) -> None:
    watch, task = await watched(media)
    feed = feed_of(watch, 0.02)
    seen: list[tuple[Principal, EventQuery, set[str]]] = [
        (things.person("ana", "city:sp"), EventQuery(), {"gate"}),
        (things.person("ana", "city:sp"), EventQuery(camera="yard"), set()),
        (things.person("bruno", "city:rj"), EventQuery(), {"yard"}),
        (things.person("carla", "group:sp/g1"), EventQuery(), {"gate"}),
        (things.person("carla", "group:rj/g1"), EventQuery(), set()),
        (things.person("root", "platform"), EventQuery(), {"gate", "yard"}),
        (things.person("root", "platform"), EventQuery(city="rj"), {"yard"}),
        (things.person("none", "city:sp", frozenset()), EventQuery(), set()),
    ]
    for who, asked, expected in seen:
        messages = feed.messages(Sight(who, asked))
        assert cameras(await hear(messages)) == expected
        assert cameras(await hear(messages)) == expected
        views = await feed.streams(Sight(who, asked))
        assert {view.camera for view in views} == expected
        for camera in ("gate", "yard", "nobody"):
            view = await feed.stream(Sight(who, asked), StreamRef(CameraId(camera), MAIN))
            assert (view is not None) == (camera in expected)
            assert view is None or view in views
    task.cancel()


async def test_whom_a_stream_is_brought_to_is_told_to_who_may_read_its_camera_alone(
    media: FakeMedia,
) -> None:
    target = PushStatus("192.0.2.30:9000", StreamState.LIVE)
    media.report = (msgspec.structs.replace(status("gate"), push=(target,)),)
    watch, task = await watched(media)
    feed = feed_of(watch, 60)
    for functions, told in ((things.WATCHER, (target,)), (frozenset({Function.LIVE_VIEW}), ())):
        sight = Sight(things.person("ana", "city:sp", functions), EventQuery())
        main, sub = await feed.streams(sight)
        assert (main.push, sub.push) == (told, ())
        assert await feed.stream(sight, StreamRef(CameraId("gate"), MAIN)) == main
        heard = await hear(feed.messages(sight))
        assert [len(stream["push"]) for stream in heard["streams"]] == [len(told), 0]
    task.cancel()


async def test_a_change_is_told_to_who_may_watch_it_alone(media: FakeMedia) -> None:
    watch, task = await watched(media)
    feed = feed_of(watch, 60)
    ana, bruno = (
        feed.messages(Sight(things.person(name, scope), EventQuery()))
        for name, scope in (("ana", "city:sp"), ("bruno", "city:rj"))
    )
    for messages in (ana, bruno):
        await hear(messages)
    media.journal.extend([event(0, "gate", StreamState.BACKING_OFF, Reason("timeout"))])
    assert cameras(await hear(ana)) == {"gate"}
    media.journal.extend([event(1, "yard", StreamState.BACKING_OFF, Reason("timeout"))])
    assert cameras(await hear(bruno)) == {"yard"}
    task.cancel()
