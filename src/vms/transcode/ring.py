"""Frames of one stream in memory that the engine writes and this process reads.

The layout stands in ``engine/crates/sinks/src/frames/ring.rs``. The engine never waits: who
is overtaken goes on at the newest key frame.
"""

import mmap
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from vms.common import InvalidError

HEAD_BYTES = 64
MAGIC = b"VMSRING1"
_HEAD = struct.Struct("<8sQQQQ")
_RECORD = struct.Struct("<IBBxxqIIQ")
_CODECS = {1: "h264", 2: "h265", 3: "av1", 4: "vp8", 5: "vp9", 6: "mjpeg", 7: "mpeg4"}
# Of these a frame is NAL units, which decoders take with start codes between them.
WITH_START_CODES = ("h264", "h265")
_NONE = 2**64 - 1
KEY, MISSING = 1, 2


def packet(codec: str, data: bytes) -> bytes:
    """Return a frame as decoders take it: with start codes instead of lengths."""
    return _annexb(data) if codec in WITH_START_CODES else data


def _annexb(data: bytes) -> bytes:
    parts, at = [], 0
    while at + 4 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        parts += [b"\0\0\0\1", data[at + 4 : at + 4 + size]]
        at += 4 + size
    return b"".join(parts)


@dataclass(frozen=True, slots=True)
class RingFrame:
    """One access unit: of H.264 and H.265 NAL units with 4-byte lengths."""

    codec: str
    key: bool
    # Frames before this one were lost.
    missing: bool
    utc_us: int
    epoch: int
    number: int
    data: bytes

    def packet(self) -> bytes:
        """Return the frame as decoders take it: with start codes instead of lengths."""
        return packet(self.codec, self.data)


@dataclass(slots=True)
class FrameRing:
    """The reader's side: its own place in the ring."""

    memory: mmap.mmap
    capacity: int
    # None until the first key frame.
    _next: int | None = field(default=None)
    overtaken: int = 0

    @classmethod
    def of_handle(cls, handle: int) -> "FrameRing":
        """Map the ring of a handle, which may be closed afterwards."""
        size = os.fstat(handle).st_size
        memory = mmap.mmap(handle, size, mmap.MAP_SHARED, mmap.PROT_READ)
        magic, capacity, *_ = _HEAD.unpack_from(memory)
        if magic != MAGIC or capacity + HEAD_BYTES != size:
            memory.close()
            raise InvalidError("this memory is no ring of frames of this version")
        return cls(memory, capacity)

    def frames(self) -> Iterator[RingFrame]:
        """Yield every frame that came since the last call."""
        while True:
            _, _, head, _, key = _HEAD.unpack_from(self.memory)
            if self._next is None:
                # Of a group longer than the ring the key frame is overwritten: the next one is
                # waited for.
                if key == _NONE or not self._is_whole(key):
                    return
                self._next = key
            if self._next >= head:
                return
            found = self._read(self._next)
            if found is None:
                self.overtaken += 1
                self._next = None
                continue
            frame, self._next = found
            yield frame

    def close(self) -> None:
        """Give the memory back."""
        self.memory.close()

    def _read(self, position: int) -> tuple[RingFrame, int] | None:
        head = self._bytes(position, _RECORD.size)
        size, codec, flags, utc_us, _, epoch, number = _RECORD.unpack(head)
        if not self._is_whole(position) or _RECORD.size + size > self.capacity:
            return None
        data = self._bytes(position + _RECORD.size, size)
        if not self._is_whole(position):
            return None
        missing = bool(flags & MISSING)
        name = _CODECS.get(codec, "")
        frame = RingFrame(name, bool(flags & KEY), missing, utc_us, epoch, number, data)
        return frame, position + -(-(_RECORD.size + size) // 8) * 8

    def _is_whole(self, position: int) -> bool:
        """Tell whether what was copied from there was not overwritten meanwhile."""
        guard = int.from_bytes(self.memory[24:32], "little")
        return guard - position <= self.capacity

    def _bytes(self, position: int, size: int) -> bytes:
        at = position % self.capacity
        first = min(size, self.capacity - at)
        start = HEAD_BYTES + at
        return (
            self.memory[start : start + first] + self.memory[HEAD_BYTES : HEAD_BYTES + size - first]
        )
