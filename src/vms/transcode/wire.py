"""What a process that transcodes hears from the engine and says to it.

It is given a connection: the camera's frames come by it, what is made of them goes back. The words
stand in ``engine/crates/sinks/src/transcode/wire.rs``.
"""

import resource
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

MAX_MESSAGE = 32 << 20
COST_EVERY_S = 2.0
_SIZE = struct.Struct("<I")
_HEAD = struct.Struct("<QBBI")
_FRAME = struct.Struct("<Bq")
_LAG = struct.Struct("<q")
_MADE = struct.Struct("<IcQq")
_COST = struct.Struct("<IcIQ")
_MISSING, _KEY = 1, 2

# What was made: its epoch, when it was taken in the ticks of what is made, its bytes.
Tell = Callable[[int, int, bytes], None]


class GivesUpError(Exception):
    """Why what this camera sends cannot be transcoded."""


@dataclass(frozen=True, slots=True)
class Head:
    """What the engine says of the track whose frames follow."""

    epoch: int
    codec: int
    # 0: pictures.
    channels: int
    rate: int
    fmtp: bytes = b""

    @classmethod
    def read(cls, body: bytes) -> "Head":
        """Return what a message says."""
        epoch, codec, channels, rate = _HEAD.unpack_from(body)
        return cls(epoch, codec, channels, rate, body[_HEAD.size :])


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame of the camera."""

    # When it was taken, microseconds of UTC; of another machine's camera by that one's clock.
    utc_us: int
    data: bytes
    # Frames before it were lost.
    missing: bool = False
    key: bool = False
    # So much later than their time frames come to this machine, by its clock.
    lag_us: int = 0

    @classmethod
    def read(cls, body: bytes, lag_us: int) -> "Frame":
        """Return what a message says."""
        flags, utc_us = _FRAME.unpack_from(body)
        data = body[_FRAME.size :]
        return cls(utc_us, data, bool(flags & _MISSING), bool(flags & _KEY), lag_us)


class Transcoder(Protocol):
    """Makes of a camera's frames what viewers take."""

    def begin(self, head: Head) -> None:
        """Start an epoch of the camera."""

    def feed(self, frame: Frame) -> None:
        """Transcode one frame."""

    def make_key(self) -> None:
        """Make a key frame soon."""


@dataclass(slots=True)
class Meter:
    """What this process costs."""

    _begun: float = field(default_factory=time.monotonic)
    _cpu: float = field(default_factory=time.process_time)

    def read(self) -> tuple[int, int] | None:
        """Return thousandths of a core since the last time, and bytes; nothing while it is soon."""
        now, cpu = time.monotonic(), time.process_time()
        if now - self._begun < COST_EVERY_S:
            return None
        share = (cpu - self._cpu) / (now - self._begun)
        self._begun, self._cpu = now, cpu
        resident = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return round(share * 1000), resident * resource.getpagesize()


@dataclass(slots=True)
class Engine:
    """The connection to the engine."""

    socket: socket.socket
    _meter: Meter = field(default_factory=Meter)

    def tell(self, epoch: int, at: int, data: bytes) -> None:
        """Pass on what was made."""
        self.socket.sendall(_MADE.pack(17 + len(data), b"P", epoch, at) + data)

    def tell_cost(self) -> None:
        """Say now and then what this process costs."""
        cost = self._meter.read()
        if cost is not None:
            self.socket.sendall(_COST.pack(13, b"C", *cost))

    def give_up(self, why: GivesUpError) -> None:
        """Say why."""
        text = b"E" + str(why).encode()[:1000]
        self.socket.sendall(_SIZE.pack(len(text)) + text)


def serve(engine: Engine, transcoder: Transcoder) -> None:
    """Transcode until the engine lets go."""
    lag_us = 0
    with engine.socket.makefile("rb") as words:
        try:
            while (message := _read(words)) is not None:
                kind, body = message[:1], message[1:]
                if kind == b"H":
                    transcoder.begin(Head.read(body))
                elif kind == b"F":
                    transcoder.feed(Frame.read(body, lag_us))
                    engine.tell_cost()
                elif kind == b"L":
                    (lag_us,) = _LAG.unpack(body)
                elif kind == b"K":
                    transcoder.make_key()
        except GivesUpError as why:
            engine.give_up(why)
        except (BrokenPipeError, ConnectionResetError):
            return


def _read(words: BinaryIO) -> bytes | None:
    head = words.read(_SIZE.size)
    if len(head) < _SIZE.size:
        return None
    (size,) = _SIZE.unpack(head)
    if not 0 < size <= MAX_MESSAGE:
        return None
    body = words.read(size)
    return body if len(body) == size else None
