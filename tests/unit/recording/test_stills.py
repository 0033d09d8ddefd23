"""Pictures that a case keeps: who may take and see them, what is on disk, what the audit says."""

import hashlib
import zipfile

import msgspec
import pytest

from recorder import BEGIN_US, part
from vms.admin import Function
from vms.common import ConflictError, ForbiddenError, InternalError, NotFoundError
from vms.engine import recording as calls
from vms.recording import (
    ArchiveDraft,
    Case,
    CaseDraft,
    NoteDraft,
    Pictures,
    Recordings,
    StillDraft,
    StillFiles,
    Stills,
    stills,
)

from .conftest import VAULT, Studio, manager, watcher
from .test_pictures import Darkroom

# Of the frame that is shown at the begin of the hour.
FRAME_US = BEGIN_US - 40_000
JPEG = b"picture"


def service(studio: Studio) -> Stills:
    """Return the service with workers that make the same picture of everything."""
    for camera in ("gate", "yard", "pier"):
        studio.recorder.pictures[camera, BEGIN_US] = (
            calls.Picture(FRAME_US, "h264", 1280, 720),
            b"frames",
        )
    files = StillFiles(studio.data / "stills", VAULT)
    pictures = Pictures(studio.database, studio.recorder, Darkroom(), studio.clock)
    return Stills(studio.database, pictures, files, studio.clock)


def draft(camera: str = "gate", at_us: int = BEGIN_US) -> StillDraft:
    return StillDraft(camera=camera, at_us=at_us, text="the driver")


@pytest.fixture
async def case(studio: Studio) -> Case:
    return await studio.recordings.cases.create(manager(), CaseDraft(title="Van"))


async def test_a_still_is_kept_with_its_instant_hash_and_maker(studio: Studio, case: Case) -> None:
    kept = service(studio)
    made = await kept.take(manager(), case.id, draft())
    assert (made.at_us, made.sha256) == (FRAME_US, hashlib.sha256(JPEG).hexdigest())
    assert (made.by, made.created_us) == ("user:ana", studio.clock.utc_us())
    assert (made.width, made.height, made.bytes, made.text) == (640, 360, 7, "the driver")
    assert await kept.list(manager(), case.id) == (made,)
    assert await kept.picture(manager(), case.id, made.id) == (made, JPEG)
    (path,) = (studio.data / "stills").rglob("*.still")
    assert JPEG not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    assert [line[1:] for line in studio.lines()] == [
        ("case.create", f"case:{case.id}"),
        ("playback.picture", "camera:gate"),
        ("case.still", f"case:{case.id}"),
        ("case.still_view", f"case:{case.id}"),
    ]


async def test_only_who_may_play_the_camera_takes_and_only_who_has_the_case_sees(
    studio: Studio, case: Case
) -> None:
    kept = service(studio)
    made = await kept.take(manager(), case.id, draft())
    clerk = watcher("city:sp", Function.RECORDING_HOLD, Function.CAMERA_READ)
    viewer = watcher("city:sp", Function.PLAYBACK_VIEW)
    with pytest.raises(ForbiddenError):
        await kept.take(clerk, case.id, draft())
    assert (await kept.picture(clerk, case.id, made.id))[1] == JPEG
    for refused in (
        kept.take(viewer, case.id, draft()),
        kept.list(viewer, case.id),
        kept.picture(viewer, case.id, made.id),
    ):
        with pytest.raises(ForbiddenError):
            await refused
    rio = manager("rj", "bia")
    theirs = await studio.recordings.cases.create(rio, CaseDraft(title="Boat"))
    for hidden in (
        kept.take(rio, case.id, draft("pier")),
        kept.take(rio, theirs.id, draft("gate")),
        kept.list(rio, case.id),
        kept.picture(rio, case.id, made.id),
        kept.picture(rio, theirs.id, made.id),
    ):
        with pytest.raises(NotFoundError):
            await hidden
    assert await kept.list(rio, theirs.id) == ()
    assert len(list((studio.data / "stills").rglob("*"))) == 2


async def test_where_nothing_was_recorded_nothing_is_kept(studio: Studio, case: Case) -> None:
    kept = service(studio)
    with pytest.raises(NotFoundError) as refused:
        await kept.take(manager(), case.id, draft(at_us=BEGIN_US + 1))
    assert refused.value.code == "no_recording"
    assert await kept.list(manager(), case.id) == ()
    assert not list((studio.data / "stills").rglob("*.still"))


async def test_a_case_keeps_so_many_and_a_refused_one_leaves_no_file(
    studio: Studio, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = service(studio)
    await kept.take(manager(), case.id, draft())
    monkeypatch.setattr(stills, "MOST_STILLS", 1)
    view = await Pictures(studio.database, studio.recorder, Darkroom(), studio.clock).at(
        manager(), "gate", draft().stream, BEGIN_US
    )
    with pytest.raises(ConflictError) as full:
        await kept.keep(manager(), case.id, draft(), view)
    assert full.value.code == "case_stills_full"
    assert len(list((studio.data / "stills").rglob("*.still"))) == 1


async def test_a_file_that_is_gone_or_other_is_told(studio: Studio, case: Case) -> None:
    kept = service(studio)
    made, second = [await kept.take(manager(), case.id, draft()) for _ in range(2)]
    paths = {path.stem: path for path in (studio.data / "stills").rglob("*.still")}
    paths[made.id].write_bytes(VAULT.seal(b"another", ("stills", case.id, made.id)))
    with pytest.raises(InternalError) as other:
        await kept.picture(manager(), case.id, made.id)
    assert other.value.code == "still_file_other"
    # One still's file in the place of another's does not open.
    paths[second.id].replace(paths[made.id])
    with pytest.raises(InternalError):
        await kept.picture(manager(), case.id, made.id)
    with pytest.raises(NotFoundError) as gone:
        await kept.picture(manager(), case.id, second.id)
    assert gone.value.code == "still_file_missing"


async def test_stills_go_into_the_archive_and_nothing_of_them_stays_in_plain(
    studio: Studio, case: Case
) -> None:
    studio.recorder.parts = [part()]
    made = await service(studio).take(manager(), case.id, draft())
    await studio.recordings.cases.note(manager(), case.id, NoteDraft("seen"))
    done, members = await archived(studio.recordings, case)
    name = f"stills/{made.id}-gate_2023-11-14_18-59-59_-0300.jpg"
    assert members[name] == JPEG
    (told,) = msgspec.json.decode(members["case.json"])["stills"]
    assert told == {"file": name, **msgspec.to_builtins(made)}
    assert f"{made.sha256}  {name}\n" in members["SHA256SUMS"].decode()
    digest = hashlib.sha256(members["SHA256SUMS"]).hexdigest()
    assert msgspec.json.decode(members["SHA256SUMS.sig"])["sha256"] == digest
    assert [path.name for path in (studio.data / "exports" / done).iterdir()] == [
        f"case-{done}.zip"
    ]


async def archived(recordings: Recordings, case: Case) -> tuple[str, dict[str, bytes]]:
    """Return the id of an archive of a case, and the files in it."""
    asked = await recordings.exports.archive(manager(), case.id, ArchiveDraft("court"))
    while await recordings.exporter.make_next():
        pass
    _, path = await recordings.exports.download(manager(), asked.id)
    with zipfile.ZipFile(path) as packed:
        return asked.id, {name: packed.read(name) for name in packed.namelist()}
