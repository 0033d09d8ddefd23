"""The application of one API worker."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.routing import Route

from vms import __version__
from vms.admin import Principal
from vms.api import errors, openapi, rest, ws
from vms.api.cursors import Cursors
from vms.api.events import (
    CameraPlaces,
    EventHub,
    EventSource,
    Listeners,
    NoPlaces,
    PlaceBook,
    WallFeed,
)
from vms.api.forwarded import TrustedProxies
from vms.api.gate import OpenGate
from vms.api.index import RouteIndex
from vms.api.limits import Limiter, OwnLimits
from vms.api.middleware import Edge, RequestMetrics
from vms.api.ports import FirstAnswers, Gate
from vms.api.state import ApiState, Contexts, Documents
from vms.api.static import CountedWebClient
from vms.common import Clock
from vms.ingest import IngestWatch
from vms.telemetry import ProcessMetrics, Registry, get_logger

log = get_logger(__name__)

# Ours are at /metrics; nothing else looks into requests, or sends what it saw.
_NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "auto_configure": False,
}
# After a bug, so that it does not fill the log.
AGAIN_S = 1.0
WEB_FOLDER = Path(__file__).parent.parent / "web"


@dataclass(frozen=True, kw_only=True)
class Wiring:
    """What a worker is made of; whoever starts one gives it."""

    watch: IngestWatch
    clock: Clock
    # Without a database there are none: whoever comes is `everyone`.
    contexts: Contexts | None = None
    # Knows callers; where nobody is named, the people's services.
    gate: Gate | None = None
    # With `vms up --open` everybody is this one.
    everyone: Principal | None = None
    # The same in all workers: a cursor of one is read by another.
    cursor_key: bytes
    first_answers: FirstAnswers | None = None
    # Without a database nothing is kept, and only the states of streams are told.
    events: EventSource | None = None
    # Counts requests; where there is none, this worker counts by itself.
    limiter: Limiter | None = None
    # Whose word for where a client is counts: networks of proxies.
    trusted_proxies: tuple[str, ...] = ()
    places: CameraPlaces = field(default_factory=NoPlaces)
    web_folder: Path = WEB_FOLDER


def create_app(wiring: Wiring) -> FastAPI:
    """Return the application; while it runs, it follows the media process and the events."""
    state = _state_of(wiring)
    work = [wiring.watch.run, state.listeners.watch]
    if state.hub is not None:
        work.append(state.hub.run)

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with running(*work):
            yield

    # The document is ours: FastAPI's own knows nothing of msgspec, and its pages load scripts
    # from elsewhere, which our policy refuses.
    app = FastAPI(
        lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None, telemetry=_NO_TELEMETRY
    )
    app.state.api = state
    errors.install(app)
    app.add_middleware(Edge, proxies=TrustedProxies(wiring.trusted_proxies))
    app.add_middleware(RequestMetrics, registry=state.registry, clock=state.clock)
    routes = (route for ops in rest.EVERY for route in ops.router.routes)
    app.router.routes.append(RouteIndex(one for one in routes if isinstance(one, Route)))
    for router in ws.ROUTERS:
        app.include_router(router)
    app.mount("/", CountedWebClient(wiring.web_folder), name="web")
    return app


def _state_of(wiring: Wiring) -> ApiState:
    watch, clock, gate = wiring.watch, wiring.clock, _gate_of(wiring)
    registry = Registry()
    ProcessMetrics(registry, clock)
    registry.gauge(
        "vms_media_connected", "1 while the media process answers.", lambda: float(watch.connected)
    )
    places = PlaceBook(wiring.places, clock)
    listeners = Listeners(gate.renewed, gate.heard)
    registry.gauge("vms_api_listeners", "Listeners to events.", lambda: float(len(listeners)))
    hub = None
    if wiring.events is not None:
        hub = EventHub(wiring.events, places, clock)
        hub.on_event(listeners.heard)
    return ApiState(
        watch=watch,
        wall=WallFeed(watch, places, clock),
        listeners=listeners,
        hub=hub,
        registry=registry,
        clock=clock,
        version=__version__,
        contexts=wiring.contexts,
        gate=gate,
        limiter=wiring.limiter or OwnLimits(clock),
        cursors=Cursors(wiring.cursor_key),
        documents=_documents(),
        first_answers=wiring.first_answers,
        everyone=wiring.everyone,
    )


def _gate_of(wiring: Wiring) -> Gate:
    if wiring.gate is not None:
        return wiring.gate
    return OpenGate() if wiring.contexts is None else wiring.contexts.people


@contextlib.asynccontextmanager
async def running(*work: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Run things beside the block, and stop them with it."""
    tasks = [asyncio.create_task(_again(one)) for one in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _again(one: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run something to its end; after a bug of ours once more, told each time."""
    while True:
        try:
            await one()
        except Exception:  # whatever it is, the others go on and this one tries again
            log.exception("background_failed", work=getattr(one, "__qualname__", str(one)))
            await asyncio.sleep(AGAIN_S)
        else:
            return


@functools.cache
def _documents() -> Documents:
    declared = (operation for ops in rest.EVERY for operation in ops.declared)
    newer = openapi.document(declared, __version__)
    return Documents(msgspec.json.encode(newer), msgspec.json.encode(openapi.older(newer)))
