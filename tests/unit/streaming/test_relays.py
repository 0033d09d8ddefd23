"""STUN and TURN servers for viewers."""

import base64
import hashlib
import hmac
from pathlib import Path

import pytest

from vms.common import InvalidError, ManualClock
from vms.streaming import IceServer, Relays

STUN = "stun:stun.example.com:3478"
TURN = "turn:turn.example.com:3478?transport=udp"


def test_where_nothing_is_set_a_browser_is_told_of_nothing() -> None:
    assert Relays().of("ana", ManualClock()) == ()


def test_each_viewer_gets_a_password_that_the_server_can_work_out_again() -> None:
    clock = ManualClock(utc_us=1_700_000_000_000_000)
    relays = Relays((STUN, TURN), b"north", lifetime_s=600)
    stun, turn = relays.of("ana", clock)
    assert stun == IceServer((STUN,))
    assert (turn.urls, turn.username) == ((TURN,), "1700000600:ana")
    digest = hmac.new(b"north", b"1700000600:ana", hashlib.sha1).digest()
    assert base64.b64decode(turn.credential) == digest
    assert relays.of("bruno", clock)[1].credential != turn.credential


def test_the_secret_stands_in_a_file_alone(tmp_path: Path) -> None:
    file = tmp_path / "turn-secret"
    file.write_bytes(b"north\n")
    clock = ManualClock()
    read = Relays.open((TURN,), str(file), 600).of("ana", clock)
    assert read == Relays((TURN,), b"north", 600).of("ana", clock)


@pytest.mark.parametrize("content", [None, b" \n"])
def test_a_file_without_a_secret_is_refused_by_its_name(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "turn-secret"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InvalidError, match="turn-secret") as refused:
        Relays.open((TURN,), str(file), 600)
    assert refused.value.code == "config_unreadable"
