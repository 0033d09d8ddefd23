"""``/ws/events``: states as they change, statistics each second."""

import asyncio
import contextlib

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from vms.api.state import State

router = APIRouter()


@router.websocket("/ws/events")
async def events(socket: WebSocket, state: State) -> None:
    """Tell one listener until it leaves."""
    await socket.accept()
    telling = asyncio.create_task(_tell(socket, state))
    try:
        # What a listener says means nothing yet; hearing it is how we learn that it left.
        while True:
            await socket.receive_text()
    except WebSocketDisconnect:
        pass
    finally:
        telling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await telling


async def _tell(socket: WebSocket, state: State) -> None:
    with contextlib.suppress(WebSocketDisconnect):
        async for message in state.feed.messages():
            await socket.send_text(message)
