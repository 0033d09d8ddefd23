"""What the routes need, as one typed thing that the wiring makes."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import HTTPConnection

from vms.admin import Principal
from vms.api.cursors import Cursors
from vms.api.events import EventHub, Listeners, WallFeed
from vms.api.limits import Buckets
from vms.api.ports import FirstAnswers, Gate
from vms.common import Clock
from vms.ingest import IngestWatch
from vms.telemetry import Registry


@dataclass(frozen=True, slots=True)
class Documents:
    """The OpenAPI documents, encoded."""

    newer: bytes
    older: bytes


@dataclass(frozen=True, slots=True)
class ApiState:
    """One worker's parts."""

    watch: IngestWatch
    wall: WallFeed
    listeners: Listeners
    registry: Registry
    clock: Clock
    version: str
    gate: Gate
    buckets: Buckets
    cursors: Cursors
    documents: Documents
    hub: EventHub | None = None
    first_answers: FirstAnswers | None = None
    # With `vms up --open` everybody is this one.
    everyone: Principal | None = None


def state_of(connection: HTTPConnection) -> ApiState:
    """Return the parts of the worker that a request came to."""
    return cast("ApiState", connection.app.state.api)


async def _state(connection: HTTPConnection) -> ApiState:
    return state_of(connection)


State = Annotated[ApiState, Depends(_state)]
