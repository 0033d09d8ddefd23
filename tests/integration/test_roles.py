"""Roles and simulated cameras started by hand."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from product import START_LIMIT_S, Farm, wait_for
from vms.cli.fault import FAULTS, fault_of, set_fault
from vms.proto import LogSettings, SimulateLaunch, SimulatorLaunch

STOP_LIMIT_S = 5.0


def ends(process: subprocess.Popen[str]) -> int:
    process.terminate()
    return process.wait(timeout=STOP_LIMIT_S)


@pytest.mark.parametrize(("role", "socket"), [("media", "media.sock"), ("api", "api.sock")])
def test_a_role_runs_alone_until_it_is_told_to_stop(
    tmp_path: Path, role: str, socket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("API__PORT", "RTSP__PORT", "WEBRTC__PORT", "WEBRTC__UDP_PORT", "HLS__PORT"):
        monkeypatch.setenv(f"VMS_{name}", "0")
    command = [sys.executable, "-m", "vms.cli", "run", role, "--open", "--data", str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_for((tmp_path / "run" / socket).exists, START_LIMIT_S)
        finally:
            code = ends(process)
        assert process.stderr is not None
        said = process.stderr.read()
    assert code == 0, said
    assert "Traceback" not in said


def simulate(orders: SimulateLaunch) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "vms.services.simulator"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(json.dumps(_plain(orders)))
    process.stdin.close()
    return process


def _plain(orders: SimulateLaunch) -> object:
    import msgspec  # noqa: PLC0415 - only here

    return msgspec.to_builtins(orders)


def farm_of(scenes: tuple[Path, Path], **more: object) -> SimulateLaunch:
    farm = SimulatorLaunch(
        main=str(scenes[0]),
        sub=str(scenes[1]),
        cameras=2,
        log=LogSettings(level="warning"),
        **more,  # type: ignore[arg-type]
    )
    return SimulateLaunch(simulator=farm)


def plays(address: str) -> bool:
    command = ["ffprobe", "-v", "quiet", "-rtsp_transport", "tcp", "-timeout", "3000000", address]
    return subprocess.run(command, timeout=20, check=False).returncode == 0


def test_a_farm_plays_and_its_faults_are_put_on(scenes: tuple[Path, Path]) -> None:
    orders = farm_of(scenes, faults=((2, '{"kind": "not_rtsp"}'),))
    announced = SimulateLaunch(
        simulator=orders.simulator, announcement=orders.announcement.__class__(text="{rtsp}")
    )
    with simulate(announced) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert plays(f"rtsp://{address}/cam1")
        assert plays(f"rtsp://{address}/cam1/sub")
        assert not plays(f"rtsp://{address}/cam2")
        assert ends(process) == 0


def vms(*arguments: str) -> tuple[int, str]:
    """Run a command; returns its exit code and all that it said."""
    command = [sys.executable, "-m", "vms.cli", *arguments]
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20, check=False,
        env={**os.environ, "LC_ALL": "C"},
    )  # fmt: skip
    return done.returncode, done.stdout.strip()


def test_a_fault_is_commanded_while_cameras_run(cameras: Farm) -> None:
    url = f"rtsp://{cameras.address}/cam8"
    assert vms("simulate", "fault", url) == (0, "fault: none")
    assert plays(url)
    try:
        assert vms("simulate", "fault", url, "not_rtsp") == (0, "fault: not_rtsp")
        assert not plays(url)
        assert vms("simulate", "fault", f"{url}/sub", "none", "--json") == (0, '{"fault": "none"}')
        assert vms("simulate", "fault", url) == (0, "cam8/main: not_rtsp")
    finally:
        assert vms("simulate", "fault", url, "none") == (0, "fault: none")
    assert plays(url)


def test_commands_that_cannot_be_carried_out_say_why(cameras: Farm) -> None:
    code, said = vms("simulate", "fault", f"rtsp://{cameras.address}/cam8", "melt")
    assert (code, "no such fault: melt" in said) == (2, True)
    code, said = vms("simulate", "fault", f"rtsp://{cameras.address}/cam9", "stall")
    assert (code, "no such simulated camera" in said) == (5, True)


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_that_the_help_names_is_understood(cameras: Farm, fault: str) -> None:
    name, _, value = fault.partition(":")
    forms = {
        "bad_sdp": "junk",
        "bad_answer": "one_channel",
        "bad_payload": "annex_b",
        "bad_talk": "refused",
    }
    value = {"FORM": forms.get(name, ""), "at_all": "at_all", "": ""}.get(value, "3")
    words = f"{name}:{value}" if value else name
    url = f"rtsp://{cameras.address}/cam8"
    try:
        set_fault(url, words)
        assert fault_of(url) == {"fault": words}
    finally:
        set_fault(url, "none")


def test_a_fault_that_there_is_not_ends_it_with_2(scenes: tuple[Path, Path]) -> None:
    with simulate(farm_of(scenes, faults=((1, '{"kind": "melt"}'),))) as process:
        assert process.stderr is not None
        assert "melt" in process.stderr.read()
        assert process.wait(timeout=10) == 2


def test_orders_that_nobody_understands_are_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vms.services.media"],
        input="{}", capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "start roles with vms run ROLE" in done.stderr
