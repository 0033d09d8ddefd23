"""What signs the archive of a case: the evidence key, over the list of the hashes in it.

``SHA256SUMS.sig`` tells the signature and the keys that lead to the one that signed, so that
whoever trusts an older key of the installation needs no other.
"""

import base64
import hashlib
from itertools import pairwise
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from vms.common import InvalidError
from vms.engine.recording import Signed, VouchedKey

CASE = "case.json"
SUMS = "SHA256SUMS"
SIGNATURE = "SHA256SUMS.sig"
# In front of what is signed: no signature serves for anything else.
_ARCHIVE = b"vms-enterprise case archive 1\0"
_KEY = b"vms-enterprise key 1\0"
_KEY_BYTES, _SIGNATURE_BYTES = 32, 64


class SignatureFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is in the file."""

    kind: Literal["case"]
    # Of the list; in hexadecimal, as the key's fingerprint.
    sha256: str
    key: str
    # Ed25519 in URL-safe base 64 without padding.
    signature: str
    keys: tuple[VouchedKey, ...]


def signature_file(digest: str, signed: Signed) -> bytes:
    """Return the file for a list of this SHA-256."""
    return _written(SignatureFile("case", digest, signed.key, signed.signature, signed.keys))


def signers(data: bytes) -> tuple[str, tuple[str, ...]]:
    """Return the SHA-256 of the list that was signed, and the fingerprints of the key that did,
    the last one, and of those that lead to it.

    Raises ``InvalidError`` where the signature is wrong, or a key on the way to the last one
    was not vouched for by the one before.
    """
    try:
        return _proved(data)
    except (msgspec.MsgspecError, ValueError, InvalidSignature) as error:
        raise InvalidError(str(error), code="signature_wrong") from None


def _proved(data: bytes) -> tuple[str, tuple[str, ...]]:
    told = msgspec.json.decode(data, type=SignatureFile)
    keys = [_exact(one.public, _KEY_BYTES) for one in told.keys]
    marks = tuple(hashlib.sha256(key).hexdigest() for key in keys)
    # There is one way to write it, so that no byte changes unnoticed.
    if told.key not in marks[-1:] or _written(told) != data:
        raise ValueError("it is not as it was written")
    _check(keys[-1], _ARCHIVE + bytes.fromhex(told.sha256), told.signature)
    for (before, key), vouched in zip(pairwise(keys), told.keys[1:], strict=True):
        _check(before, _KEY + key, vouched.signature)
    return told.sha256, marks


def _written(told: SignatureFile) -> bytes:
    return msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n"


def _check(key: bytes, message: bytes, signature: str) -> None:
    Ed25519PublicKey.from_public_bytes(key).verify(_exact(signature, _SIGNATURE_BYTES), message)


def _exact(text: str, size: int) -> bytes:
    """Return bytes that are written in the one way there is."""
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if len(data) != size or base64.urlsafe_b64encode(data).decode().rstrip("=") != text:
        raise ValueError(f"{text!r} is not the base 64 of {size} bytes")
    return data
