"""Players that know nothing of us play what the product records and exports, and agree on it."""

import json
import shutil
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

from managed import LIVE_LIMIT_S, Api, token
from players import PLAYERS, Played, seconds
from product import Farm, Product, running, wait_for
from reference.recording.manifest import verify_export
from reference.recording.report import INTACT

from .test_recording import SECOND_US, recorded

FRAME_S = 0.04
EXPORT_LIMIT_S = 60.0


def agree(path: Path) -> tuple[Played, ...]:
    """Check that every player decodes all of a file and that its length is that of its pictures."""
    played = tuple(play(path) for play in PLAYERS)
    assert len({one.pictures for one in played}) == 1, played
    last = [one.last_s for one in played]
    assert max(last) - min(last) <= FRAME_S, played
    assert abs(seconds(path) - (played[0].last_s + FRAME_S)) <= FRAME_S + 0.001, played
    return played


def exported(product: Product, api: Api, draft: dict[str, Any], to: Path) -> tuple[Path, bytes]:
    """Return the one video of an export and the manifest beside it."""
    status, asked = api.ask("POST", "exports", draft)
    assert status == 201, asked

    def done() -> dict[str, Any] | None:
        _, found = api.ask("GET", f"exports/{asked['id']}")
        assert found["state"] not in {"error", "cancelled"}, found
        return found if found["state"] == "completed" else None

    found = wait_for(done, EXPORT_LIMIT_S, 0.1)
    request = urllib.request.Request(  # noqa: S310 - an address of our own
        f"{product.api}/api/v1/exports/{found['id']}/file",
        headers={"Authorization": f"Bearer {api.key}"},
    )
    packed = to / f"{found['id']}.zip"
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
        packed.write_bytes(answer.read())
    with zipfile.ZipFile(packed) as files:
        files.extractall(to)
        (video,) = [name for name in files.namelist() if name.endswith((".mp4", ".mkv"))]
    return to / video, (to / video).with_suffix(".manifest.json").read_bytes()


def is_proved(video: Path, manifest: bytes, kind: str) -> None:
    """Check an export by the reader that was written from the format's page alone."""
    assert json.loads(manifest)["kind"] == kind
    for beside in (manifest, None):
        report = verify_export(video.read_bytes(), beside)
        assert report.genuine, report.bad()
        assert set(report.states()) == {INTACT}


def test_hour_files_and_exports_play_anywhere(cameras: Farm, tmp_path: Path) -> None:
    data = tmp_path / "data"
    flags = ["up", "--camera", cameras.camera("gate", 1)]
    with running(flags, data, tmp_path / "log") as product:
        api = Api(product, token(data))
        wait_for(lambda: api.streams().get("gate/main") == "live", LIVE_LIMIT_S)
        span = recorded(api, "gate", 8)
        hour = max((data / "recordings/cameras/gate").rglob("video_*.mp4"))
        # It grows while it is played.
        assert all(play(hour).pictures > 7 / FRAME_S for play in PLAYERS)
        copied = Path(shutil.copy(hour, tmp_path / "open.mp4"))
        assert len({play(copied).pictures for play in PLAYERS}) == 1

        begins = span["from_us"]
        whole = {"camera": "gate", "from_us": begins, "to_us": begins + 6 * SECOND_US}
        for container in ("mp4", "mkv"):
            folder = tmp_path / container
            folder.mkdir()
            draft = {"parts": [whole], "why": "a test", "container": container}
            video, manifest = exported(product, api, draft, folder)
            assert 6 <= agree(video)[0].pictures * FRAME_S <= 6.5
            is_proved(video, manifest, "original")

        folder = tmp_path / "lapse"
        folder.mkdir()
        draft = {"parts": [whole], "why": "a test", "timelapse": {"every_s": 2}}
        video, manifest = exported(product, api, draft, folder)
        assert agree(video)[0].pictures == 3
        is_proved(video, manifest, "derived")
    agree(hour)
