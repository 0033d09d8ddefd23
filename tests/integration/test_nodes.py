"""Two machines of one installation, as two data folders: join, ask, be removed."""

import contextlib
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from product import Product, free_port, running, steered, wait_for
from vms import cli
from vms.trust import JoinToken

LIMIT_S = 20.0
HEARD_LIMIT_S = 10.0


@dataclass
class Said:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


@dataclass
class Control:
    """The control machine, and short ways to its commands."""

    product: Product

    def vms(self, *arguments: str, data: Path | None = None) -> Said:
        """Run a command in this process: on a busy machine a new one takes seconds to start."""
        out, err = io.StringIO(), io.StringIO()
        argv = ["vms", "node", *arguments, "--data", str(data or self.product.data)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("VMS_NODES__ADDRESS", self.product.api)
            patch.setenv("LC_ALL", "C")
            patch.setattr(sys, "argv", argv)
            with (
                contextlib.redirect_stdout(out),
                contextlib.redirect_stderr(err),
                pytest.raises(SystemExit) as ended,
            ):
                cli.main()
        return Said(int(ended.value.code or 0), out.getvalue(), err.getvalue())

    def token(self, role: str) -> str:
        made = self.vms("token", "--role", role, "--json")
        assert made.returncode == 0, made.stderr
        token: str = json.loads(made.stdout)["token"]
        return token

    def joined(self, role: str, name: str, data: Path) -> str:
        """Let a machine join; return its id."""
        done = self.vms("join", self.token(role), "--name", name, "--json", data=data)
        assert done.returncode == 0, done.stderr
        node: str = json.loads(done.stdout)["id"]
        return node


@pytest.fixture
def control(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Control]:
    monkeypatch.setenv("VMS_TLS__MODE", "on")
    monkeypatch.setenv("VMS_NODES__LISTEN", f"127.0.0.1:{free_port()}")
    with running(["up"], tmp_path / "control", tmp_path / "log") as product:
        yield Control(product)


def test_machines_join_are_asked_and_removed(control: Control, tmp_path: Path) -> None:
    observer, streamer, far = (tmp_path / name for name in ("observer", "stream", "media"))
    control.joined("media", "media-2", far)
    watching = control.joined("observer", "watch", observer)
    control.joined("stream", "edge-1", streamer)
    listed = json.loads(control.vms("list", "--json").stdout)
    assert [(one["name"], one["role"]) for one in listed] == [
        ("media-2", "media"), ("watch", "observer"), ("edge-1", "stream"),
    ]  # fmt: skip
    renewed = control.vms("renew", "--json", data=observer)
    assert renewed.returncode == 0, renewed.stderr
    where = f"media-2@127.0.0.1:{(port := free_port())}"
    with steered(far, port, tmp_path / "media.log"):
        wait_for(lambda: control.vms("ask", where, data=observer).returncode == 0, LIMIT_S)
        assert json.loads(control.vms("ask", where, data=observer).stdout)["generation"] == 0
        assert "vms_" in control.vms("ask", where, "metrics", data=observer).stdout
        assert control.vms("ask", where, "streams", data=streamer).stdout == "[]\n"
        refused = control.vms("ask", where, "metrics", data=streamer)
        assert (refused.returncode, "stream may not call" in refused.stderr) == (4, True)
        strange = control.vms("ask", where.replace("media-2", "media-3"), data=observer)
        assert (strange.returncode, "not that node" in strange.stderr) == (4, True)
        assert control.vms("remove", watching).returncode == 0
        wait_for(lambda: control.vms("ask", where, data=observer).returncode == 4, HEARD_LIMIT_S)
        gone = control.vms("renew", data=observer)
        assert (gone.returncode, "this node was removed" in gone.stderr) == (4, True)


def test_who_joins_knows_whom_he_reached(control: Control, tmp_path: Path) -> None:
    good = JoinToken.parse(control.token("media"))

    def tried(token: JoinToken) -> tuple[int, str]:
        done = control.vms("join", str(token), "--name", "new", data=tmp_path / "new")
        return done.returncode, done.stderr

    def changed(**more: str) -> JoinToken:
        parts = {"url": good.url, "pin": good.pin, "authority": good.authority}
        return JoinToken(**{**parts, "secret": good.secret, **more})

    code, said = tried(changed(pin="0" * 64))
    assert (code, "not the machine that made the token" in said) == (4, True), said
    code, said = tried(changed(pin=""))
    assert (code, "CERTIFICATE_VERIFY_FAILED" in said or "does not answer" in said) == (8, True)
    code, said = tried(changed(secret="x"))
    assert (code, "the token is none" in said) == (3, True), said
    assert not (tmp_path / "new").exists()
    # Nothing of all that reached the control machine but the guess, so the token is good still;
    # with another authority it is used up, and what came is thrown away.
    code, said = tried(changed(authority="0" * 64))
    assert (code, "another authority" in said) == (4, True), said
    assert not (tmp_path / "new").exists()
    code, said = tried(good)
    assert (code, "the token is none" in said) == (3, True), said
