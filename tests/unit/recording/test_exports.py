"""Clips and exports: asked for, made in turn, packed, downloaded, cancelled, gone on with."""

import asyncio
import hashlib
import shutil
import zipfile
from collections import namedtuple
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
import pyzipper

from recorder import BEGIN_US, HOUR_US, gap, part
from vms.admin import Function
from vms.common import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    Page,
    TooManyError,
    UnavailableError,
)
from vms.database import PLATFORM
from vms.engine.recording import ExportFile, Inventory
from vms.proto.events import ClipReady
from vms.recording import (
    ArchiveDraft,
    CaseDraft,
    ClipDraft,
    ClipReason,
    Export,
    ExportDraft,
    ExportKind,
    ExportPartDraft,
    ExportStep,
    LinkDraft,
    NoteDraft,
    Timelapse,
)
from vms.recording import schedule as schedules
from vms.recording.packing import local_name

from .conftest import Studio, manager, until, watcher

END_US = BEGIN_US + HOUR_US
FIRST = Page(50)


@pytest.fixture(autouse=True)
def recorded(studio: Studio) -> None:
    studio.recorder.parts = [part(), part("yard")]


def clip(case: str | None = None, name: str = "Van") -> ClipDraft:
    return ClipDraft(
        camera="gate",
        from_us=BEGIN_US,
        to_us=END_US,
        reason=ClipReason.INCIDENT,
        name=name,
        case=case,
    )


def several(password: str | None = None) -> ExportDraft:
    parts = tuple(
        ExportPartDraft(camera=name, from_us=BEGIN_US, to_us=END_US) for name in ("gate", "yard")
    )
    return ExportDraft(parts=parts, why="police", password=password)


async def make(studio: Studio, name: str) -> Export:
    while await studio.recordings.exporter.make_next():
        pass
    return await studio.recordings.exports.get(manager(), name)


async def test_a_clip_is_a_video_named_by_the_citys_clock(studio: Studio) -> None:
    exports = studio.recordings.exports
    studio.recorder.gaps = [gap(reason="no_video")]
    asked = await exports.clip(manager(), clip())
    assert asked.state is ExportStep.PENDING
    done = await make(studio, asked.id)
    assert (done.state, done.done_bytes, done.total_bytes) == (ExportStep.COMPLETED, 100, 100)
    assert done.file == "gate_2023-11-14_19-00-00_-0300.mp4"
    assert [(one.camera, one.reason) for one in done.gaps] == [("gate", "no_video")]
    _, path = await exports.download(manager(), asked.id)
    assert path.read_bytes() == b"video of gate"
    assert done.sha256 == hashlib.sha256(b"video of gate").hexdigest()
    (ready,) = studio.events()
    assert isinstance(ready, ClipReady)
    assert (ready.export, ready.camera, ready.city) == (asked.id, "gate", "sp")
    assert [action for _, action, _ in studio.lines()] == ["clip.create", "clip.download"]


async def test_what_never_fits_is_told_and_what_is_away_is_waited_for(studio: Studio) -> None:
    full = await studio.recordings.exports.export(manager(), several())
    studio.recorder.refuse["export_start"] = UnavailableError("no room", code="disk_full")
    done = await make(studio, full.id)
    assert (done.state, done.error and done.error.code) == (ExportStep.ERROR, "disk_full")
    away = await studio.recordings.exports.export(manager(), several())
    studio.recorder.refuse["export_start"] = UnavailableError("away", code="media_down")
    with pytest.raises(UnavailableError):
        await studio.recordings.exporter.make_next()
    studio.recorder.refuse.clear()
    assert (await make(studio, away.id)).state is ExportStep.COMPLETED


