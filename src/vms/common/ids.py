"""Ids and the names of streams.

A camera id is opaque, unique over all cities and never reused. It appears in
addresses and folder names, hence the small alphabet. A stream is written
``{camera}/main`` or ``{camera}/sub``; ``{camera}`` alone is main.
"""

import re
import secrets
import threading
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from vms.common.errors import InvalidError

CameraId = NewType("CameraId", str)

CAMERA_ID_PATTERN = r"[a-z0-9][a-z0-9_-]{0,62}"
LOCAL_CITY = "local"
RESERVED_IDS = frozenset({"api", "main", "playback", "sub"})

# Crockford's base 32 in lower case: no i, l, o, u to be misread.
_BASE32 = "0123456789abcdefghjkmnpqrstvwxyz"
_ID_LETTERS = 23

_CAMERA_ID = re.compile(CAMERA_ID_PATTERN)


class StreamName(StrEnum):
    """The streams a camera can have."""

    MAIN = "main"
    SUB = "sub"


@dataclass(frozen=True, slots=True, order=True)
class StreamRef:
    """One stream of one camera."""

    camera: CameraId
    stream: StreamName = StreamName.MAIN

    def __str__(self) -> str:
        return f"{self.camera}/{self.stream}"


def camera_id(text: str) -> CameraId:
    """Return ``text`` as a camera id, or say what is allowed."""
    if not _CAMERA_ID.fullmatch(text):
        raise InvalidError(
            f"{text!r} is not a camera id: allowed are 1 to 63 of a-z, 0-9, _ and -, "
            "beginning with a letter or a digit",
            code="camera_id_invalid",
            values={"id": text},
        )
    if text in RESERVED_IDS:
        raise InvalidError(
            f"{text!r} is reserved and cannot be a camera id "
            f"(reserved: {', '.join(sorted(RESERVED_IDS))})",
            code="camera_id_reserved",
            values={"id": text},
        )
    return CameraId(text)


def stream_ref(text: str) -> StreamRef:
    """Read ``camera``, ``camera/main`` or ``camera/sub``."""
    camera, slash, stream = text.partition("/")
    if slash and stream not in set(StreamName):
        raise InvalidError(
            f"{text!r} is not a stream: write CAMERA/main or CAMERA/sub",
            code="stream_invalid",
            values={"stream": text},
        )
    return StreamRef(camera_id(camera), StreamName(stream) if slash else StreamName.MAIN)


_RANDOM_BITS = 64
# From one id to the next within a millisecond: no less to guess than it has bits.
_STEP_BITS = 40

_last_lock = threading.Lock()
_last = 0


def new_id() -> str:
    """Return a new id: 48 bits of milliseconds and 64 random bits, sorted by time of making.

    Those of one process sort in the order of making, within a millisecond too and
    after the clock was set back.
    """
    global _last  # noqa: PLW0603 - the order is that of the process
    now_ms = (time.time_ns() // 1_000_000) & ((1 << 48) - 1)
    with _last_lock:
        if now_ms > _last >> _RANDOM_BITS:
            _last = now_ms << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
        else:
            _last += 1 + secrets.randbits(_STEP_BITS)
        value = _last
    return "".join(_BASE32[(value >> shift) & 31] for shift in range(5 * (_ID_LETTERS - 1), -1, -5))
