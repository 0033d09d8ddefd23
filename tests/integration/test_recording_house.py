"""What operators do with recordings, by command and by API; and what goes on without a database."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from databases import Server, running_server
from managed import LIVE_LIMIT_S, Api, token
from product import Farm, Product, running, wait_for

SECOND_US = 1_000_000
LIMIT_S = 60.0


def vms(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command as people type it."""
    return subprocess.run(
        [sys.executable, "-m", "vms.cli", *arguments],
        capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "LC_ALL": "C"},
    )  # fmt: skip


def told(data: Path, *arguments: str) -> Any:  # noqa: ANN401 - JSON
    """Return what a command about recordings says as JSON."""
    done = vms("recording", *arguments, "--json", "--data", str(data))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def timeline(api: Api, camera: str = "gate") -> dict[str, Any]:
    """Return the timeline of the last ten minutes."""
    now = time.time_ns() // 1000
    asked = f"from_us={now - 600 * SECOND_US}&to_us={now + SECOND_US}"
    status, found = api.ask("GET", f"cameras/{camera}/timeline?{asked}")
    return dict(found) if status == 200 else {"spans": [], "gaps": []}


def recorded(api: Api, seconds: float) -> dict[str, int]:
    """Return the last span of the camera, once it is that long."""

    def long_enough() -> dict[str, int] | None:
        spans = timeline(api)["spans"]
        whole = spans and spans[-1]["to_us"] - spans[-1]["from_us"] >= seconds * SECOND_US
        return spans[-1] if whole else None

    return dict(wait_for(long_enough, LIMIT_S))