async def test_several_cameras_are_one_file_with_its_proof(studio: Studio) -> None:
    asked = await studio.recordings.exports.export(manager(), several())
    done = await make(studio, asked.id)
    _, path = await studio.recordings.exports.download(manager(), asked.id)
    with zipfile.ZipFile(path) as packed:
        names = set(packed.namelist())
        assert {"gate-0.mp4", "yard-1.mp4", "manifest.json", "FILES.txt", "SHA256SUMS"} <= names
        listed = packed.read("FILES.txt").decode()
        sums = packed.read("SHA256SUMS").decode()
    assert "yard-1.mp4  yard_2023-11-14_19-00-00_-0300.mp4" in listed
    assert f"{hashlib.sha256(b'video of gate').hexdigest()}  gate-0.mp4" in sums
    assert done.bytes == path.stat().st_size
    assert not (path.parent / "work").exists()


def lapse(pace: Timelapse, to_us: int = END_US) -> ExportDraft:
    part_ = ExportPartDraft(camera="gate", from_us=BEGIN_US, to_us=to_us)
    return ExportDraft(parts=(part_,), why="building site", timelapse=pace)


@pytest.mark.parametrize(
    ("pace", "every_us"),
    [
        (Timelapse(every_s=10), 10_000_000),
        # An hour in 12 s: 300 pictures.
        (Timelapse(length_s=12), 12_000_000),
        # Key frames come no sooner.
        (Timelapse(length_s=1200), 1_000_000),
    ],
)
async def test_a_time_lapse_is_an_export_with_a_pace(
    studio: Studio, pace: Timelapse, every_us: int
) -> None:
    exports = studio.recordings.exports
    asked = await exports.export(manager(), lapse(pace))
    assert (asked.kind, asked.timelapse, asked.audio) == (ExportKind.TIMELAPSE, pace, False)
    done = await make(studio, asked.id)
    assert (done.state, done.timelapse) == (ExportStep.COMPLETED, pace)
    assert [one.every_us for one in studio.recorder.exports[asked.id].parts] == [every_us]
    assert studio.lines()[0] == ("user:ana", "timelapse.create", f"export:{asked.id}")
    assert (await exports.list(manager(), FIRST, clips=False)).items == (done,)


@pytest.mark.parametrize(
    "sent", ["{}", '{"every_s": 1, "length_s": 1}', '{"every_s": 0}', '{"length_s": 1201}']
)
def test_a_time_lapse_has_one_pace(sent: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(sent, type=Timelapse)


def test_a_time_lapse_is_an_mp4() -> None:
    draft = msgspec.json.decode(msgspec.json.encode(lapse(Timelapse(every_s=1))))
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**draft, "container": "mkv"}, ExportDraft)


async def test_a_time_lapse_needs_room_for_its_pictures_alone(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Inventory(tuple(studio.recorder.parts))
    time = (BEGIN_US, END_US)
    await studio.recordings.catalogue.put("sp", "gate", time, found, announce=False)
    free = (1 << 30) + 200
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(1 << 40, 0, free))
    with pytest.raises(ConflictError):
        await studio.recordings.exports.export(manager(), several())
    # 101 pictures of 1800, of 1000 bytes.
    asked = lapse(Timelapse(length_s=4))
    assert (await studio.recordings.exports.export(manager(), asked)).timelapse is not None


async def test_a_password_opens_what_it_locked_and_is_kept_no_longer(studio: Studio) -> None:
    asked = await studio.recordings.exports.export(manager(), several("seven bicycles"))
    assert asked.locked
    await make(studio, asked.id)
    _, path = await studio.recordings.exports.download(manager(), asked.id)
    with zipfile.ZipFile(path) as plain, pytest.raises((RuntimeError, NotImplementedError)):
        plain.read("gate-0.mp4")
    with pyzipper.AESZipFile(path) as packed:
        packed.setpassword(b"seven bicycles")
        assert packed.read("gate-0.mp4") == b"video of gate"
    assert studio.database.run_sync(
        lambda unit: unit.rows("SELECT password FROM recording_exports"),
        PLATFORM,
        read=True,
    ) == [(None,)]
    assert studio.recorder.exports[asked.id].password is None, "locked here, not by the engine"


