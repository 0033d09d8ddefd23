"""The application of one API worker."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import FastAPI

from vms import __version__
from vms.api import errors, rest, ws
from vms.api.feed import EventFeed
from vms.api.middleware import ProtectionHeaders, RequestMetrics
from vms.api.state import ApiState
from vms.api.static import WebClient
from vms.common import Clock
from vms.ingest import IngestWatch
from vms.telemetry import ProcessMetrics, Registry

WEB_FOLDER = Path(__file__).parent.parent / "web"


def create_app(
    watch: IngestWatch, clock: Clock, *, open_: bool, web_folder: Path = WEB_FOLDER
) -> FastAPI:
    """Return the application; while it runs, it follows the media process."""
    registry = Registry()
    ProcessMetrics(registry, clock)
    registry.gauge(
        "vms_media_connected", "1 while the media process answers.", lambda: float(watch.connected)
    )

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        following = asyncio.create_task(watch.run())
        try:
            yield
        finally:
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following

    app = FastAPI(
        title="VMS Enterprise",
        version=__version__,
        lifespan=lifespan,
        openapi_url="/api/v1/openapi.json",
        # Their pages load scripts from elsewhere, which our policy refuses.
        docs_url=None,
        redoc_url=None,
    )
    app.state.api = ApiState(
        watch=watch,
        feed=EventFeed(watch, clock),
        registry=registry,
        clock=clock,
        version=__version__,
        open=open_,
    )
    errors.install(app)
    app.add_middleware(ProtectionHeaders)
    app.add_middleware(RequestMetrics, registry=registry, clock=clock)
    for router in (*rest.ROUTERS, *ws.ROUTERS):
        app.include_router(router)
    app.mount("/", WebClient(web_folder), name="web")
    return app
