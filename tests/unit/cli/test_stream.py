"""``vms stream``, as it is called on the data folder of an installation."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from vms import cli
from vms.common import SystemClock
from vms.database import PLATFORM, Database
from vms.proto import CameraEntry, Launch
from vms.services import first_start


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An installation with one camera."""
    folder = tmp_path / "data"
    folder.mkdir()
    gate = CameraEntry(id="gate", url="rtsp://10.0.0.9/main")
    asyncio.run(first_start.prepare(Launch(data=str(folder), cameras=(gate,)), SystemClock()))
    return folder


def vms(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["vms", *arguments])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return int(caught.value.code or 0)


def test_an_address_is_signed_and_written_down(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], data: Path
) -> None:
    capsys.readouterr()
    assert vms(monkeypatch, "stream", "sign", "gate/sub", "--data", str(data), "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["address"].count(".") == 3
    assert said["address"].startswith("v1.")
    database = Database.open(f"sqlite:///{data / 'vms.db'}", threads=1)
    try:
        lines = database.run_sync(
            lambda unit: unit.rows(
                "SELECT actor, object FROM audit_lines WHERE action = 'stream.open'"
            ),
            PLATFORM,
        )
    finally:
        database.close()
    assert lines == [("system:cli", "camera:gate")]


def test_an_unknown_camera_and_a_missing_installation_are_told(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    data: Path,
    tmp_path: Path,
) -> None:
    assert vms(monkeypatch, "stream", "sign", "yard", "--data", str(data)) == 5
    assert "there is no camera yard" in capsys.readouterr().err
    assert vms(monkeypatch, "stream", "sign", "gate", "--data", str(tmp_path / "none")) == 5
    assert not (tmp_path / "none").exists()


def test_a_new_key_signs_after_ten_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], data: Path
) -> None:
    capsys.readouterr()
    assert vms(monkeypatch, "stream", "rotate-keys", "--data", str(data), "--json") == 0
    new = json.loads(capsys.readouterr().out)["key"]
    assert vms(monkeypatch, "stream", "sign", "gate", "--data", str(data), "--json") == 0
    assert f".{new}." not in capsys.readouterr().out
