"""What a worker is asked and what it answers: typed, over two pipes.

A message is its length (4 bytes, big-endian) and MessagePack.
"""

import struct

import msgspec

MAX_MESSAGE = 64 << 20
LENGTH = struct.Struct(">I")


class Picture(msgspec.Struct, frozen=True, tag=True):
    """Make a still of a group of pictures, Annex B: its last one is shown."""

    codec: str
    data: bytes
    # 0: as wide as the video.
    width: int = 0
    format: str = "jpeg"
    quality: int = 80


class Sprite(msgspec.Struct, frozen=True, tag=True):
    """Make one sheet of stills, a key frame each, row by row.

    An empty one, and one that cannot be decoded, stays black.
    """

    codec: str
    frames: tuple[bytes, ...]
    columns: int = 10
    width: int = 160
    height: int = 90
    quality: int = 60


class Still(msgspec.Struct, frozen=True, tag=True):
    """A picture that was made."""

    width: int
    height: int
    data: bytes
    # Of a sheet: which stayed black, from 0 on.
    missing: tuple[int, ...] = ()


class Refused(msgspec.Struct, frozen=True, tag=True):
    """Why a job could not be done."""

    code: str
    message: str


Job = Picture | Sprite
Answer = Still | Refused

_jobs: msgspec.msgpack.Decoder[Job] = msgspec.msgpack.Decoder(Job)
_answers: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)


def pack(message: Job | Answer) -> bytes:
    """Return a message as it crosses a pipe."""
    body = msgspec.msgpack.encode(message)
    return LENGTH.pack(len(body)) + body


def read_job(body: bytes) -> Job:
    """Return the job that was sent."""
    return _jobs.decode(body)


def read_answer(body: bytes) -> Answer:
    """Return the answer that was sent."""
    return _answers.decode(body)
