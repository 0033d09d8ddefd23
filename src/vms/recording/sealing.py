"""Public keys that seal recordings: what people compare them by, and how other tools read them."""

import base64
import hashlib
from pathlib import Path

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from vms.common import InvalidError

_URL_SAFE = str.maketrans("-_", "+/")
FINGERPRINT_BYTES = 32
MOST_KEY_FILE = 64 << 10


def public_bytes(public: str) -> bytes:
    """Return the 32 bytes of an Ed25519 key in base 64."""
    plain = public.translate(_URL_SAFE).rstrip("=")
    return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)


def fingerprint(public: str) -> str:
    """Return what people compare a public key by: SHA-256 of its bytes, in hexadecimal."""
    return hashlib.sha256(public_bytes(public)).hexdigest()


def pem_of(public: str) -> str:
    """Return a public key as SubjectPublicKeyInfo in PEM (RFC 8410), as openssl reads it."""
    key = Ed25519PublicKey.from_public_bytes(public_bytes(public))
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def pinned(text: str) -> str:
    """Return the fingerprint that is meant: written out, or that of the key in a file."""
    path = Path(text)
    if path.is_file():
        text = _in_file(path)
    digits = "".join(text.replace(":", "").split()).lower()
    try:
        whole = len(bytes.fromhex(digits)) == FINGERPRINT_BYTES
    except ValueError:
        whole = False
    if not whole:
        raise InvalidError(
            f"{text!r} is neither a fingerprint of 64 hexadecimal digits nor a file with a key",
            code="fingerprint_invalid",
            values={"value": text},
        )
    return digits


def _in_file(path: Path) -> str:
    """Return the fingerprint in a file: of a key in PEM or in the page's JSON, or as text."""
    with path.open("rb") as stream:
        data = stream.read(MOST_KEY_FILE)
    if data.lstrip().startswith(b"{"):
        return _in_json(path, data)
    if b"-----BEGIN" not in data:
        return data.decode(errors="replace").strip()
    try:
        key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise _no_key(path)
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()


def _in_json(path: Path, data: bytes) -> str:
    try:
        return fingerprint(msgspec.json.decode(data, type=_KeyFile).public_key)
    except (msgspec.MsgspecError, ValueError):
        raise _no_key(path) from None


class _KeyFile(msgspec.Struct):
    public_key: str


def _no_key(path: Path) -> InvalidError:
    return InvalidError(
        f"{path} holds no Ed25519 public key",
        code="key_file_invalid",
        values={"file": str(path)},
    )
