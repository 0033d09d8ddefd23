"""Version, health, metrics and the API's own document."""

from typing import Any

import msgspec
from fastapi import Response

from vms.admin import Function
from vms.api.answers import answer
from vms.api.caller import Caller, Onlooker, Visitor
from vms.api.operation import Operations
from vms.api.state import State
from vms.common import UnavailableError
from vms.telemetry import CONTENT_TYPE

ops = Operations("", tag="system")


class Version(msgspec.Struct, frozen=True):
    """Which product answers, and whether it asks for a name."""

    version: str
    open: bool


class Health(msgspec.Struct, frozen=True):
    """The process is well."""

    status: str = "ok"


@ops.get(
    "/api/v1/version",
    summary="Version",
    answer=Version,
    example=Version("0.1.0", open=False),
)
async def get_version(_visitor: Visitor, state: State) -> Response:
    """Return the version, and whether everything is open (`vms up --open`)."""
    return answer(Version(state.version, state.everyone is not None))


@ops.get("/health/live", summary="Alive", answer=Health, example=Health())
async def get_live(_onlooker: Onlooker) -> Response:
    """Answer while the process runs."""
    return answer(Health())


@ops.get("/health/ready", summary="Ready", answer=Health, example=Health())
async def get_ready(_onlooker: Onlooker, state: State) -> Response:
    """Answer while requests can be served: the media process runs what is wished."""
    if not state.watch.connected:
        raise UnavailableError("the media process does not answer", code="unavailable")
    return answer(Health())


@ops.get(
    "/metrics",
    summary="Metrics of this API worker",
    media=CONTENT_TYPE.partition(";")[0],
    example="vms_media_connected 1\n",
)
async def get_metrics(who: Caller, state: State) -> Response:
    """Return the metrics of this process; the engine's are at /metrics/media."""
    who.require(Function.SYSTEM_READ)
    return _unkept(state.registry.render(), CONTENT_TYPE)


def _unkept(content: bytes | str, media: str) -> Response:
    return Response(content, media_type=media, headers={"Cache-Control": "no-store"})


class _Document(msgspec.Struct, frozen=True):
    """An OpenAPI document."""

    openapi: str
    info: dict[str, Any]
    paths: dict[str, Any]


_EXAMPLE = _Document("3.1.0", {"title": "VMS Enterprise", "version": "0.1.0"}, {})


@ops.get("/api/v1/openapi.json", summary="This document", answer=_Document, example=_EXAMPLE)
async def get_openapi(_visitor: Visitor, state: State) -> Response:
    """Return the document of the API, OpenAPI 3.1."""
    return _unkept(state.documents.newer, "application/json")


@ops.get(
    "/api/v1/openapi-3.0.json", summary="This document, older", answer=_Document, example=_EXAMPLE
)
async def get_openapi_3_0(_visitor: Visitor, state: State) -> Response:
    """Return the document of the API, OpenAPI 3.0, for tools that read no newer one."""
    return _unkept(state.documents.older, "application/json")
