"""The catalogue follows the disks, through the absence of anything."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec
import pytest

from doubles import FakeMedia
from recorder import BEGIN_US, HOUR_US, gap, part
from vms.common import StreamName, UnavailableError
from vms.database import PLATFORM, Unit
from vms.engine import Event
from vms.engine.recording import Inventory, Volume
from vms.proto.events import RecordingGap, RecordingStarted, RecordingStopped, VolumeState
from vms.recording import CatalogueRecorder, Reader

from .conftest import Studio, manager, until

ALL_TIME = (0, 4_000_000_000_000_000)
NOW = 4_000_000_000_000_000


def rows(studio: Studio, table: str = "recorded_parts") -> list[tuple[object, ...]]:
    def read(unit: Unit) -> list[tuple[object, ...]]:
        return unit.rows(f"SELECT camera, stream, from_us, to_us FROM {table} ORDER BY 1, 2, 3")  # noqa: S608

    return studio.database.run_sync(read, PLATFORM, read=True)


async def put(studio: Studio, *, announce: bool = True) -> object:
    found = Inventory(tuple(studio.recorder.parts), tuple(studio.recorder.gaps))
    catalogue = studio.recordings.catalogue
    return await catalogue.put("sp", "gate", ALL_TIME, found, announce=announce)


async def test_writing_the_same_again_changes_nothing(studio: Studio) -> None:
    studio.recorder.parts = [part(hour=0), part(hour=1, open_=True, events=((1, 2),))]
    studio.recorder.gaps = [gap(hour=5)]
    await put(studio)
    kept = rows(studio)
    again = await put(studio)
    assert (again.put_parts, again.put_gaps, again.removed_parts) == ([], [], 0)  # type: ignore[attr-defined]
    assert rows(studio) == kept
    assert len(kept) == 2


async def test_what_is_gone_from_the_disk_is_gone_here(studio: Studio) -> None:
    studio.recorder.parts = [part(hour=0), part(hour=1)]
    studio.recorder.gaps = [gap(hour=2), gap(hour=3)]
    await put(studio)
    del studio.recorder.parts[0], studio.recorder.gaps[1]
    await put(studio)
    assert [row[2] for row in rows(studio)] == [BEGIN_US + HOUR_US]
    assert len(rows(studio, "recorded_gaps")) == 1


async def test_beginning_ending_and_gaps_are_told_once(studio: Studio) -> None:
    catalogue_of = studio.recorder
    catalogue_of.parts = [part(hour=99, open_=True)]
    await put(studio)
    await put(studio)
    assert [type(one) for one in studio.events()] == [RecordingStarted]
    # Hour after hour is no news.
    catalogue_of.parts = [part(hour=99), part(hour=100, open_=True)]
    await put(studio)
    assert len(studio.events()) == 1
    catalogue_of.parts = [part(hour=99), part(hour=100)]
    catalogue_of.gaps = [gap(hour=100, open_=True), gap(hour=98, reason="schedule", open_=True)]
    await put(studio)
    ended, alarm = studio.events()[1:]
    assert isinstance(ended, RecordingStopped)
    assert isinstance(alarm, RecordingGap)
    assert (alarm.reason, alarm.to_us, alarm.city) == ("camera_off", None, "sp")
    # One that lasts is no news, however late it is asked for.
    late = (ALL_TIME[1] - 1, ALL_TIME[1])
    lasting = [msgspec.structs.replace(one, to_us=ALL_TIME[1]) for one in catalogue_of.gaps]
    found = Inventory((), tuple(lasting))
    await studio.recordings.catalogue.put("sp", "gate", late, found, announce=True)
    assert len(studio.events()) == 3
    await put(studio)
    # Old gaps that are found are history.
    catalogue_of.gaps.append(gap(hour=3))
    await put(studio)
    assert len(studio.events()) == 3


async def test_making_it_anew_tells_nobody(studio: Studio) -> None:
    studio.recorder.parts = [part(hour=99, open_=True), part("pier", city="rj")]
    studio.recorder.gaps = [gap(hour=100, open_=True), gap("yard", hour=3)]
    reader = Reader(studio.recorder, studio.recordings.catalogue, studio.roster)
    await studio.recordings.catalogue.clear(manager())
    assert await reader.everything() == 3
    assert [row[0] for row in rows(studio)] == ["gate", "pier"]
    # A gap alone names no city; its camera is known.
    assert [row[0] for row in rows(studio, "recorded_gaps")] == ["gate", "yard"]
    assert studio.events() == []


async def test_a_part_with_holes_is_as_many_spans(studio: Studio) -> None:
    half = HOUR_US // 4
    holes = ((BEGIN_US, BEGIN_US + half), (BEGIN_US + 3 * half, BEGIN_US + HOUR_US))
    whole = part(hour=0)
    studio.recorder.parts = [msgspec.structs.replace(whole, spans=holes, open=True)]
    await put(studio)
    assert [row[2:] for row in rows(studio)] == list(holes)
    await put(studio)
    assert [type(one) for one in studio.events()] == [RecordingStarted]
    studio.recorder.parts = [whole]
    await put(studio)
    assert [row[2:] for row in rows(studio)] == [(BEGIN_US, BEGIN_US + HOUR_US)]


async def test_spans_beside_the_time_that_is_looked_at_are_known(studio: Studio) -> None:
    quarter = HOUR_US // 4
    first = (BEGIN_US, BEGIN_US + quarter)
    found = msgspec.structs.replace(
        part(hour=0), spans=(first, (first[1] + quarter, BEGIN_US + HOUR_US))
    )
    catalogue = studio.recordings.catalogue
    for begin in (0, first[1] + quarter):
        time = (begin, NOW)
        await catalogue.put("sp", "gate", time, Inventory((found,)), announce=False)
    assert len(rows(studio)) == 2


async def test_every_page_of_an_inventory_is_read_before_anything_is_forgotten(
    studio: Studio,
) -> None:
    studio.recorder.parts = [part(hour=0), part("yard", hour=0), part("pier", city="rj")]
    studio.recorder.cameras_a_page = 1
    reader = Reader(studio.recorder, studio.recordings.catalogue, studio.roster)
    for _ in range(2):
        await reader.read((), 0, NOW, announce=False)
        assert [row[0] for row in rows(studio)] == ["gate", "pier", "yard"]


async def test_what_is_away_for_a_while_is_not_forgotten(studio: Studio) -> None:
    studio.recorder.parts = [part(hour=0), part(hour=1), part("yard", hour=0)]
    reader = Reader(studio.recorder, studio.recordings.catalogue, studio.roster)
    await reader.read((), 0, NOW, announce=False)
    studio.recorder.parts = [part(hour=1)]
    studio.recorder.unread = ("gate",)
    await reader.read((), 0, NOW, announce=False)
    assert [row[0] for row in rows(studio)] == ["gate", "gate"]
    studio.recorder.unread = ()
    await reader.read((), 0, NOW, announce=False)
    assert [row[0] for row in rows(studio)] == ["gate"]


@contextlib.asynccontextmanager
async def following(studio: Studio, media: FakeMedia) -> AsyncIterator[CatalogueRecorder]:
    async def soon(seconds: float) -> None:
        # The slow round stays away; the rest comes at once.
        await asyncio.sleep(3600 if seconds > 60 else 0)

    made = CatalogueRecorder(
        media, studio.recorder, studio.recordings.catalogue, studio.roster, soon
    )
    work = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


def told(cursor: int, kind: str = "recording", camera: str = "gate") -> Event:
    stream = StreamName.MAIN if camera else None
    return Event(cursor, BEGIN_US, kind, camera, stream, None)


async def test_it_catches_up_and_then_looks_where_the_journal_says(studio: Studio) -> None:
    media = FakeMedia()
    studio.recorder.parts = [part(hour=0), part("yard", hour=90)]
    async with following(studio, media):
        await until(lambda: len(rows(studio)) == 2)
        first = studio.recorder.inventories[0]
        assert (first.cameras, first.from_us) == ((), 0)
        studio.recorder.parts.append(part(hour=91, open_=True))
        media.journal.extend([told(0)])
        await until(lambda: len(rows(studio)) == 3)
        last = studio.recorder.inventories[-1]
        assert last.cameras == ("gate",)
        # Not from the first hour on.
        assert last.from_us == BEGIN_US + 89 * HOUR_US


async def test_it_catches_up_when_the_media_process_comes_back(studio: Studio) -> None:
    media = FakeMedia()
    studio.recorder.parts = [part(hour=0)]
    async with following(studio, media):
        await until(lambda: len(rows(studio)) == 1)
        studio.recorder.away = media.away = True
        media.restart("two")
        studio.recorder.parts.append(part(hour=1))
        await asyncio.sleep(0.01)
        assert len(rows(studio)) == 1
        studio.recorder.away = media.away = False
        await until(lambda: len(rows(studio)) == 2)


async def test_what_was_told_while_the_database_was_away_is_written_after(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    media = FakeMedia()
    async with following(studio, media):
        await until(lambda: studio.recorder.inventories)
        run = studio.database.run

        async def away(*_: object, **__: object) -> None:
            raise UnavailableError("away", code="database_unavailable")

        monkeypatch.setattr(studio.database, "run", away)
        studio.recorder.parts = [part(hour=0)]
        media.journal.extend([told(0)])
        await asyncio.sleep(0.02)
        monkeypatch.setattr(studio.database, "run", run)
        await until(lambda: len(rows(studio)) == 1)


async def test_a_volume_that_changes_is_an_alarm(studio: Studio) -> None:
    media = FakeMedia()
    disk = Volume(name="disk1", path="/d", id="x", state="ok")
    studio.recorder.volumes = [disk]
    async with following(studio, media):
        await until(lambda: studio.recorder.inventories)
        media.journal.extend([told(0, "volume", "")])
        studio.recorder.volumes = [
            Volume(name="disk1", path="/d", id="x", state="failed", reason="read_only")
        ]
        media.journal.extend([told(1, "volume", "")])
        await until(studio.events)
    (alarm,) = studio.events()
    assert isinstance(alarm, VolumeState)
    assert (alarm.volume, alarm.state, alarm.reason, alarm.city) == (
        "disk1",
        "failed",
        "read_only",
        None,
    )
