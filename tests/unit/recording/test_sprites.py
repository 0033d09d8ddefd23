"""Sheets of small pictures: made after the hour or on demand, shown to those who may, deleted."""

import asyncio
import io
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PIL import Image

from recorder import BEGIN_US, HOUR_US, FakeRecorder, part
from vms.admin import Function
from vms.common import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    StreamName,
    SystemClock,
)
from vms.engine import Event
from vms.engine import recording as calls
from vms.recording import SheetFiles, Sprites
from vms.transcode import Picture, SceneSpec, Sprite, Still, WorkerPool, ensure_scene

from .conftest import VAULT, Studio, manager, until, watcher

MINUTE_US = 60_000_000
HOUR = BEGIN_US // HOUR_US


@dataclass
class Sheeter:
    """Workers that make a sheet of everything, with the second tile missing."""

    jobs: list[Picture | Sprite] = field(default_factory=list)
    go: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.go.set()

    async def run(self, job: Picture | Sprite) -> Still:
        """Remember the job."""
        self.jobs.append(job)
        await self.go.wait()
        return Still(1600, 540, b"sheet", (1,))

    async def close(self) -> None:
        """Nothing runs."""


@dataclass
class Place:
    """The service, and what is around it."""

    studio: Studio
    sprites: Sprites
    files: SheetFiles
    asked: Sheeter
    idle: Sheeter
    # Set when it sleeps; let it go on by ``wake``.
    asleep: asyncio.Event
    wake: asyncio.Event


def minutes(recorder: FakeRecorder, hour: int, every: int = 1, camera: str = "gate") -> None:
    """Let there be a key frame two seconds before the middle of each minute of an hour."""
    for minute in range(60):
        middle = BEGIN_US + hour * HOUR_US + minute * MINUTE_US + MINUTE_US // 2
        taken = middle - 2_000_000 if minute % every == 0 else middle + (every * MINUTE_US)
        told = calls.Picture(taken, "h264", 640, 360)
        recorder.pictures[camera, middle] = (told, b"key %d" % minute)


@pytest.fixture
def place(studio: Studio, tmp_path: Path) -> Place:
    """An hour of the camera `gate`, long ago by the clock of 100 hours later."""
    studio.recorder.parts = [part(hour=0), part(hour=0, stream=StreamName.SUB)]
    minutes(studio.recorder, 0)
    files = SheetFiles(tmp_path / "thumbs", VAULT)
    asked, idle = Sheeter(), Sheeter()
    asleep, wake = asyncio.Event(), asyncio.Event()

    async def sleep(_seconds: float) -> None:
        asleep.set()
        await wake.wait()
        wake.clear()

    sprites = Sprites(studio.database, studio.recorder, files, asked, idle, studio.clock, sleep)
    return Place(studio, sprites, files, asked, idle, asleep, wake)


def removed(reason: str, from_us: int = BEGIN_US, to_us: int = BEGIN_US + HOUR_US) -> Event:
    """Return what the journal says of a removal."""
    values = {"from_us": from_us, "to_us": to_us, "removed": reason}
    return Event(1, 1, "recording", "gate", StreamName.SUB, None, None, values)


async def test_an_hour_is_made_on_demand_of_the_cheaper_stream_and_kept(place: Place) -> None:
    found = await place.sprites.at(manager(), "gate", BEGIN_US + 5)
    index = found.sheet.index
    assert (index.stream, index.from_us, index.to_us) == (
        StreamName.SUB,
        BEGIN_US,
        BEGIN_US + HOUR_US,
    )
    # Sixty minutes, but for the one that could not be decoded.
    assert len(index.tiles) == 59
    assert (index.tiles[0].at_us, index.tiles[0].x, index.tiles[0].y) == (
        BEGIN_US + 28_000_000,
        0,
        0,
    )
    assert (index.tiles[10].x, index.tiles[10].y) == (160, 90)
    again = await place.sprites.at(manager(), "gate", BEGIN_US + HOUR_US - 1)
    assert (again.tag, len(place.asked.jobs), len(place.idle.jobs)) == (found.tag, 1, 0)
    # Nothing of the picture lies in plain on the disk.
    kept = place.files.path("gate", HOUR).read_bytes()
    assert b"sheet" not in kept


async def test_minutes_without_a_picture_have_no_tile(place: Place) -> None:
    minutes(place.studio.recorder, 0, every=5)
    found = await place.sprites.at(manager(), "gate", BEGIN_US)
    (job,) = place.asked.jobs
    assert isinstance(job, Sprite)
    assert (len(job.frames), job.width, job.height) == (12, 160, 90)
    assert len(found.sheet.index.tiles) == 11


async def test_two_who_ask_at_once_wait_for_one_sheet(place: Place) -> None:
    place.asked.go.clear()
    both = [asyncio.create_task(place.sprites.at(manager(), "gate", BEGIN_US)) for _ in range(2)]
    await until(lambda: place.asked.jobs)
    place.asked.go.set()
    one, other = await asyncio.gather(*both)
    assert (one, len(place.asked.jobs)) == (other, 1)


async def test_an_hour_that_runs_and_one_without_video_have_none(place: Place) -> None:
    with pytest.raises(ConflictError) as caught:
        await place.sprites.at(manager(), "gate", place.studio.clock.utc_us())
    assert caught.value.code == "hour_open"
    with pytest.raises(NotFoundError) as missing:
        await place.sprites.at(manager(), "gate", BEGIN_US + 5 * HOUR_US)
    assert missing.value.code == "no_recording"


