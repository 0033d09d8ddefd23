"""What the product records is found, shown and played by those who may, at once."""

import hashlib
import json
import shutil
import subprocess
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from managed import LIVE_LIMIT_S, Api, token
from played import SECOND_US, line, load, recorded, spans
from product import Farm, running, wait_for

CAMERA_FPS = 25
SHOWN_LIMIT_S = 30.0


def probe(source: str, *more: str) -> dict[str, Any]:
    """Return what ffprobe says of a file or an address."""
    ffprobe = shutil.which("ffprobe")
    assert ffprobe, "ffprobe is missing: apt install ffmpeg"
    command = [ffprobe, "-v", "error", "-of", "json", "-count_frames", "-show_streams"]
    done = subprocess.run(
        [*command, "-show_format", *more, source],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return dict(json.loads(done.stdout))


def test_a_camera_is_recorded_shown_and_played(cameras: Farm, tmp_path: Path) -> None:
    data = tmp_path / "data"
    flags = ["up", "--camera", cameras.camera("gate", 1, sub=True)]
    with running(flags, data, tmp_path / "log") as product:
        api = Api(product, token(data))
        wait_for(lambda: api.streams().get("gate/main") == "live", LIVE_LIMIT_S)
        span = recorded(api, "gate", 6)
        begins = span["from_us"]

        status, headers, picture = load(
            product, f"/api/v1/cameras/gate/picture?at_us={begins + SECOND_US}&width=160", api.key
        )
        assert (status, picture[:2]) == (200, b"\xff\xd8"), picture[:200]
        assert begins <= int(headers["Vms-At"]) <= begins + SECOND_US

        wanted = {"from_us": begins, "to_us": begins + 600 * SECOND_US}
        status, address = api.ask("POST", "cameras/gate/playback/address", wanted)
        assert status == 200, address
        path, key = address["path"], address["address"]
        played, at = load(product, f"{path}/init.mp4?at={begins}", key)[2], begins
        for _ in range(4):
            status, headers, body = load(product, f"{path}/{at}.m4s", key)
            assert status == 200, body
            played, at = played + body, int(headers["Vms-Next"])
        (tmp_path / "played.mp4").write_bytes(played)
        (video,) = probe(str(tmp_path / "played.mp4"))["streams"]
        assert abs(int(video["nb_read_frames"]) - (at - begins) * CAMERA_FPS / SECOND_US) <= 1

        playlist = f"{path}/index.m3u8?from={begins}&to={begins + 5 * SECOND_US}&token={key}"
        listed = probe(f"{product.api}{playlist}", "-allowed_extensions", "ALL")
        assert 4 <= float(listed["format"]["duration"]) <= 8

        assert load(product, f"{path}/{begins}.m4s", "v1.a.b.c")[0] == 401
        assert load(product, f"/playback/gate/sub/{begins}.m4s", key)[0] == 403
        assert load(product, f"{path}/{begins - SECOND_US}.m4s", key)[0] == 403


def test_motion_is_recorded_where_the_rules_say_so(cameras: Farm, tmp_path: Path) -> None:
    data = tmp_path / "data"
    flags = ["up", "--camera", cameras.camera("gate", 1, sub=True)]
    with running(flags, data, tmp_path / "log") as product:
        api = Api(product, token(data))
        wait_for(lambda: api.streams().get("gate/sub") == "live", LIVE_LIMIT_S)
        status, found = api.ask("GET", "cameras/gate/recording")
        assert status == 200
        rule = found["rule"]
        rule["main"] |= {"mode": "event", "post_s": 1}
        rule["sub"] |= {"mode": "off"}
        status, told = api.ask("PUT", "cameras/gate/recording", rule, found["version"])
        assert status == 200, told
        changed_us = time.time_ns() // 1000

        def moved() -> bool:
            return any(span["to_us"] > changed_us + 6 * SECOND_US for span in spans(api, "gate"))

        # The street has traffic: what is recorded from now on is recorded because it moves.
        wait_for(moved, SHOWN_LIMIT_S)
        marks = wait_for(lambda: line(api, "gate").get("marks"), SHOWN_LIMIT_S)
        assert {mark["kind"] for mark in marks} == {"trigger"}
        assert all(mark["at_us"] > changed_us - 30 * SECOND_US for mark in marks)
        assert not any(s["to_us"] > changed_us + 6 * SECOND_US for s in spans(api, "gate", "sub"))


@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_what_is_taken_away_plays_and_carries_its_proof(
    cameras: Farm, tmp_path: Path, container: str
) -> None:
    data = tmp_path / "data"
    flags = ["up", "--camera", cameras.camera("gate", 1)]
    with running(flags, data, tmp_path / "log") as product:
        api = Api(product, token(data))
        begins = recorded(api, "gate", 6)["from_us"]
        part = {"camera": "gate", "from_us": begins, "to_us": begins + 4 * SECOND_US}
        wanted = {"parts": [part], "why": "Accident", "container": container}
        status, asked = api.ask("POST", "exports", wanted)
        assert status == 201, asked

        def made() -> dict[str, Any] | None:
            told = api.ask("GET", f"exports/{asked['id']}")[1]
            return told if told["state"] in {"completed", "error"} else None

        done = wait_for(made, SHOWN_LIMIT_S)
        assert done["state"] == "completed", done
        status, _, body = load(product, f"/api/v1/exports/{asked['id']}/file", api.key)
        assert status == 200
    (tmp_path / "export.zip").write_bytes(body)
    with zipfile.ZipFile(tmp_path / "export.zip") as packed:
        packed.extractall(tmp_path / "export")
    (video,) = (tmp_path / "export").glob(f"*.{container}")
    assert 4 <= float(probe(str(video))["format"]["duration"]) <= 6
    (manifest,) = (tmp_path / "export").glob("*manifest.json")
    told = json.loads(manifest.read_bytes())
    assert (told["kind"], told["camera"], told["why"]) == ("original", "gate", "Accident")
    assert told["sha256"] == hashlib.sha256(video.read_bytes()).hexdigest()