async def test_the_plan_limits_how_many_clips_a_city_keeps(studio: Studio) -> None:
    exports = studio.recordings.exports
    made = [await exports.clip(manager(), clip(name=f"{number}")) for number in range(10)]
    with pytest.raises(TooManyError) as refused:
        await exports.clip(manager(), clip())
    assert (refused.value.code, refused.value.values["limit"]) == ("quota_clips", 10)
    await exports.cancel(manager(), made[0].id)
    await exports.clip(manager(), clip())


Usage = namedtuple("Usage", "total used free")  # noqa: PYI024 - as of the standard library


async def test_what_would_fill_the_disk_is_refused_before_it_starts(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(1 << 40, 0, 1 << 29))
    with pytest.raises(ConflictError) as refused:
        await studio.recordings.exports.clip(manager(), clip())
    assert refused.value.code == "export_no_room"
    assert (await studio.recordings.exports.list(manager(), FIRST, clips=True)).items == ()


async def test_what_cannot_be_made_says_why(studio: Studio) -> None:
    studio.recorder.parts = []
    asked = await studio.recordings.exports.clip(manager(), clip())
    failed = await make(studio, asked.id)
    assert failed.state is ExportStep.ERROR
    assert failed.error is not None
    assert failed.error.code == "no_recording"
    with pytest.raises(ConflictError) as refused:
        await studio.recordings.exports.download(manager(), asked.id)
    assert refused.value.code == "export_not_ready"


async def test_a_restart_goes_on_and_a_cancelled_one_leaves_nothing(studio: Studio) -> None:
    exports, recorder = studio.recordings.exports, studio.recorder
    recorder.quick = False
    first = await exports.clip(manager(), clip())
    work = asyncio.create_task(studio.recordings.exporter.run())
    await until(lambda: first.id in recorder.exports)
    assert (await exports.get(manager(), first.id)).state is ExportStep.PROCESSING
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    # Another process: the engine still makes the first try.
    recorder.quick = True
    recorder.refuse = {}
    again = asyncio.create_task(studio.recordings.exporter.run())
    start = recorder._export_start

    def once_more(asked: object) -> object:
        if recorder.asked[-2:] != ["export_cancel", "export_start"]:
            raise ConflictError("it runs already", code="export_running")
        recorder.status.pop(first.id)
        return start(asked)  # type: ignore[arg-type]

    recorder._export_start = once_more  # type: ignore[method-assign,assignment]

    async with asyncio.timeout(10):
        while (await exports.get(manager(), first.id)).state is not ExportStep.COMPLETED:
            await asyncio.sleep(0.01)
    recorder._export_start = start  # type: ignore[method-assign]
    recorder.quick = False
    second = await exports.clip(manager(), clip())
    await until(lambda: second.id in recorder.exports)
    await exports.cancel(manager(), second.id)
    folder = Path(exports.folder / second.id)
    await until(lambda: recorder.asked[-1] == "export_cancel" and not folder.exists())
    again.cancel()
    with pytest.raises(ConflictError):
        await exports.cancel(manager(), second.id)


async def test_a_link_opens_until_it_runs_out(studio: Studio) -> None:
    exports = studio.recordings.exports
    asked = await exports.clip(manager(), clip())
    with pytest.raises(ConflictError):
        await exports.link(manager(), asked.id, LinkDraft())
    await make(studio, asked.id)
    link = await exports.link(manager(), asked.id, LinkDraft(60))
    secret = link.path.rpartition("/")[2]
    found, path = await exports.linked(secret, "192.0.2.9")
    assert (found.id, path.read_bytes()) == (asked.id, b"video of gate")
    assert studio.lines()[-1] == ("system:link", "clip.download", f"export:{asked.id}")
    with pytest.raises(NotFoundError):
        await exports.linked("A" * 43, "192.0.2.9")
    studio.clock.advance(61)
    with pytest.raises(NotFoundError):
        await exports.linked(secret, "192.0.2.9")


