"""Secrets at rest."""

import base64
import stat
from pathlib import Path

import pytest

from vms.common import ForbiddenError, InternalError, InvalidError
from vms.database import Vault, new_key

WHERE = ("cameras", "password", "sp", "c1")


def key(number: int) -> bytes:
    return bytes([number]) * 32


def word(number: int) -> str:
    return base64.b64encode(key(number)).decode()


def test_what_is_sealed_opens_at_its_place_only() -> None:
    vault = Vault([key(1)])
    sealed = vault.seal(b"secret", WHERE)
    assert b"secret" not in sealed
    assert sealed != vault.seal(b"secret", WHERE), "a nonce is used once"
    assert vault.open(sealed, WHERE) == b"secret"
    for elsewhere in (("cameras", "password", "sp", "c2"), ("cameras", "passwordsp", "c1")):
        with pytest.raises(InternalError) as refused:
            vault.open(sealed, elsewhere)
        assert refused.value.code == "secret_damaged"


@pytest.mark.parametrize("at", [0, 5, 15, -1])
def test_a_changed_byte_is_noticed(at: int) -> None:
    vault = Vault([key(1)])
    sealed = bytearray(vault.seal(b"secret", WHERE))
    sealed[at] ^= 1
    with pytest.raises(InternalError):
        vault.open(bytes(sealed), WHERE)


def test_a_short_value_is_noticed() -> None:
    vault = Vault([key(1)])
    sealed = vault.seal(b"", WHERE)
    for length in range(len(sealed)):
        with pytest.raises(InternalError):
            vault.open(sealed[:length], WHERE)


def test_keys_rotate() -> None:
    before = Vault([key(1)]).seal(b"secret", WHERE)
    both = Vault([key(2), key(1)])
    assert both.open(before, WHERE) == b"secret"
    assert not both.is_current(before)
    after = both.seal(b"secret", WHERE)
    assert both.is_current(after)
    assert Vault([key(2)]).open(after, WHERE) == b"secret"
    with pytest.raises(InternalError) as refused:
        Vault([key(2)]).open(before, WHERE)
    assert refused.value.code == "secret_key_unknown"


def test_the_key_file_is_made_once_and_for_us_alone(tmp_path: Path) -> None:
    first = Vault.load(tmp_path, {})
    file = tmp_path / "secret.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert Vault.load(tmp_path, {}).open(first.seal(b"x", WHERE), WHERE) == b"x"
    assert list(tmp_path.iterdir()) == [file]


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    Vault.load(tmp_path, {})
    (tmp_path / "secret.key").chmod(0o640)
    with pytest.raises(ForbiddenError) as refused:
        Vault.load(tmp_path, {})
    assert refused.value.code == "secret_key_exposed"


def test_the_environment_comes_before_the_file(tmp_path: Path) -> None:
    vault = Vault.load(tmp_path, {"VMS_SECRET_KEY": f"{word(2)} {word(1)}"})
    assert not (tmp_path / "secret.key").exists()
    assert vault.open(Vault([key(1)]).seal(b"x", WHERE), WHERE) == b"x"
    assert Vault([key(2)]).open(vault.seal(b"x", WHERE), WHERE) == b"x"


@pytest.mark.parametrize("text", ["%%%", "c2hvcnQ=", word(1)[:-4]])
def test_what_is_no_key_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidError) as refused:
        Vault.load(tmp_path, {"VMS_SECRET_KEY": text})
    assert text not in refused.value.message
    with pytest.raises(InvalidError):
        Vault([])


def test_new_keys_differ_and_are_keys() -> None:
    assert new_key() != new_key()
    assert len(base64.b64decode(new_key())) == 32
