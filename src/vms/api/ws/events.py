"""``/ws/events``: states of streams as they change, statistics each second, domain events."""

import contextlib
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from vms.api.caller import Caller
from vms.api.events import CHANGED, EventQuery, Sight, as_frame, first_of
from vms.api.inputs import query
from vms.api.state import State

router = APIRouter()

# RFC 6455, section 7.4.1, and its registry: you may no more; come again.
POLICY, TRY_AGAIN = 1008, 1013


@router.websocket("/ws/events")
async def events(
    socket: WebSocket,
    who: Caller,
    asked: Annotated[EventQuery, query(EventQuery)],
    state: State,
) -> None:
    """Tell one listener until it leaves or may listen no more."""
    sight = Sight(who, asked)
    listener = state.listeners.add(sight)
    work = [_hear(socket), listener.wait_cut()]
    if sight.streams:
        work.append(_tell(socket, state.wall.messages(sight)))
    if sight.events and state.hub is not None:
        work.append(_tell(socket, listener.told(state.hub, state.clock, as_frame)))
    try:
        with contextlib.suppress(WebSocketDisconnect):
            await socket.accept()
            await first_of(*work)
            if listener.why:
                await socket.close(TRY_AGAIN if listener.why == CHANGED else POLICY, listener.why)
    finally:
        state.listeners.remove(listener)


async def _hear(socket: WebSocket) -> None:
    # What a listener says means nothing; hearing it is how we learn that it left.
    while True:
        await socket.receive_text()


async def _tell(socket: WebSocket, texts: AsyncIterator[str]) -> None:
    async for text in texts:
        try:
            # Waits while the listener reads too slowly: nothing is queued for it here.
            await socket.send_text(text)
        except RuntimeError:
            # The server has closed it, as its pings were not answered; who hears learns it later.
            return
