"""How events are written: frames of a WebSocket, and lines of Server-Sent Events.

{"type": "event", "position": 7, "event": {...}}
{"type": "events", "items": [{"position": 7, "event": {...}}, ...]}
{"type": "position", "position": 9}     nothing for you up to here: resume from it
{"type": "lagged", "position": 7}       you are slow: what follows is read for you again
{"type": "reset", "position": 9}        events between are kept no more: read everything anew
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from vms.outbox import Posted


@dataclass(frozen=True, slots=True)
class Part:
    """Some events that a listener sees; ``position`` is how far he is then."""

    seen: Sequence[Posted]
    position: int


@dataclass(frozen=True, slots=True)
class Note:
    """A word about the listening itself."""

    type: Literal["position", "lagged", "reset"]
    position: int


Told = Part | Note
Writer = Callable[[Told], str]


def as_frame(told: Told) -> str:
    """Return what is told as the text of a WebSocket message."""
    if isinstance(told, Note):
        return _json({"type": told.type, "position": told.position})
    items = [{"position": one.position, "event": one.body} for one in told.seen]
    if len(items) == 1:
        return _json({"type": "event", **items[0]})
    return _json({"type": "events", "items": items})


def as_stream(told: Told) -> str:
    """Return what is told as Server-Sent Events; ``id`` is what a browser resumes from."""
    if isinstance(told, Note):
        return f"id: {told.position}\nevent: {told.type}\ndata: {told.position}\n\n"
    return "".join(
        f"id: {one.position}\nevent: {one.name}\ndata: {bytes(one.body).decode()}\n\n"
        for one in told.seen
    )


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
