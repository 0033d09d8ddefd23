"""``vms node``, as it is called, where nothing answers."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from machines import Machines
from vms import cli
from vms.cli.settings import Flags, launch_of
from vms.common import InvalidError
from vms.trust import IdentityFile, JoinToken, NodeRole

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def data(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("VMS_SECRET_KEY", raising=False)
    shutil.copyfile(sqlite_template, tmp_path / "vms.db")
    return tmp_path


@pytest.fixture
def vms(data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("LC_ALL", "C")

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["vms", *arguments, "--data", str(data)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        said = capsys.readouterr()
        return (caught.value.code or 0, said.out, said.err)  # type: ignore[return-value]

    return run


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        ("", "nodes.listen"),
        ("[nodes]\nlisten = '127.0.0.1:50052'", "tls.mode"),
        ("[nodes]\nlisten = '0.0.0.0:50052'\n[api]\nhost = '0.0.0.0'", "nodes.address"),
    ],
)
def test_a_token_is_made_where_machines_can_join(
    vms: Run, data: Path, settings: str, missing: str
) -> None:
    (data / "vms.toml").write_text(settings)
    code, _, said = vms("node", "token", "--role", "media")
    assert (code, missing in said) == (6, True), said


def test_a_token_says_where_the_others_call(vms: Run, data: Path) -> None:
    (data / "vms.toml").write_text(
        "[nodes]\nlisten = '0.0.0.0:50052'\naddress = 'https://[2001:db8::7]:8443'\n"
        "[tls]\nbehind_proxy = true\n"
    )
    code, out, said = vms("node", "token", "--role", "observer", "--json")
    assert code == 0, said
    made = json.loads(out)
    token = JoinToken.parse(made["token"])
    assert (made["role"], token.url, token.pin) == ("observer", "https://[2001:db8::7]:8443", "")
    assert vms("node", "token", "--role", "control")[0] == 2


def test_nobody_has_joined(vms: Run) -> None:
    assert vms("node", "list")[1] == "No machine has joined.\n"
    assert json.loads(vms("node", "list", "--json")[1]) == []
    code, _, said = vms("node", "remove", "nobody")
    assert (code, "nobody" in said) == (5, True)


def test_a_machine_that_joined_does_not_join_again(vms: Run, data: Path) -> None:
    code, _, said = vms("node", "ask", "media-2@127.0.0.1:1")
    assert (code, "has not joined" in said) == (5, True)
    IdentityFile(data).save(Machines().make("watch", NodeRole.OBSERVER))
    code, _, said = vms("node", "join", "vmsnode.x")
    assert (code, "joined already" in said) == (6, True)
    assert vms("node", "ask", "media-2@127.0.0.1:1")[0] == 8
    assert vms("node", "ask", "media-2@127.0.0.1:1", "apply")[0] == 2
    assert vms("node", "ask", "127.0.0.1:1")[0] == 2


def test_only_a_media_process_listens_for_control(vms: Run, data: Path) -> None:
    assert vms("run", "api", "--control-listen", "127.0.0.1:50051")[0] == 2
    code, _, said = vms("run", "media", "--control-listen", "localhost:50051")
    assert (code, "--control-listen" in said) == (2, True)
    with pytest.raises(InvalidError) as refused:
        launch_of(data, Flags(), open_=True, control_listen="0.0.0.0:50051")
    assert refused.value.code == "not_loopback"
