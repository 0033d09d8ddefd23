"""The key that seals, and what others need of it: public key and fingerprint."""

import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from vms.audit.model import is_hash
from vms.common import InvalidError

_RAW = Encoding.Raw, PublicFormat.Raw


class PublicKey:
    """Checks signatures. Its fingerprint is the SHA-256 of the 32 bytes of the key."""

    def __init__(self, raw: bytes) -> None:
        self._key = Ed25519PublicKey.from_public_bytes(raw)
        self.hex = raw.hex()
        self.fingerprint = hashlib.sha256(raw).hexdigest()

    @staticmethod
    def from_hex(text: str) -> "PublicKey":
        """Read a key as exports and the database hold it."""
        try:
            return PublicKey(bytes.fromhex(text))
        except ValueError as error:
            raise InvalidError(
                f"not a public key of Ed25519: {error}", code="audit_key_invalid"
            ) from error

    @property
    def pem(self) -> str:
        """The key as other programs read it (SubjectPublicKeyInfo)."""
        return self._key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def verifies(self, message: bytes, signature: str) -> bool:
        """Say whether this key signed the message; the signature is in lower-case hex."""
        try:
            raw = bytes.fromhex(signature)
            self._key.verify(raw, message)
        except (InvalidSignature, TypeError, ValueError):
            return False
        # One signature, one way to write it: no byte of the column may change unnoticed.
        return raw.hex() == signature


@dataclass(frozen=True, slots=True)
class SigningKey:
    """Signs. Its 32 bytes leave this object only to be sealed by the vault."""

    _key: Ed25519PrivateKey
    public: PublicKey

    @staticmethod
    def new() -> "SigningKey":
        """Make a key."""
        return _signing(Ed25519PrivateKey.generate())

    @staticmethod
    def from_private(raw: bytes) -> "SigningKey":
        """Read a key that the vault has opened."""
        return _signing(Ed25519PrivateKey.from_private_bytes(raw))

    @property
    def fingerprint(self) -> str:
        """The public key's fingerprint."""
        return self.public.fingerprint

    def private_bytes(self) -> bytes:
        """Return the secret half, for the vault."""
        return self._key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())

    def sign(self, message: bytes) -> str:
        """Return the signature in lower-case hex."""
        return self._key.sign(message).hex()


def _signing(key: Ed25519PrivateKey) -> SigningKey:
    return SigningKey(key, PublicKey(key.public_key().public_bytes(*_RAW)))


def fingerprint_of(text: str) -> str:
    """Read a fingerprint as people write it: upper case, with colons or spaces."""
    bare = "".join(text.lower().replace(":", " ").split())
    if not is_hash(bare):
        raise InvalidError(
            f"{text!r} is not a fingerprint: write the 64 hex digits that `vms audit key` prints",
            code="audit_fingerprint_invalid",
            values={"fingerprint": text},
        )
    return bare
