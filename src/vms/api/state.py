"""What the routes need, as one typed thing that the wiring makes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import HTTPConnection

from vms.admin import People, Principal
from vms.api.cursors import Cursors
from vms.api.events import EventHub, Listeners, WallFeed
from vms.api.limits import Limiter
from vms.api.ports import FirstAnswers, Gate
from vms.audit import AuditExport, AuditTrail
from vms.cameras import CameraServices
from vms.cities import CameraGroups, Cities, Plans, Sites
from vms.common import Clock, UnavailableError
from vms.ingest import IngestWatch
from vms.nodes import Nodes
from vms.recording import Recordings
from vms.streaming import Snapshots, StreamAddresses
from vms.telemetry import Registry


@dataclass(frozen=True, slots=True)
class Documents:
    """The OpenAPI documents, encoded."""

    newer: bytes
    older: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Contexts:
    """The services that the routes ask."""

    # The data folder.
    data: Path
    people: People
    cities: Cities
    plans: Plans
    sites: Sites
    groups: CameraGroups
    audit: AuditTrail
    audit_export: AuditExport
    addresses: StreamAddresses
    snapshots: Snapshots
    cameras: CameraServices
    nodes: Nodes
    recordings: Recordings


@dataclass(frozen=True, slots=True)
class ApiState:
    """One worker's parts."""

    watch: IngestWatch
    wall: WallFeed
    listeners: Listeners
    registry: Registry
    clock: Clock
    version: str
    contexts: Contexts | None
    gate: Gate
    limiter: Limiter
    cursors: Cursors
    documents: Documents
    hub: EventHub | None = None
    first_answers: FirstAnswers | None = None
    # With `vms up --open` everybody is this one.
    everyone: Principal | None = None

    @property
    def own(self) -> Contexts:
        """The services, where there is a database."""
        if self.contexts is None:
            raise UnavailableError(
                "this server keeps nothing: it was started without a database",
                code="database_missing",
            )
        return self.contexts

    @property
    def addresses(self) -> StreamAddresses:
        """What signs the addresses of streams."""
        return self.own.addresses

    @property
    def people(self) -> People:
        """People and their sessions."""
        return self.own.people

    @property
    def cameras(self) -> CameraServices:
        """Cameras, their files and their history."""
        return self.own.cameras

    @property
    def recordings(self) -> Recordings:
        """Rules, timelines, cases, exports."""
        return self.own.recordings


def state_of(connection: HTTPConnection) -> ApiState:
    """Return the parts of the worker that a request came to."""
    return cast("ApiState", connection.app.state.api)


async def _state(connection: HTTPConnection) -> ApiState:
    return state_of(connection)


State = Annotated[ApiState, Depends(_state)]
