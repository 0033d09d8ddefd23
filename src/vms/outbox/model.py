"""An event on its way: committed, and in its place in the one order."""

import msgspec

from vms.proto.events import DomainEvent, decode_event

# The bus's topics: positioned events, and the call to look for new ones.
TOPIC = "events"
WAKE = "outbox.wake"


class Posted(msgspec.Struct, frozen=True):
    """An event with its position: 1, 2, 3, ... without gaps, in the order of publishing."""

    position: int
    city: str | None
    name: str
    body: msgspec.Raw

    @property
    def event(self) -> DomainEvent:
        """The event itself; ``body`` is the same as JSON."""
        return decode_event(self.body)


_decoder = msgspec.json.Decoder(Posted)


def encode_posted(posted: Posted) -> bytes:
    """Return what is published on the bus."""
    return msgspec.json.encode(posted)


def decode_posted(body: bytes) -> Posted:
    """Read what was published on the bus."""
    return _decoder.decode(body)
