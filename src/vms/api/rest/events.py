"""``/api/v1/events/stream``: domain events as Server-Sent Events."""

from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from fastapi import Request, Response
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from vms.admin import Function
from vms.api.caller import Caller
from vms.api.events import EventQuery, Listener, Sight, as_stream, until_cut
from vms.api.inputs import query
from vms.api.operation import Operations
from vms.api.state import ApiState, State
from vms.common import ForbiddenError, InvalidError, UnavailableError

ops = Operations("/api/v1/events", tag="events")

MEDIA = "text/event-stream"
# A comment, so that proxies and browsers see that the stream lives.
BEAT_S = 15.0
BEAT = ": beat\n\n"

_EXAMPLE = (
    'id: 7\nevent: camera.offline\ndata: {"event":"camera.offline","city":"sp",'
    '"at_us":1700000000000000,"camera":"gate","reason":"timeout"}\n\n'
)


@ops.get("/stream", summary="Events as they happen", media=MEDIA, example=_EXAMPLE)
async def stream_events(
    request: Request,
    who: Caller,
    asked: Annotated[EventQuery, query(EventQuery)],
    state: State,
) -> Response:
    """Stream events until the listener leaves.

    `Last-Event-ID`, which browsers send by themselves, goes before `cursor`. An event `reset`
    says that what came between is kept no more: read everything anew. `lagged` says that you
    read too slowly; nothing is lost by it. `position` tells how far the events went that are
    none of yours.
    """
    if state.hub is None:
        raise UnavailableError("this server keeps no events", code="events_unavailable")
    if who.cities(Function.EVENT_READ) == frozenset():
        raise ForbiddenError("event.read is allowed nowhere", code="permission_missing")
    sight = Sight(who, _resumed(asked, request.headers.get("last-event-id")))
    listener = state.listeners.add(sight)
    texts = listener.told(state.hub, state.clock, as_stream)
    return _Stream(until_cut(texts, listener.cut, BEAT_S, BEAT), state, listener)


def _resumed(asked: EventQuery, told: str | None) -> EventQuery:
    if not told:
        return asked
    if not told.isascii() or not told.isdigit() or len(told) > 15:
        raise InvalidError("Last-Event-ID is none of ours", code="cursor_invalid")
    return msgspec.structs.replace(asked, cursor=int(told))


class _Stream(StreamingResponse):
    """A stream that is counted for as long as it lasts."""

    def __init__(self, texts: AsyncIterator[str], state: ApiState, listener: Listener) -> None:
        super().__init__(texts, headers={"Cache-Control": "no-store"}, media_type=MEDIA)
        self._state = state
        self._listener = listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until one side ends it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._state.listeners.remove(self._listener)
