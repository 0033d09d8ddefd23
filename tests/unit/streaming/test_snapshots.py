"""Stills of live pictures: who may look, what is written, what is made only once."""

import asyncio

import pytest

from viewing import FakeCameras, LiveCameras
from vms.admin import CallerKind, Function, Held, Principal, Rights, Scope
from vms.common import (
    CameraId,
    ForbiddenError,
    ManualClock,
    NotFoundError,
    StreamRef,
    TooManyError,
    UnavailableError,
)
from vms.database import PLATFORM, Database
from vms.streaming import Snapshots

GATE, PIER = StreamRef(CameraId("gate")), StreamRef(CameraId("pier"))


def person(function: Function, session: str = "s1") -> Principal:
    held = Held(frozenset({function}), Scope.parse("city:sp"))
    return Principal(
        kind=CallerKind.USER,
        id="ana",
        user="ana",
        session=session,
        rights=(Rights([held]),),
        home="sp",
    )


ANA = person(Function.LIVE_VIEW)


class Place:
    def __init__(self, database: Database) -> None:
        self.database, self.clock, self.cameras = database, ManualClock(), LiveCameras()
        self.snapshots = Snapshots(database, FakeCameras(), self.cameras, self.cameras, self.clock)

    def lines(self) -> list[str]:
        sql = "SELECT action FROM audit_lines"
        rows = self.database.run_sync(lambda unit: unit.rows(sql), PLATFORM)
        return [str(row[0]) for row in rows]


@pytest.fixture
def place(database: Database) -> Place:
    return Place(database)


async def test_one_picture_serves_all_within_a_second_and_a_look_is_one_line_an_hour(
    place: Place,
) -> None:
    first = await place.snapshots.take(ANA, GATE, 320)
    assert (first.at_us, first.width, first.data) == (77, 320, b"JPEG of 1")
    assert place.cameras.asked == ["gate/main"]
    assert place.cameras.jobs[0].data == b"\0\0\0\1\x65"
    assert (await place.snapshots.take(ANA, GATE, 320)) is first
    assert (await place.snapshots.take(ANA, GATE, 640)).data == b"JPEG of 2"
    place.clock.advance(1.0)
    assert (await place.snapshots.take(ANA, GATE, 320)).data == b"JPEG of 3"
    assert place.lines() == ["stream.snapshot"]
    await place.snapshots.take(person(Function.LIVE_VIEW, "s2"), GATE, 320)
    place.clock.advance(3_600)
    await place.snapshots.take(ANA, GATE, 320)
    assert place.lines() == ["stream.snapshot"] * 3


async def test_who_may_not_watch_gets_no_picture_that_others_had(place: Place) -> None:
    await place.snapshots.take(ANA, GATE)
    with pytest.raises(ForbiddenError):
        await place.snapshots.take(person(Function.PLAYBACK_VIEW), GATE)
    with pytest.raises(NotFoundError, match="no camera 'pier'"):
        await place.snapshots.take(ANA, PIER)
    assert place.lines() == ["stream.snapshot"]


async def test_who_gives_up_leaves_it_to_the_others_and_an_error_is_not_kept(place: Place) -> None:
    place.cameras.may_answer.clear()
    ones = [asyncio.create_task(place.snapshots.take(ANA, GATE)) for _ in range(3)]
    while not place.cameras.asked:
        await asyncio.sleep(0)
    ones[0].cancel()
    place.cameras.may_answer.set()
    assert [(await one).data for one in ones[1:]] == [b"JPEG of 1"] * 2
    assert place.cameras.asked == ["gate/main"]
    place.clock.advance(1.0)
    place.cameras.broken = True
    with pytest.raises(UnavailableError):
        await place.snapshots.take(ANA, GATE)
    place.cameras.broken = False
    assert (await place.snapshots.take(ANA, GATE)).data == b"JPEG of 2"


async def test_more_than_can_be_made_are_refused(place: Place) -> None:
    place.cameras.may_answer.clear()
    widths = range(16, 32)
    ones = [asyncio.create_task(place.snapshots.take(ANA, GATE, width)) for width in widths]
    while len(place.cameras.asked) < len(widths):
        await asyncio.sleep(0.001)
    with pytest.raises(TooManyError, match="16 pictures"):
        await place.snapshots.take(ANA, GATE, 99)
    place.cameras.may_answer.set()
    await asyncio.gather(*ones)
    assert (await place.snapshots.take(ANA, GATE, 99)).width == 99
