"""The last desired state on disk, so that video flows with nobody else up.

The state holds cameras' passwords: it is encrypted with AES-256-GCM under a key
that lies beside it in a file of mode 0600. That keeps passwords out of
backups and screens that show the one file without the other.

File: ``VMSSNAP1`` (8 bytes, also the associated data), nonce (12), ciphertext
with tag. A write is atomic: a new file, synced, takes the old one's place.
"""

import secrets
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vms.common import InternalError
from vms.engine.model import DesiredState
from vms.trust import write_private

MAGIC = b"VMSSNAP1"
NONCE_BYTES = 12
KEY_BYTES = 32

_decoder = msgspec.json.Decoder(DesiredState)


class SnapshotStore:
    """Keeps one desired state in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "snapshot.bin"
        self._key_file = folder / "snapshot.key"

    def save(self, desired: DesiredState) -> None:
        """Replace the snapshot; it survives a power cut from here on."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = AESGCM(self._key()).encrypt(nonce, msgspec.json.encode(desired), MAGIC)
        write_private(self._file, MAGIC + nonce + sealed)

    def load(self) -> DesiredState | None:
        """Return the snapshot, or nothing where there is none."""
        try:
            raw = self._file.read_bytes()
        except FileNotFoundError:
            return None
        nonce, sealed = raw[len(MAGIC) :][:NONCE_BYTES], raw[len(MAGIC) + NONCE_BYTES :]
        try:
            if not raw.startswith(MAGIC):
                raise self._broken("it is not a snapshot of this product")
            plain = AESGCM(self._read_key()).decrypt(nonce, sealed, MAGIC)
            return _decoder.decode(plain)
        except FileNotFoundError:
            raise self._broken(f"its key {self._key_file} is gone") from None
        except (InvalidTag, ValueError) as error:
            raise self._broken("it was changed, or its key is another one") from error

    def _broken(self, why: str) -> InternalError:
        return InternalError(
            f"the snapshot {self._file} cannot be used: {why}; cameras come back "
            "when the API applies its state",
            code="snapshot_broken",
            values={"file": str(self._file)},
        )

    def _read_key(self) -> bytes:
        return self._key_file.read_bytes()

    def _key(self) -> bytes:
        try:
            return self._read_key()
        except FileNotFoundError:
            key = AESGCM.generate_key(bit_length=KEY_BYTES * 8)
            write_private(self._key_file, key)
            return key
