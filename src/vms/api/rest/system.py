"""Version, health and metrics of an API worker."""

import msgspec
from fastapi import APIRouter, Response

from vms.api.state import State
from vms.common import UnavailableError
from vms.telemetry import CONTENT_TYPE

router = APIRouter(tags=["system"])


class Version(msgspec.Struct, frozen=True):
    """Which product answers, and whether it asks for a name."""

    version: str
    open: bool


class Health(msgspec.Struct, frozen=True):
    """The process is well."""

    status: str = "ok"


def _json(value: object) -> Response:
    return Response(
        msgspec.json.encode(value), 200, {"Cache-Control": "no-store"}, "application/json"
    )


@router.get("/api/v1/version", summary="Version")
async def version(state: State) -> Response:
    """Return the version, and whether everything is open (``vms up --open``)."""
    return _json(Version(state.version, state.open))


@router.get("/health/live", summary="Alive")
async def live() -> Response:
    """Answer while the process runs."""
    return _json(Health())


@router.get("/health/ready", summary="Ready")
async def ready(state: State) -> Response:
    """Answer while requests can be served: the media process runs what is wished."""
    if not state.watch.connected:
        raise UnavailableError("the media process does not answer", code="unavailable")
    return _json(Health())


@router.get("/metrics", summary="Metrics of this API worker")
async def metrics(state: State) -> Response:
    """Return the metrics of this process; the engine's are at /metrics/media."""
    return Response(state.registry.render(), media_type=CONTENT_TYPE)