async def test_a_case_becomes_one_file(studio: Studio) -> None:
    ana = manager()
    case = await studio.recordings.cases.create(ana, CaseDraft(title="Van"))
    await studio.recordings.cases.note(ana, case.id, NoteDraft("seen"))
    one = await studio.recordings.exports.clip(ana, clip(case.id))
    await make(studio, one.id)
    asked = await studio.recordings.exports.archive(ana, case.id, ArchiveDraft("court"))
    await make(studio, asked.id)
    _, path = await studio.recordings.exports.download(ana, asked.id)
    with zipfile.ZipFile(path) as packed:
        told = packed.read("case.json").decode()
        (video,) = [name for name in packed.namelist() if name.endswith(".mp4")]
        assert packed.read(video) == b"video of gate"
    assert '"seen"' in told
    assert '"court"' in told


async def test_what_has_run_out_goes_and_clips_stay(studio: Studio) -> None:
    exports = studio.recordings.exports
    kept = await exports.clip(manager(), clip())
    gone = await exports.export(manager(), several())
    await make(studio, gone.id)
    studio.clock.advance(8 * 86_400)
    await exports.maintain()
    with pytest.raises(NotFoundError):
        await exports.get(manager(), gone.id)
    assert not (exports.folder / gone.id).exists()
    assert (await exports.download(manager(), kept.id))[1].exists()


async def test_nobody_takes_away_what_is_not_his(studio: Studio) -> None:
    exports = studio.recordings.exports
    mine = await exports.export(manager(), several())
    rio = manager("rj", "bia")
    for work in (
        exports.get(rio, mine.id),
        exports.cancel(rio, mine.id),
        exports.clip(rio, clip()),
    ):
        with pytest.raises(NotFoundError):
            await work
    looks = watcher("city:sp", Function.PLAYBACK_VIEW)
    with pytest.raises(ForbiddenError):
        await exports.clip(looks, clip())
    # Of two cameras one alone is his.
    part_of = watcher(f"group:sp/{studio.group}", Function.CLIP_EXPORT, Function.PLAYBACK_VIEW)
    with pytest.raises(NotFoundError):
        await exports.get(part_of, mine.id)
    own = await exports.clip(part_of, clip())
    assert [one.id for one in (await exports.list(part_of, FIRST, clips=True)).items] == [own.id]
    assert (await exports.list(part_of, FIRST, clips=False)).items == ()


SECOND_US = 1_000_000
SAO_PAULO, LISBON = ZoneInfo("America/Sao_Paulo"), ZoneInfo("Europe/Lisbon")


@pytest.mark.parametrize(
    ("zone", "local", "fold", "expected"),
    [
        # Clocks are set back: the hour comes twice, and each time has its own name.
        (LISBON, (2026, 10, 25, 1, 30), 0, "gate_2026-10-25_01-30-00_+0100.mp4"),
        (LISBON, (2026, 10, 25, 1, 30), 1, "gate_2026-10-25_01-30-00_+0000.mp4"),
        (SAO_PAULO, (2019, 2, 16, 23, 30), 0, "gate_2019-02-16_23-30-00_-0200.mp4"),
        (SAO_PAULO, (2019, 2, 16, 23, 30), 1, "gate_2019-02-16_23-30-00_-0300.mp4"),
        # Set forward: midnight of that day never was, the hour after it is.
        (SAO_PAULO, (2018, 11, 4, 1, 0), 0, "gate_2018-11-04_01-00-00_-0200.mp4"),
        (LISBON, (2026, 3, 29, 2, 0), 0, "gate_2026-03-29_02-00-00_+0100.mp4"),
    ],
)
def test_names_are_by_the_citys_clock_on_days_on_which_it_is_set(
    zone: ZoneInfo, local: tuple[int, ...], fold: int, expected: str
) -> None:
    at = schedules.instant(datetime(*local, tzinfo=zone, fold=fold))  # type: ignore[arg-type,misc]
    file = ExportFile("x.mp4", 1, "", at, at + 1)
    assert local_name(Path("x.mp4"), "gate", file, zone) == expected
    if fold == 0:
        # A second before has the name of a second before by that clock.
        before = ExportFile("x.mp4", 1, "", at - SECOND_US, at)
        assert local_name(Path("x.mp4"), "gate", before, zone) < expected
