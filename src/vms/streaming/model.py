"""Signed addresses: what is in them and how they are written.

``v1.KEY.PAYLOAD.SIGNATURE``, base 64 for URLs without padding, Ed25519 over the
text before the last dot (RFC 8032). The engine refuses any other form.
"""

import base64
from enum import StrEnum

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from vms.common import CameraId, StreamName, StreamRef

# The engine takes an address that runs out later than this as signed anew.
LIFETIME_S = 300
NONCE_BYTES = 16


class AddressKind(StrEnum):
    """By which protocol a stream is opened."""

    WEBRTC = "webrtc"
    RTSP = "rtsp"
    HLS = "hls"
    PLAYBACK = "playback"
    # Many cameras on one WebSocket.
    SOCKET = "socket"
    # Not watched: somebody is heard at the camera.
    TALK = "talk"


class View(StrEnum):
    """As the camera sent it, or with the privacy masks drawn."""

    ORIGINAL = "original"
    MASKED = "masked"


class Claims(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={
        "camera": "c",
        "stream": "s",
        "city": "t",
        "kind": "k",
        "view": "w",
        "audio": "a",
        "viewer": "v",
        "session": "i",
        "node": "n",
        "expires_s": "e",
        "from_us": "f",
        "until_us": "u",
        "nonce": "j",
        "most": "m",
        "called": "d",
        "actor": "b",
    },
):
    """What is signed. Every field but the last two is written, for the engine wants them all."""

    camera: CameraId
    stream: StreamName
    city: str
    kind: AddressKind
    view: View
    # 0 or 1.
    audio: int
    viewer: str
    session: str
    node: str
    expires_s: int
    # 0 and 0 is live.
    from_us: int
    until_us: int
    nonce: str
    # Most streams of this viewer at once; 0 leaves it to the engine's limits.
    most: int
    # Who talks, for another who wishes to.
    called: str | msgspec.UnsetType = msgspec.UNSET
    # Who talks, as the audit names him.
    actor: str | msgspec.UnsetType = msgspec.UNSET

    @property
    def ref(self) -> StreamRef:
        """The stream it opens."""
        return StreamRef(self.camera, self.stream)


class AddressSigner:
    """One key that signs addresses."""

    def __init__(self, key_id: str, private: bytes) -> None:
        self.id = key_id
        self._key = Ed25519PrivateKey.from_private_bytes(private)

    @staticmethod
    def new_private() -> bytes:
        """Return the secret half of a new key, for the vault."""
        key = Ed25519PrivateKey.generate()
        return key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())

    @property
    def public(self) -> str:
        """The public half as the engine reads it."""
        return _text(self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    def sign(self, claims: Claims) -> str:
        """Return the address."""
        signed = f"v1.{self.id}.{_text(msgspec.json.encode(claims))}"
        return f"{signed}.{_text(self._key.sign(signed.encode()))}"


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
