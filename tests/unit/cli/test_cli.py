"""The ``vms`` command."""

import json
import sys
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import pytest

from vms import cli
from vms.cli import app as cli_app
from vms.cli import scenes
from vms.cli import simulate as cli_simulate
from vms.proto import ApiLaunch, Launch, SimulateLaunch, SupervisorLaunch


class Became(BaseException):
    """The command would have turned into a process."""

    def __init__(self, module: str, orders: Any) -> None:  # noqa: ANN401
        super().__init__(module)
        self.module = module
        self.orders = orders


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("VMS_DATA", str(tmp_path / "default"))

    def become(module: str, orders: msgspec.Struct) -> NoReturn:
        raise Became(module, orders)

    monkeypatch.setattr(cli_app, "become", become)
    monkeypatch.setattr(cli_simulate, "become", become)


def vms(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command; returns its exit code."""
    monkeypatch.setattr(sys, "argv", ["vms", *arguments])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    code = caught.value.code
    return code if isinstance(code, int) else 0


def became(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Became:
    monkeypatch.setattr(sys, "argv", ["vms", *arguments])
    with pytest.raises(Became) as caught:
        cli.main()
    return caught.value


@pytest.mark.parametrize("arguments", [["up"], ["run", "media"], ["run", "api"]])
def test_without_open_people_sign_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str]
) -> None:
    orders = became(monkeypatch, *arguments, "--data", str(tmp_path)).orders
    launch = orders if isinstance(orders, Launch) else orders.launch
    assert launch.open is False


def test_without_open_listeners_may_be_anywhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VMS_API__HOST", "0.0.0.0")
    assert became(monkeypatch, "up", "--data", str(tmp_path)).orders.launch.api.host == "0.0.0.0"


def test_up_becomes_the_supervisor_with_what_the_flags_say(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    it = became(
        monkeypatch,
        *("up", "--open", "--data", str(tmp_path), "--port", "0", "--rtsp-port", "1"),
        *("--webrtc-port", "2", "--webrtc-udp-port", "3", "--log-level", "debug"),
        *("--camera", "gate=rtsp://u:p@h/a,rtsp://u:p@h/b", "--camera", "yard=rtsp://h/c"),
    )
    assert it.module == "vms.services.supervisor"
    orders: SupervisorLaunch = it.orders
    launch = orders.launch
    assert (launch.data, launch.open) == (str(tmp_path), True)
    assert (launch.api.port, launch.rtsp.port) == (0, 1)
    assert (launch.webrtc.port, launch.webrtc.udp_port) == (2, 3)
    assert launch.log.level == "debug"
    assert [(c.id, c.name, c.sub_url) for c in launch.cameras] == [
        ("gate", "gate", "rtsp://u:p@h/b"),
        ("yard", "yard", None),
    ]
    assert orders.simulator is None
    words = orders.announcement.text.format(api="A", rtsp="R", webrtc="W", hls="H", data="D")
    assert "A" in words


def test_without_settings_the_orders_are_the_defaults_of_the_message(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    it = became(monkeypatch, "up", "--open", "--data", str(tmp_path))
    assert it.orders.launch == Launch(data=str(tmp_path), open=True)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("VMS_API__HOST", "0.0.0.0"),
        ("VMS_RTSP__HOST", "192.0.2.1"),
        ("VMS_WEBRTC__HOST", "::"),
        ("VMS_WEBRTC__UDP_HOSTS", '["127.0.0.1", "192.0.2.1"]'),
    ],
)
def test_with_open_every_listener_is_on_loopback(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variable: str,
    value: str,
) -> None:
    monkeypatch.setenv(variable, value)
    assert vms(monkeypatch, "up", "--open") == 2
    assert "only loopback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["up", "--open", "--camera", "gate"], 2, "ID=URL"),
        (["up", "--open", "--camera", "api=rtsp://h/"], 2, "reserved"),
        (["up", "--open", "--port", "65536"], 2, "65535"),
        (["up", "--open", "--log-level", "loud"], 2, "log.level = 'loud'"),
        (["run", "storage", "--open"], 2, "storage comes later"),
        (["run", "kitchen", "--open"], 2, "no role kitchen"),
        (["demo", "--size", "8k"], 2, "720p, 1080p, 4k"),
        (["demo", "--codec", "vp7"], 2, "codec 'vp7'"),
        (["demo", "--cameras", "0"], 2, "greater than or equal to 1"),
        (["simulate", "--fault", "stall"], 2, "N=FAULT"),
        (["simulate", "--fault", "x=stall"], 2, "N=FAULT"),
        (["simulate", "fault", "http://h/cam1", "stall"], 2, "such as rtsp://"),
        (["simulate", "fault", "rtsp://h/cam1", "stall\r\nX: 1"], 2, "such as rtsp://"),
        (["simulate", "fault", "rtsp://127.0.0.1:1/cam1"], 8, "no simulated camera answers"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_what_is_wrong_is_said_with_exit_code_2(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    words: str,
) -> None:
    assert vms(monkeypatch, *arguments) == code
    assert words in " ".join(capsys.readouterr().err.split())


def test_a_refusal_as_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VMS_API__HOST", "0.0.0.0")
    assert vms(monkeypatch, "up", "--open", "--json") == 2
    said = json.loads(capsys.readouterr().err)
    assert (said["kind"], said["code"]) == ("invalid", "not_loopback")
    monkeypatch.delenv("VMS_API__HOST")
    monkeypatch.setenv("VMS_TLS__BEHIND_PROXY", "true")
    assert vms(monkeypatch, "up", "--open", "--json") == 2
    assert json.loads(capsys.readouterr().err)["code"] == "open_behind_proxy"
    monkeypatch.delenv("VMS_TLS__BEHIND_PROXY")
    monkeypatch.setenv("VMS_API__TRUSTED_PROXIES", '["10.0.0.0/8"]')
    assert vms(monkeypatch, "up", "--open", "--json") == 2
    said = json.loads(capsys.readouterr().err)
    assert (said["code"], said["values"]) == ("open_behind_proxy", {"key": "api.trusted_proxies"})


@pytest.mark.parametrize(("role", "orders"), [("media", Launch), ("api", ApiLaunch)])
def test_a_role_becomes_its_process(
    monkeypatch: pytest.MonkeyPatch, role: str, orders: type[msgspec.Struct]
) -> None:
    it = became(monkeypatch, "run", role, "--open")
    assert (it.module, type(it.orders)) == (f"vms.services.{role}", orders)


@pytest.fixture
def _scenes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "vms" / "scenes"
    folder.mkdir(parents=True)
    for spec in (*scenes.specs("h264", "1080p"), *scenes.specs("h265", "4k")):
        (folder / spec.file_name).touch()


@pytest.mark.usefixtures("_scenes")
def test_the_demo_is_up_with_a_farm(monkeypatch: pytest.MonkeyPatch) -> None:
    it = became(monkeypatch, "demo", "--cameras", "3", "--port", "0", "--json")
    orders: SupervisorLaunch = it.orders
    assert it.module == "vms.services.supervisor"
    assert orders.simulator is not None
    assert (orders.simulator.cameras, orders.simulator.main[-5:]) == (3, ".h264")
    assert (orders.launch.open, orders.demo) == (False, True)
    assert orders.launch.log.level == "warning"
    assert orders.announcement.json
    names = dict.fromkeys(("api", "rtsp", "webrtc", "hls", "data", "enter"), "")
    words = orders.announcement.text.format(**names, simulator="rtsp://h:9")
    assert "vms simulate fault rtsp://h:9/cam1 stall" in words


@pytest.mark.usefixtures("_scenes")
def test_an_open_demo_makes_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    orders: SupervisorLaunch = became(monkeypatch, "demo", "--open").orders
    assert (orders.launch.open, orders.demo) == (True, False)


@pytest.mark.usefixtures("_scenes")
def test_a_farm_can_stand_alone_with_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    it = became(
        monkeypatch,
        *("simulate", "--cameras", "2", "--codec", "h265", "--size", "4k", "--port", "0"),
        *("--user", "u", "--password", "p", "--fault", "1=drop:5", "--fault", '2={"kind":"stall"}'),
        *("--fault", "1=bad_sdp:junk", "--fault", "2=stall", "--audio"),
    )
    orders: SimulateLaunch = it.orders
    assert (orders.simulator.user, orders.simulator.password) == ("u", "p")
    assert "3840x2160" in orders.simulator.main
    assert orders.simulator.audio
    assert orders.simulator.faults == (
        (1, "drop:5"),
        (2, '{"kind":"stall"}'),
        (1, "bad_sdp:junk"),
        (2, "stall"),
    )
    assert "2 " in orders.announcement.text.format(rtsp="127.0.0.1:1")


def test_config_shows_checks_and_gives_an_example(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "vms.toml").write_text(
        '[[cameras]]\nid = "gate"\nurl = "rtsp://u:hunter2@h/"\n', encoding="utf-8"
    )
    data = ("--data", str(tmp_path))
    assert vms(monkeypatch, "config", "show", *data) == 0
    shown = capsys.readouterr().out
    assert "api.port = 8000\n" in shown
    assert 'cameras[0].url = "rtsp://u:***@h/"' in shown
    assert vms(monkeypatch, "config", "show", "--json", *data) == 0
    out = capsys.readouterr().out
    assert json.loads(out)["rtsp"]["port"] == 8554
    assert "hunter2" not in shown + out
    assert vms(monkeypatch, "config", "check", *data) == 0
    assert "fine, 1 cameras" in capsys.readouterr().out
    assert vms(monkeypatch, "config", "check", "--json", *data) == 0
    assert json.loads(capsys.readouterr().out)["cameras"] == 1
    assert vms(monkeypatch, "config", "example") == 0
    assert "[rtsp]" in capsys.readouterr().out
    (tmp_path / "vms.toml").write_text("[api]\nprot = 1\n", encoding="utf-8")
    assert vms(monkeypatch, "config", "check", *data) == 2
    assert "api.prot: unknown key" in capsys.readouterr().err


def test_the_version_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert vms(monkeypatch, "version") == 0
    assert "VMS Enterprise 0.1.0" in capsys.readouterr().out
    assert vms(monkeypatch, "version", "--json") == 0
    assert json.loads(capsys.readouterr().out)["version"] == "0.1.0"


def test_help_names_every_command_in_the_language_of_the_screen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LC_ALL", "pt_BR.UTF-8")
    assert vms(monkeypatch, "--help") == 0
    said = capsys.readouterr().out
    assert "qualquer câmera IP" in " ".join(said.split())
    for command in ("up", "demo", "run", "config", "simulate", "version"):
        assert f" {command} " in said
