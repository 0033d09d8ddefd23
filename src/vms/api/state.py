"""What the routes need, as one typed thing that the wiring makes."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import HTTPConnection

from vms.api.feed import EventFeed
from vms.common import Clock
from vms.ingest import IngestWatch
from vms.telemetry import Registry


@dataclass(frozen=True, slots=True)
class ApiState:
    """One worker's parts."""

    watch: IngestWatch
    feed: EventFeed
    registry: Registry
    clock: Clock
    version: str
    open: bool


def _state(connection: HTTPConnection) -> ApiState:
    return cast("ApiState", connection.app.state.api)


State = Annotated[ApiState, Depends(_state)]
