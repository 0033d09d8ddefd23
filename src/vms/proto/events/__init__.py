"""Domain events: what has happened, told to whoever listens.

A new event is a class in one of the modules here, and a name in ``EVENTS``.
"""

from typing import Union

import msgspec

from vms.proto.events.base import DomainEvent, encode_event, event_name
from vms.proto.events.cameras import (
    CameraCreated,
    CameraDeleted,
    CameraOffline,
    CameraOnline,
    CameraUpdated,
)
from vms.proto.events.cities import CityCreated, CityDeleted, CityUpdated
from vms.proto.events.people import (
    GrantChanged,
    NewDevice,
    SessionRevoked,
    StreamKeyChanged,
    UserCreated,
    UserDeleted,
    UserUpdated,
)
from vms.proto.events.recording import (
    ClipReady,
    RecordingGap,
    RecordingRulesChanged,
    RecordingStarted,
    RecordingStopped,
    VolumeState,
)

__all__ = [
    "EVENTS",
    "CameraCreated",
    "CameraDeleted",
    "CameraOffline",
    "CameraOnline",
    "CameraUpdated",
    "CityCreated",
    "CityDeleted",
    "CityUpdated",
    "ClipReady",
    "DomainEvent",
    "GrantChanged",
    "NewDevice",
    "RecordingGap",
    "RecordingRulesChanged",
    "RecordingStarted",
    "RecordingStopped",
    "SessionRevoked",
    "StreamKeyChanged",
    "UserCreated",
    "UserDeleted",
    "UserUpdated",
    "VolumeState",
    "decode_event",
    "encode_event",
    "event_name",
]

EVENTS: tuple[type[DomainEvent], ...] = (
    CameraCreated,
    CameraDeleted,
    CameraOffline,
    CameraOnline,
    CameraUpdated,
    CityCreated,
    CityDeleted,
    CityUpdated,
    ClipReady,
    GrantChanged,
    NewDevice,
    RecordingGap,
    RecordingRulesChanged,
    RecordingStarted,
    RecordingStopped,
    SessionRevoked,
    StreamKeyChanged,
    UserCreated,
    UserDeleted,
    UserUpdated,
    VolumeState,
)

_decoder: msgspec.json.Decoder[DomainEvent] = msgspec.json.Decoder(Union[EVENTS])  # noqa: UP007 - made of the list


def decode_event(body: bytes | str | msgspec.Raw) -> DomainEvent:
    """Read an event; one that this version does not know is a ``ValidationError``."""
    return _decoder.decode(body)