async def test_who_may_not_look_sees_none_and_looking_is_one_line(place: Place) -> None:
    for _ in range(2):
        await place.sprites.at(manager(), "gate", BEGIN_US)
    looks = [line for line in place.studio.lines() if line[1] == "playback.sprite"]
    assert looks == [("user:ana", "playback.sprite", "camera:gate")]
    with pytest.raises(ForbiddenError):
        await place.sprites.at(watcher("city:sp", Function.LIVE_VIEW), "gate", BEGIN_US)
    with pytest.raises(NotFoundError) as caught:
        await place.sprites.at(manager("rj"), "gate", BEGIN_US)
    assert caught.value.code == "camera_unknown"


async def test_missing_hours_are_made_by_the_idle_worker_the_newest_first(place: Place) -> None:
    recorder = place.studio.recorder
    recorder.parts += [part(hour=98), part(hour=99), part(hour=100, open_=True)]
    for hour in (98, 99, 100):
        minutes(recorder, hour)
    place.studio.clock.advance(121)
    running = asyncio.create_task(place.sprites.run())
    await place.asleep.wait()
    # The hour that runs and what is older than two days are left.
    assert list(place.files.hours("gate")) == [HOUR + 98, HOUR + 99]
    assert (len(place.idle.jobs), place.asked.jobs) == (2, [])
    # An hour later, as after any start, only what is missing is made.
    place.studio.clock.advance(3600)
    place.asleep.clear()
    place.wake.set()
    await place.asleep.wait()
    assert list(place.files.hours("gate"))[-1] == HOUR + 100
    assert len(place.idle.jobs) == 3
    running.cancel()


async def test_after_the_media_process_was_away_nothing_is_missing(place: Place) -> None:
    recorder = place.studio.recorder
    recorder.parts = [part(hour=99)]
    minutes(recorder, 99)
    place.studio.clock.advance(121)
    recorder.away = True
    running = asyncio.create_task(place.sprites.run())
    await place.asleep.wait()
    assert list(place.files.cameras()) == []
    recorder.away = False
    place.asleep.clear()
    place.wake.set()
    await place.asleep.wait()
    assert list(place.files.hours("gate")) == [HOUR + 99]
    running.cancel()


async def test_an_hour_that_cannot_be_shown_holds_up_no_other(place: Place) -> None:
    recorder = place.studio.recorder
    recorder.parts = [part(hour=98), part(hour=99), part("yard", hour=99)]
    minutes(recorder, 98)
    place.studio.clock.advance(121)
    running = asyncio.create_task(place.sprites.run())
    await place.asleep.wait()
    assert list(place.files.hours("gate")) == [HOUR + 98]
    running.cancel()


@pytest.mark.parametrize(
    ("reason", "stays"),
    [("retention", False), ("disk_full", False), ("thinning", False), ("moved", True)],
)
async def test_what_is_removed_takes_its_sheet_along(
    place: Place, reason: str, *, stays: bool
) -> None:
    await place.sprites.at(manager(), "gate", BEGIN_US)
    place.sprites.note(removed(reason, BEGIN_US + 2 * HOUR_US, BEGIN_US + 3 * HOUR_US))
    assert place.files.has("gate", HOUR)
    place.sprites.note(removed(reason, BEGIN_US + 5, BEGIN_US + 10))
    assert place.files.has("gate", HOUR) is stays


async def test_a_sheet_that_was_begun_before_a_removal_is_not_kept(place: Place) -> None:
    place.asked.go.clear()
    asking = asyncio.create_task(place.sprites.at(manager(), "gate", BEGIN_US))
    await until(lambda: place.asked.jobs)
    place.sprites.note(removed("retention"))
    place.asked.go.set()
    await asking
    assert not place.files.has("gate", HOUR)


async def test_sheets_of_what_is_on_no_disk_are_swept_and_held_ones_stay(place: Place) -> None:
    await place.sprites.at(manager(), "gate", BEGIN_US)
    recorder = place.studio.recorder
    recorder.parts.append(part(hour=1))
    minutes(recorder, 1)
    await place.sprites.at(manager(), "gate", BEGIN_US + HOUR_US)
    # The first hour is held, so the engine removed the second one alone, and nobody heard of it.
    recorder.parts = [part(hour=0)]
    running = asyncio.create_task(place.sprites.run())
    await place.asleep.wait()
    assert list(place.files.hours("gate")) == [HOUR]
    recorder.parts = []
    place.asleep.clear()
    place.wake.set()
    await place.asleep.wait()
    assert list(place.files.cameras()) == []
    running.cancel()


async def test_a_file_that_was_changed_is_made_again(place: Place) -> None:
    await place.sprites.at(manager(), "gate", BEGIN_US)
    path = place.files.path("gate", HOUR)
    path.write_bytes(path.read_bytes()[:-1])
    await place.sprites.at(manager(), "gate", BEGIN_US)
    assert len(place.asked.jobs) == 2


async def test_a_real_sheet_shows_what_can_be_decoded(tmp_path: Path) -> None:
    scene = ensure_scene(tmp_path, SceneSpec(320, 180, 200_000, fps=10, seconds=2))
    good = Path(scene).read_bytes()
    pool = WorkerPool(1, SystemClock(), lowly=True)
    try:
        made = await pool.run(Sprite("h264", (good, b"\0\0\0\1\x65torn", good), 10, 160, 90))
    finally:
        await pool.close()
    assert made.missing == (1,)
    with Image.open(io.BytesIO(made.data)) as image:
        assert (image.format, image.size) == ("WEBP", (1600, 90))
