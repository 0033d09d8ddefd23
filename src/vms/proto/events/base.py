"""What all domain events have, and how they are written down."""

import msgspec


class DomainEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """Something that has happened; it is committed with the change it tells of.

    ``city`` is whose it is, nothing for what belongs to the platform alone.
    ``at_us`` is when it was written, in microseconds of UTC. It holds ids, never
    a secret and no more about a person than an id.
    """

    city: str | None
    at_us: int


def event_name(event: DomainEvent | type[DomainEvent]) -> str:
    """Return the name of an event, such as ``camera.created``."""
    return str(event.__struct_config__.tag)


def encode_event(event: DomainEvent) -> bytes:
    """Return an event as JSON; its name stands under ``event``."""
    return msgspec.json.encode(event)
