"""The director and the roster: what changes is applied within a second, and once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest

from doubles import FakeMedia, desired, status, wish
from vms.cameras import RosterEntry
from vms.common import ConflictError, ManualClock, StreamName, UnavailableError
from vms.engine import AccessRules, Applied, DesiredState, StreamLimits
from vms.ingest import Bystander, Director, IngestWatch, Roster


class Cameras:
    """Cameras in memory, in place of the database."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)
        self.reads = 0
        self.away = False
        self.access = AccessRules()

    async def state(self) -> DesiredState:
        self.reads += 1
        if self.away:
            raise UnavailableError("away", code="database_unavailable")
        return DesiredState(0, tuple(map(wish, self.names)), self.access)

    async def roster(self) -> dict[str, RosterEntry]:
        return {
            name: RosterEntry(
                id=name,
                city="sp",
                name=name.title(),
                enabled=True,
                masked=False,
                groups=(),
                streams=(StreamName.MAIN,),
            )
            for name in self.names
        }


class Time:
    """A clock that the code's own pauses move."""

    def __init__(self) -> None:
        self.clock = ManualClock()

    async def sleep(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def running(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(one) for one in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(condition: object) -> None:
    async with asyncio.timeout(5):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0)


def ids(state: DesiredState) -> list[str]:
    return [camera.id for camera in state.cameras]


@pytest.fixture
def media() -> FakeMedia:
    return FakeMedia()


@pytest.fixture
def time() -> Time:
    return Time()


async def test_a_change_runs_within_a_second(media: FakeMedia, time: Time) -> None:
    cameras = Cameras("gate")
    director = Director(media, cameras.state, time.sleep)
    async with running(director.run()):
        await until(lambda: len(media.applied) == 1)
        cameras.names.append("yard")
        asked = time.clock.monotonic()
        director.wake()
        await until(lambda: len(media.applied) == 2)
        assert time.clock.monotonic() - asked < 1
    assert [ids(state) for state in media.applied] == [["gate"], ["gate", "yard"]]
    assert [state.generation for state in media.applied] == [1, 2]


async def test_a_thousand_changes_are_a_few_applies(media: FakeMedia, time: Time) -> None:
    cameras = Cameras()
    director = Director(media, cameras.state, time.sleep)
    async with running(director.run()):
        await until(lambda: len(media.applied) == 1)
        for number in range(1000):
            cameras.names.append(f"c{number}")
            director.wake()
            if number % 100 == 0:
                await asyncio.sleep(0)
        await until(lambda: len(media.held.cameras) == 1000)
    assert len(media.applied) <= 12
    assert cameras.reads <= 12


async def test_nothing_is_applied_where_nothing_changed(media: FakeMedia, time: Time) -> None:
    cameras = Cameras("gate")
    media.held = desired(wish("gate"))
    media.digest = media.held.digest()
    director = Director(media, cameras.state, time.sleep)
    async with running(director.run()):
        await until(lambda: cameras.reads == 1)
        director.wake()
        await until(lambda: cameras.reads == 2)
    assert media.applied == []


async def test_who_may_open_streams_is_applied_too(media: FakeMedia, time: Time) -> None:
    cameras = Cameras("gate")
    director = Director(media, cameras.state, time.sleep)
    async with running(director.run()):
        await until(lambda: len(media.applied) == 1)
        cameras.access = AccessRules(limits=StreamLimits(viewer=4))
        director.wake()
        await until(lambda: len(media.applied) == 2)
    assert media.held.access == cameras.access


async def test_a_change_waits_for_a_media_process_that_is_away(
    media: FakeMedia, time: Time
) -> None:
    cameras = Cameras("gate")
    director = Director(media, cameras.state, time.sleep)
    media.away = True
    async with running(director.run()):
        await until(lambda: cameras.reads == 3)
        media.away = False
        await until(lambda: len(media.applied) == 1)


async def test_a_database_that_is_away_leaves_running_what_runs(
    media: FakeMedia, time: Time
) -> None:
    cameras = Cameras("gate")
    cameras.away = True
    media.held = desired(wish("old"), generation=7)
    media.digest = media.held.digest()
    director = Director(media, cameras.state, time.sleep)
    watch = IngestWatch(media, desired(), time.clock, sleep=time.sleep, steering=director)
    async with running(director.run(), watch.run()):
        await until(lambda: watch.connected and cameras.reads > 3)
        assert media.applied == []
        cameras.away = False
        await until(lambda: media.applied)
    assert [(ids(state), state.generation) for state in media.applied] == [(["gate"], 8)]


async def test_a_media_process_that_comes_back_with_something_else_gets_it_again(
    media: FakeMedia, time: Time
) -> None:
    cameras = Cameras("gate")
    director = Director(media, cameras.state, time.sleep)
    watch = IngestWatch(media, desired(), time.clock, sleep=time.sleep, steering=director)
    async with running(director.run(), watch.run()):
        await until(lambda: watch.connected and len(media.applied) == 1)
        reads = cameras.reads
        media.held, media.digest = DesiredState(0, ()), ""
        media.restart("two")
        await until(lambda: len(media.applied) == 2)
        assert cameras.reads == reads
    assert ids(media.held) == ["gate"]


async def test_two_who_steer_do_not_take_each_others_word(media: FakeMedia, time: Time) -> None:
    class Raced(FakeMedia):
        async def apply(self, wished: DesiredState) -> Applied:
            if not self.applied:
                self.applied.append(wished)
                self.held = desired(wish("other"), generation=5)
                self.digest = self.held.digest()
                raise ConflictError("generation 1 is taken")
            return await super().apply(wished)

    raced = Raced()
    director = Director(raced, Cameras("gate").state, time.sleep)
    async with running(director.run()):
        await until(lambda: ids(raced.held) == ["gate"])
    assert raced.held.generation == 6
    assert media.applied == []


async def test_who_stands_by_applies_nothing(media: FakeMedia, time: Time) -> None:
    media.held = desired(wish("gate"), generation=3)
    watch = IngestWatch(media, desired(), time.clock, sleep=time.sleep, steering=Bystander())
    async with running(watch.run()):
        await until(lambda: watch.connected)
    assert media.applied == []


async def test_the_roster_brings_new_cameras_to_the_board(media: FakeMedia, time: Time) -> None:
    cameras = Cameras("gate")
    watch = IngestWatch(media, desired(), time.clock, sleep=time.sleep, steering=Bystander())
    roster = Roster(cameras.roster, watch, time.sleep)
    async with running(watch.run(), roster.run()):
        await until(lambda: watch.connected and roster.entries)
        # The media process tells of the camera before this process has heard of it.
        media.report = (status("gate"), status("yard"))
        cameras.names.append("yard")
        roster.wake()
        await until(lambda: len(roster.entries) == 2)
        views = {view.camera: (view.name, view.state) for view in await watch.streams()}
        assert views == {"gate": ("Gate", "live"), "yard": ("Yard", "live")}
        cameras.names.remove("gate")
        roster.wake()
        await until(lambda: len(watch.board.views()) == 1)
    assert roster.entries["yard"].city == "sp"
