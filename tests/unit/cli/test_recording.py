"""``vms recording``, asked of a media process that answers on its socket."""

import asyncio
import contextlib
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from doubles import FakeEngine
from recorder import BEGIN_US, HOUR_US, FakeRecorder, gap, part
from vms import cli
from vms.common import SystemClock
from vms.engine import Journal, MediaService, SnapshotStore, media_socket, recording, serve
from vms.proto import CameraEntry, Launch
from vms.recording import fingerprint
from vms.services import first_start


class Recorded(FakeEngine):
    """An engine whose calls about recordings a small world answers."""

    def __init__(self, recorder: FakeRecorder) -> None:
        super().__init__()
        self._recorder = recorder

    async def recording(self, call: str, request: bytes) -> tuple[bytes, bytes]:
        known = getattr(recording, call.upper())
        asked = msgspec.json.decode(request, type=known.request)
        answer, data = await self._recorder.recording(known, asked)
        return msgspec.json.encode(answer), data


@pytest.fixture
def recorder() -> FakeRecorder:
    broken = recording.Volume(
        name="disk1",
        path="/srv/recordings",
        id=None,
        state="failed",
        reason="disk_failed",
        bytes=1 << 30,
    )
    held = recording.HoldRequest(
        "gate", "h1", True, BEGIN_US, BEGIN_US + HOUR_US, "user:ana", "theft"
    )
    return FakeRecorder(
        parts=[part(city="local"), part(hour=1, city="local")],
        gaps=[gap(hour=2)],
        volumes=[broken],
        holds={"h1": held},
        clock=recording.ClockStep(BEGIN_US, 7_200_000_000),
        checking=2,
    )


@pytest.fixture
def data(tmp_path: Path, recorder: FakeRecorder) -> Iterator[Path]:
    """An installation whose media process runs in a thread."""
    folder = tmp_path / "data"
    folder.mkdir()
    gate = CameraEntry(id="gate", url="rtsp://192.0.2.9/main")
    asyncio.run(first_start.prepare(Launch(data=str(folder), cameras=(gate,)), SystemClock()))
    ready, stop = threading.Event(), threading.Event()

    async def run() -> None:
        service = MediaService(Recorded(recorder), SnapshotStore(folder / "media"), Journal("one"))
        await service.start()
        server = await serve(service, media_socket(folder))
        ready.set()
        await asyncio.to_thread(stop.wait)
        await server.stop(0)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert ready.wait(10)
    with contextlib.ExitStack() as stack:
        stack.callback(thread.join)
        stack.callback(stop.set)
        yield folder


def vms(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["vms", *arguments])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return int(caught.value.code or 0)


Capture = pytest.CaptureFixture[str]


def test_what_is_on_disk_is_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, data: Path
) -> None:
    monkeypatch.setenv("LC_ALL", "en")
    capsys.readouterr()
    assert vms(monkeypatch, "recording", "list", "gate", "--data", str(data)) == 0
    said = capsys.readouterr().out
    assert "gate/main  2023-11-14 22:00:00Z  2023-11-14 23:00:00Z" in said
    assert "camera_off" in said
    assert "2 parts, 1 gaps, 0.00 GiB." in said


def test_the_exit_code_of_a_proof_says_what_was_proved(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, data: Path
) -> None:
    assert vms(monkeypatch, "recording", "verify", "gate", "--data", str(data)) == 3
    pinned = ["--key", "9f" * 32]
    assert vms(monkeypatch, "recording", "verify", "gate", *pinned, "--data", str(data)) == 0
    assert "7200" in capsys.readouterr().out


def test_the_catalogue_is_made_anew(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, data: Path
) -> None:
    for _ in range(2):
        capsys.readouterr()
        assert vms(monkeypatch, "recording", "catalogue", "--data", str(data), "--json") == 0
        assert json.loads(capsys.readouterr().out) == {"cameras": 1}


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("forecast", "gate: at this rate 23.4 days."),
        ("forecast --dry-run", "gate: 2 parts would go, 0.00 GiB (max_days)."),
        ("forecast gate --max-days 7", "gate: 2 parts would go"),
        ("forecast yard --max-days 7", "Nothing would go."),
        ("volumes", "disk1  /srv/recordings  failed disk_failed: 1.00 GiB recorded"),
        ("holds", "gate  2023-11-14 22:00:00Z  2023-11-14 23:00:00Z  h1  user:ana  theft"),
        ("holds yard", "0 holds."),
        ("confirm-clock", "The clock is confirmed."),
        ("rebuild", "parts 2"),
        ("check", "parts 2"),
        ("keys", fingerprint("A" * 43)),
        ("rotate-key", fingerprint("B" * 43)),
    ],
)
def test_the_other_commands_tell_what_the_engine_says(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, data: Path, command: str, said: str
) -> None:
    monkeypatch.setenv("LC_ALL", "en")
    assert vms(monkeypatch, "recording", *command.split(), "--data", str(data)) == 0
    assert said in capsys.readouterr().out


def test_a_clock_that_stepped_is_told_until_it_is_confirmed(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, data: Path
) -> None:
    monkeypatch.setenv("LC_ALL", "en")
    told = []
    for command in ("forecast", "confirm-clock", "forecast", "confirm-clock"):
        capsys.readouterr()
        assert vms(monkeypatch, "recording", command, "--data", str(data)) == 0
        told.append(capsys.readouterr().out)
    assert "The clock stepped by 7200 s" in told[0]
    assert "The clock stepped" not in told[2]
    assert "The clock was not in doubt." in told[3]


def test_a_check_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, data: Path, recorder: FakeRecorder
) -> None:
    assert vms(monkeypatch, "recording", "check", "--data", str(data), "--json") == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["counts"]["running"], recorder.asked.count("check")) == (0, 3)


def test_without_a_media_process_one_is_told_so(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, tmp_path: Path
) -> None:
    monkeypatch.setenv("LC_ALL", "en")
    assert vms(monkeypatch, "recording", "list", "--data", str(tmp_path)) == 8
    assert "is vms up running" in capsys.readouterr().err
