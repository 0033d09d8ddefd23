"""Domain events: names, the list, reading and writing."""

import re

import msgspec
import pytest

from vms.proto import events
from vms.proto.events import (
    EVENTS,
    CameraOffline,
    DomainEvent,
    decode_event,
    encode_event,
    event_name,
)


def test_the_list_is_complete() -> None:
    declared = {
        cls
        for cls in vars(events).values()
        if isinstance(cls, type) and issubclass(cls, DomainEvent) and cls is not DomainEvent
    }
    assert set(EVENTS) == declared
    assert len(EVENTS) == len(set(EVENTS))


def test_names_are_object_and_past_tense_and_unique() -> None:
    names = [event_name(cls) for cls in EVENTS]
    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch(r"[a-z_]+\.[a-z_]+", name)] == []
    assert max(map(len, names)) <= 63, "the outbox's column"


def test_an_event_is_read_as_it_was_written() -> None:
    event = CameraOffline(city="sp", at_us=5, camera="c1", reason="no_video")
    body = encode_event(event)
    assert msgspec.json.decode(body) == {
        "event": "camera.offline",
        "city": "sp",
        "at_us": 5,
        "camera": "c1",
        "reason": "no_video",
    }
    assert decode_event(body) == event


def test_an_unknown_event_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        decode_event(b'{"event":"camera.exploded","city":null,"at_us":1}')
