"""Frames of the bus's socket: four bytes of length, then MessagePack."""

import asyncio
from typing import Annotated

import msgspec

from vms.bus.buckets import Share
from vms.common import InvalidError

LONGEST_FRAME = 1 << 20
_LENGTH_BYTES = 4
PerMinute = Annotated[int, msgspec.Meta(ge=1)]


class Subscribe(msgspec.Struct, frozen=True, tag="subscribe"):
    """Listen to topics, under a number that the client chose."""

    number: int
    topics: tuple[str, ...]


class Unsubscribe(msgspec.Struct, frozen=True, tag="unsubscribe"):
    """Stop listening."""

    number: int


class Publish(msgspec.Struct, frozen=True, tag="publish"):
    """Give a message to every listener."""

    number: int
    topic: str
    body: bytes


class Take(msgspec.Struct, frozen=True, tag="take"):
    """Take some tokens of a bucket."""

    number: int
    key: str
    per_minute: PerMinute


class GiveBack(msgspec.Struct, frozen=True, tag="give_back"):
    """Give back tokens that were not spent."""

    key: str
    per_minute: PerMinute
    tokens: Annotated[int, msgspec.Meta(ge=1)]


class Done(msgspec.Struct, frozen=True, tag="done"):
    """What was asked under this number is done."""

    number: int


class Deliver(msgspec.Struct, frozen=True, tag="deliver"):
    """A message for a subscription."""

    number: int
    topic: str
    body: bytes


class Taken(msgspec.Struct, frozen=True, tag="taken"):
    """What was taken of a bucket."""

    number: int
    share: Share


class Missed(msgspec.Struct, frozen=True, tag="missed"):
    """A subscription lost messages here."""

    number: int


Asked = Subscribe | Unsubscribe | Publish | Take | GiveBack
Told = Done | Deliver | Missed | Taken

asked: msgspec.msgpack.Decoder[Asked] = msgspec.msgpack.Decoder(Asked)
told: msgspec.msgpack.Decoder[Told] = msgspec.msgpack.Decoder(Told)


def frame(content: Asked | Told) -> bytes:
    """Return a frame, or refuse one that the other side would."""
    body = msgspec.msgpack.encode(content)
    if len(body) > LONGEST_FRAME:
        raise InvalidError(
            f"a message of {len(body)} bytes is too long for the bus ({LONGEST_FRAME})",
            code="bus_message_long",
        )
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


async def read_frame(reader: asyncio.StreamReader) -> bytes | None:
    """Return the next frame's content, nothing at the end of the connection."""
    try:
        length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES), "big")
        if length > LONGEST_FRAME:
            return None
        return await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