def made(api: Api, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Ask for an export of a kind and return it once it is done."""
    status, asked = api.ask("POST", path, body)
    assert status == 201, asked

    def done() -> dict[str, Any] | None:
        found = api.ask("GET", f"exports/{asked['id']}")[1]
        return found if found["state"] in {"completed", "error"} else None

    found = wait_for(done, LIMIT_S)
    assert found["state"] == "completed", found
    return dict(found)


@pytest.mark.timeout(240)
def test_disks_keys_and_clock_are_told_by_command_and_by_api(cameras: Farm, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(["up", "--camera", cameras.camera("gate", 1)], data, tmp_path / "log") as product:
        api = Api(product, token(data))
        recorded(api, 4)
        (volume,) = told(data, "volumes")["volumes"]
        assert (volume["state"], volume["path"]) == ("ok", str(data / "recordings"))
        assert api.ask("GET", "recording/volumes")[1]["items"][0]["id"] == volume["id"]

        # It also has the keeper look at the disks at once, as it does each minute.
        assert told(data, "confirm-clock") == {"confirmed": False}
        assert api.ask("POST", "recording/confirm-clock", {})[1] == {"confirmed": False}
        wait_for(lambda: told(data, "forecast")["cameras"], LIMIT_S)
        forecast = told(data, "forecast")
        assert [one["camera"] for one in forecast["cameras"]] == ["gate"]
        assert forecast["cameras"][0]["days"] > 0
        assert forecast["volumes"][0]["days"] > 0
        status, shown = api.ask("GET", "recording/forecast?cameras=gate")
        assert (status, shown["cameras"][0]["days"] > 0) == (200, True)
        # The part that is written never goes, whatever the rules say.
        assert told(data, "forecast", "--dry-run", "--max-bytes", "1")["cameras"]
        preview = {"keeps": {"gate": {"max_days": 1}}}
        assert api.ask("POST", "recording/preview", preview)[0] == 200

        for work in ("check", "rebuild"):
            assert told(data, work)["findings"] == []

        (first,) = api.ask("GET", "evidence/keys")[1]["items"]
        keys = told(data, "rotate-key")["keys"]
        assert len(keys) == 2
        pem = vms("recording", "keys", "--pem", "--data", str(data)).stdout
        assert pem.count("BEGIN PUBLIC KEY") == 2
        assert first["pem"] in pem
        openssl = shutil.which("openssl")
        assert openssl, "openssl is missing: apt install openssl"
        read = subprocess.run(
            [openssl, "pkey", "-pubin"], check=True, input=pem, text=True, capture_output=True
        )
        assert read.stdout == first["pem"]
        # The first key still vouches for what the second one seals.
        report = vms("recording", "verify", "gate", "--key", keys[0]["key"], "--data", str(data))
        assert report.returncode == 0, report.stdout + report.stderr


def test_by_hand_before_the_rules_and_back(cameras: Farm, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(["up", "--camera", cameras.camera("gate", 1)], data, tmp_path / "log") as product:
        api = Api(product, token(data))
        recorded(api, 2)

        status, rule = api.ask("POST", "cameras/gate/recording/manual", {"action": "stop"})
        assert (status, rule["now"]["main"]) == (200, "off")
        stopped_us = time.time_ns() // 1000 + 2 * SECOND_US
        wait_for(lambda: time.time_ns() // 1000 > stopped_us + 2 * SECOND_US, LIMIT_S, 0.2)
        status, rule = api.ask("POST", "cameras/gate/recording/manual", {"action": "release"})
        assert (status, rule["now"]["main"]) == (200, "continuous")

        def back() -> dict[str, Any] | None:
            found = timeline(api)
            again = found["spans"] and found["spans"][-1]["from_us"] > stopped_us
            return found if again and found["gaps"] else None

        gap = wait_for(back, LIMIT_S)["gaps"][-1]
        assert gap["reason"]["code"] in WANTED
        assert gap["from_us"] < stopped_us < gap["to_us"]


# By hand, or by a rule: which of both the ledger says is the engine's word.
WANTED = {"operator", "schedule"}


def test_a_case_is_held_archived_and_proved_without_the_server(
    cameras: Farm, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    with running(["up", "--camera", cameras.camera("gate", 1)], data, tmp_path / "log") as product:
        api = Api(product, token(data))
        begin = recorded(api, 6)["from_us"]
        time_ = {"from_us": begin, "to_us": begin + 4 * SECOND_US}
        case = api.ask("POST", "cases", {"city": "local", "title": "Theft"})[1]["id"]
        assert api.ask("POST", f"cases/{case}/notes", {"text": "Seen at the gate"})[0] == 201
        status, hold = api.ask(
            "POST", "holds", {"camera": "gate", **time_, "why": "Theft", "case": case}
        )
        assert (status, hold["state"]) == (201, "active"), hold
        assert [one["hold"] for one in told(data, "holds")["holds"]] == [hold["id"]]
        mark = {"camera": "gate", "at_us": begin + SECOND_US, "text": "here"}
        assert api.ask("POST", "bookmarks", mark)[0] == 201
        assert [one["text"] for one in api.ask("GET", "bookmarks")[1]["items"]] == ["here"]
        clip = {"camera": "gate", **time_, "name": "Theft", "reason": "evidence", "case": case}
        made(api, "clips", clip)
        wanted = {"camera": "gate", "at_us": begin + SECOND_US, "text": "The door"}
        status, still = api.ask("POST", f"cases/{case}/stills", wanted)
        assert (status, still["width"] > 0) == (201, True), still
        assert begin <= still["at_us"] <= begin + SECOND_US
        assert api.ask("GET", f"cases/{case}/stills")[1]["items"] == [still]
        archive = made(api, f"cases/{case}/archive", {"why": "police"})
        key = api.ask("GET", "evidence/keys")[1]["items"][0]["fingerprint"]
        kept = data / "exports" / archive["id"] / archive["file"]
        taken = Path(shutil.copy(kept, tmp_path / "case.zip"))
        assert api.ask("GET", "cameras/gate/sprite")[0] in {404, 409}
        product.stop()
    proved = vms("verify", str(taken), "--key", key, "--json")
    assert proved.returncode == 0, proved.stdout + proved.stderr
    results = json.loads(proved.stdout)["results"]
    # Of the list of the archive too: the real engine signed it.
    assert [one["signer_known"] for one in results if one["path"].endswith("SHA256SUMS")] == [True]
    with zipfile.ZipFile(taken) as packed:
        (name,) = (one for one in packed.namelist() if one.startswith("stills/"))
        assert hashlib.sha256(packed.read(name)).hexdigest() == still["sha256"]
    assert [one["signer_known"] for one in results if one["fragments"]] == [True]
    # Stopped in order, so all that is on the disk is sealed.
    whole = vms("verify", str(data / "recordings"), "--key", key)
    assert whole.returncode == 0, whole.stdout + whole.stderr
    (video, *_) = (data / "recordings").rglob("video_*.mp4")
    content = bytearray(video.read_bytes())
    content[len(content) // 2] ^= 1
    video.write_bytes(content)
    broken = vms("verify", str(data / "recordings"), "--key", key)
    assert (broken.returncode, video.name in broken.stdout) == (1, True), broken.stdout


@pytest.fixture
def server() -> Iterator[Server]:
    """A server of PostgreSQL that the test may stop."""
    with running_server() as found:
        yield found


def test_recording_goes_on_without_a_database_and_the_catalogue_catches_up(
    cameras: Farm, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VMS_DATABASE__URL", server.new_database())
    data = tmp_path / "data"
    with running(["up", "--camera", cameras.camera("gate", 1)], data, tmp_path / "log") as product:
        api = Api(product, token(data))
        wait_for(lambda: api.streams().get("gate/main") == "live", LIVE_LIMIT_S)
        begin = recorded(api, 2)["from_us"]
        server.stop()
        away_us = time.time_ns() // 1000
        assert api.ask("GET", "cameras/gate/timeline?from_us=0&to_us=1")[0] == 503
        wait_for(lambda: on_disk(product) > away_us + 5 * SECOND_US, LIMIT_S)
        server.start()

        def caught_up() -> dict[str, Any] | None:
            found = timeline(api)
            done = found["spans"] and found["spans"][-1]["to_us"] > away_us + 5 * SECOND_US
            return found if done else None

        found = wait_for(caught_up, LIMIT_S)
        # One span from before to after: not a second is missing.
        assert [span["from_us"] for span in found["spans"]] == [begin]
        assert [gap for gap in found["gaps"] if gap["to_us"] > begin] == []


def on_disk(product: Product) -> int:
    """Return up to when the media process has recorded."""
    parts = told(product.data, "list", "gate")["parts"]
    return max((int(part["to_us"]) for part in parts), default=0)
