"""What others need of an engine, near (in this process) and far (over gRPC)."""

from collections.abc import AsyncIterator
from typing import Protocol

from vms.engine.model import (
    Addresses,
    Applied,
    Description,
    DesiredState,
    Event,
    EventBatch,
    Revocation,
    StreamStatus,
)
from vms.engine.recording import Answer, Call, Request


class LocalEngine(Protocol):
    """An engine inside this process."""

    version: str

    async def start(self) -> Addresses:
        """Bind every listener and start the engine's threads."""
        ...

    async def apply(self, desired: DesiredState) -> Applied:
        """Make what runs equal to what is wished."""
        ...

    async def revoke(self, revocation: Revocation) -> int:
        """Cut running streams; returns how many."""
        ...

    async def streams(self) -> tuple[StreamStatus, ...]:
        """Return the status of every stream."""
        ...

    async def metrics(self) -> str:
        """Return the engine's metrics as Prometheus text."""
        ...

    async def recording(self, call: str, request: bytes) -> tuple[bytes, bytes]:
        """Answer a call about recordings: JSON in, JSON and data out."""
        ...

    def events(self) -> AsyncIterator[tuple[Event, ...]]:
        """Yield events as they happen, for one reader."""
        ...

    async def stop(self) -> None:
        """End every session, listener and thread."""
        ...


class MediaControl(Protocol):
    """A media process, steered from another one."""

    async def describe(self) -> Description:
        """Return who answers and what it holds."""
        ...

    async def apply(self, desired: DesiredState) -> Applied:
        """Replace the desired state."""
        ...

    async def revoke(self, revocation: Revocation) -> int:
        """Cut running streams; returns how many."""
        ...

    async def streams(self) -> tuple[StreamStatus, ...]:
        """Return the status of every stream."""
        ...

    async def metrics(self) -> str:
        """Return the engine's metrics as Prometheus text."""
        ...

    def events(self, epoch: str, cursor: int) -> AsyncIterator[EventBatch]:
        """Yield the journal from ``cursor`` on, then what happens."""
        ...


class RecordingControl(Protocol):
    """Whoever answers calls about recordings."""

    async def recording(
        self, call: Call[Request, Answer], request: Request
    ) -> tuple[Answer, bytes]:
        """Ask something; returns the answer and the data that go with it."""
        ...
