"""Secrets at rest: sealed with a key that is not in the database.

A sealed value is ``1 | key id (8 bytes) | nonce (12) | AES-256-GCM``. Its associated
data are that header and the place where it stands, so that a sealed value that
was copied to another row does not open there.
"""

import base64
import binascii
import hashlib
import json
import os
import secrets
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vms.common import ForbiddenError, InternalError, InvalidError, NotFoundError

ENV_KEY = "VMS_SECRET_KEY"
FILE_NAME = "secret.key"

_FORMAT = b"\x01"
_KEY_BYTES = 32
_ID_BYTES = 8
_NONCE_BYTES = 12
_HEADER_BYTES = len(_FORMAT) + _ID_BYTES

# Table, column, key of the row.
Where = tuple[str, ...]


class Vault:
    """Seals with its first key and opens with any of them."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) != _KEY_BYTES for key in keys):
            raise InvalidError(
                f"each secret key must be {_KEY_BYTES} bytes in base 64", code="secret_key_invalid"
            )
        self._ciphers = {_id_of(key): AESGCM(key) for key in keys}
        self._header = _FORMAT + _id_of(keys[0])

    @classmethod
    def load(
        cls, data: Path, environ: Mapping[str, str] | None = None, *, make: bool = True
    ) -> "Vault":
        """Return the vault of an installation; its key file is made where there is none.

        Who only looks does not ``make`` it: the loss of a key must not be hidden.
        """
        given = (os.environ if environ is None else environ).get(ENV_KEY)
        return cls(_parse(given, ENV_KEY) if given else _read(data / FILE_NAME, make=make))

    def seal(self, plain: bytes, where: Where) -> bytes:
        """Return ``plain`` encrypted for the place ``where`` (table, column, key...)."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        cipher = self._ciphers[self._header[1:]]
        return self._header + nonce + cipher.encrypt(nonce, plain, _bound(self._header, where))

    def open(self, sealed: bytes, where: Where) -> bytes:
        """Return what was sealed for ``where``; anything else is refused."""
        header, rest = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES:]
        cipher = self._ciphers.get(header[1:])
        if header[:1] != _FORMAT or cipher is None:
            raise InternalError(
                f"{'/'.join(where)} was sealed with another secret key (id {header[1:].hex()}); "
                f"give that key too, in {ENV_KEY} or {FILE_NAME}",
                code="secret_key_unknown",
                values={"where": "/".join(where)},
            )
        try:
            return cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], _bound(header, where))
        except (InvalidTag, ValueError):
            raise InternalError(
                f"{'/'.join(where)} was changed since it was sealed",
                code="secret_damaged",
                values={"where": "/".join(where)},
            ) from None

    def is_current(self, sealed: bytes) -> bool:
        """Say whether the key that seals now sealed this; else seal it anew."""
        return sealed.startswith(self._header)


def new_key() -> str:
    """Return a new key as it stands in file or environment."""
    return base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def _id_of(key: bytes) -> bytes:
    return hashlib.sha256(b"vms secret key id" + key).digest()[:_ID_BYTES]


def _bound(header: bytes, where: Where) -> bytes:
    # A list, because names that were only joined could be cut elsewhere.
    return header + json.dumps(where, separators=(",", ":")).encode()


def _parse(text: str, source: str) -> list[bytes]:
    """Read keys, one a word: the first seals, the others only open."""
    try:
        return [base64.b64decode(word, validate=True) for word in text.split()]
    except binascii.Error:
        raise InvalidError(
            f"{source} does not hold keys in base 64",
            code="secret_key_invalid",
            values={"source": source},
        ) from None


def _read(path: Path, *, make: bool) -> list[bytes]:
    """Read the key file; where it is missing, make it or say so."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        if not make:
            raise NotFoundError(
                f"there is no secret key: neither {path} nor {ENV_KEY}",
                code="secret_key_missing",
                values={"file": str(path)},
            ) from None
        _make(path)
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    with os.fdopen(handle, encoding="ascii") as file:
        found = os.fstat(file.fileno())
        if found.st_uid not in {os.getuid(), 0} or stat.S_IMODE(found.st_mode) & 0o077:
            raise ForbiddenError(
                f"{path} must belong to this user and be closed to others: chmod 600",
                code="secret_key_exposed",
                values={"file": str(path)},
            )
        return _parse(file.read(), str(path))


def _make(path: Path) -> None:
    """Write a new key file; where two processes do, the first one's stays."""
    mine = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(new_key() + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(mine, path)
        except FileExistsError:
            return
    finally:
        mine.unlink()
