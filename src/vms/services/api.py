"""An API worker: the application on the front's Unix socket."""

import asyncio
import contextlib
import secrets
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from vms.api import EVERYONE, Wiring, create_app
from vms.cameras import desired_state, wish_of_entry
from vms.common import Clock, SystemClock
from vms.engine import EngineClient
from vms.ingest import IngestWatch
from vms.proto import ApiLaunch
from vms.services import child
from vms.services.listen import listen_unix
from vms.services.paths import api_socket, media_socket
from vms.services.worker import closed_worker
from vms.telemetry import get_logger

log = get_logger("vms.services.api")

GRACE_S = 1
# Listeners have nothing to say.
MOST_HEARD_BYTES = 4096


class Server(uvicorn.Server):
    """uvicorn that says when it serves, and leaves signals to us."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none: the process has its own way to stop."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to serve, then say so."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()


def listen(app: FastAPI) -> uvicorn.Config:
    """Return how an application is served behind the front."""
    return uvicorn.Config(
        app,
        http="httptools",
        ws="websockets-sansio",
        # Compressed for each listener alone, a message would cost ten times as much.
        ws_per_message_deflate=False,
        ws_max_size=MOST_HEARD_BYTES,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_S,
    )


async def run(orders: ApiLaunch, post: child.Post) -> None:
    """Serve until told to stop."""
    data = Path(orders.launch.data)
    stop = child.stop_signal()
    clock = SystemClock()
    handle = post.socket
    listener = listen_unix(api_socket(data)) if handle is None else socket.socket(fileno=handle)
    async with contextlib.AsyncExitStack() as stack:
        media = await stack.enter_async_context(EngineClient(media_socket(data)))
        if orders.launch.open:
            wiring = _open(orders, media, clock)
        else:
            worker = closed_worker(orders, media, clock, alone=not post.has_parent)
            wiring = await stack.enter_async_context(worker)
        server = Server(listen(create_app(wiring)), on_ready=lambda: post.ready({}))
        await _serve_until(server, listener, stop)
    log.info("api_stopped", worker=orders.worker)


def _open(orders: ApiLaunch, media: EngineClient, clock: Clock) -> Wiring:
    """Nobody signs in, and nothing is kept: the settings' cameras are all there are."""
    desired = desired_state(map(wish_of_entry, orders.launch.cameras), generation=1)
    return Wiring(
        watch=IngestWatch(media, desired, clock),
        clock=clock,
        everyone=EVERYONE,
        cursor_key=secrets.token_bytes(32),
    )


async def _serve_until(server: Server, listener: socket.socket, stop: asyncio.Event) -> None:
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await child.until(stop, serving)
    finally:
        server.should_exit = True
        await serving


if __name__ == "__main__":
    sys.exit(child.main("api", ApiLaunch, lambda orders: orders.launch.log, run))
