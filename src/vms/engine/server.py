"""The gRPC face of a media process."""

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc

from vms.common import Clock, InternalError, VmsError
from vms.engine import wire
from vms.engine.journal import Journal
from vms.engine.model import Addresses, Applied, Description, DesiredState, Revocation
from vms.engine.ports import LocalEngine
from vms.engine.snapshot import SnapshotStore
from vms.proto.engine_v1 import messages as pb
from vms.proto.engine_v1 import stubs
from vms.telemetry import get_logger
from vms.trust import LISTENED, Identity, IsRemoved, NodeServer, abort, serve_nodes, start_private

log = get_logger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]
Method = Callable[[Any, Any, Context], Awaitable[Any]]


def _errors_as_status(method: Method) -> Method:
    """Answer an error of our tree with its code, message and values."""

    @functools.wraps(method)
    async def wrapped(self: object, request: object, context: Context) -> object:
        try:
            return await method(self, request, context)
        except VmsError as error:
            await abort(context, error)
        except Exception:
            log.exception("call_failed", method=method.__name__)
            await abort(context, InternalError(f"{method.__name__} failed; the log says why"))

    return wrapped


class MediaService:
    """Steers one engine: applies, remembers, journals."""

    def __init__(self, engine: LocalEngine, snapshots: SnapshotStore, journal: Journal) -> None:
        self._engine = engine
        self._snapshots = snapshots
        self._journal = journal
        self._applying = asyncio.Lock()
        self._generation = 0
        self._digest = ""
        self._addresses: Addresses | None = None

    @property
    def journal(self) -> Journal:
        """The events of this process."""
        return self._journal

    async def start(self) -> Addresses:
        """Start the engine and let it run what it ran last."""
        self._addresses = await self._engine.start()
        await self._restore()
        return self._addresses

    async def _restore(self) -> None:
        try:
            desired = await asyncio.to_thread(self._snapshots.load)
            if desired is not None:
                await self._engine.apply(desired)
        except VmsError as error:
            # Better no cameras than no process: the API applies its state anyway.
            log.exception("snapshot_not_restored", code=error.code)
            return
        if desired is not None:
            self._generation, self._digest = desired.generation, desired.digest()
            log.info("snapshot_restored", cameras=len(desired.cameras), generation=self._generation)

    async def record_events(self) -> None:
        """Move events from the engine into the journal, for ever."""
        async for events in self._engine.events():
            for event in events:
                log.info(
                    event.kind,
                    camera=event.camera or None,
                    stream=event.stream.value if event.stream else None,
                    state=event.state.value if event.state else None,
                    reason=event.reason.code if event.reason else None,
                    values=event.values or None,
                )
            self._journal.extend(events)

    async def apply(self, desired: DesiredState) -> Applied:
        """Apply and remember; the same state again changes nothing."""
        async with self._applying:
            digest = desired.digest()
            applied = await self._engine.apply(desired)
            if (desired.generation, digest) != (self._generation, self._digest):
                await self._remember(desired)
            self._generation, self._digest = desired.generation, digest
        log.info(
            "state_applied",
            generation=applied.generation,
            started=len(applied.started),
            stopped=len(applied.stopped),
            changed=len(applied.changed),
        )
        return applied

    async def revoke(self, revocation: Revocation) -> int:
        """Cut running streams; returns how many."""
        ended = await self._engine.revoke(revocation)
        log.info("streams_revoked", ended=ended, camera=revocation.camera)
        return ended

    async def _remember(self, desired: DesiredState) -> None:
        try:
            await asyncio.to_thread(self._snapshots.save, desired)
        except OSError:
            # A full disk must not keep a camera from being watched.
            log.exception("snapshot_not_saved", generation=desired.generation)

    def describe(self) -> Description:
        """Return who this is and what it holds."""
        if self._addresses is None:
            raise InternalError("the media service was asked before it was started")
        return Description(
            engine_version=self._engine.version,
            epoch=self._journal.epoch,
            generation=self._generation,
            digest=self._digest,
            addresses=self._addresses,
            cursor=self._journal.next_cursor,
        )

    @property
    def engine(self) -> LocalEngine:
        """The engine that is steered."""
        return self._engine


class EngineServicer(stubs.EngineServicer):
    """Translates calls; decides nothing."""

    def __init__(self, service: MediaService) -> None:
        self._service = service

    @_errors_as_status
    async def Describe(self, _request: pb.DescribeRequest, _context: Context) -> pb.Description:  # noqa: N802
        """See engine.proto."""
        return wire.description_to(self._service.describe())

    @_errors_as_status
    async def Apply(self, request: pb.ApplyRequest, _context: Context) -> pb.ApplyResult:  # noqa: N802
        """See engine.proto."""
        return wire.applied_to(await self._service.apply(wire.desired_from(request)))

    @_errors_as_status
    async def Revoke(self, request: pb.RevokeRequest, _context: Context) -> pb.RevokeResult:  # noqa: N802
        """See engine.proto."""
        revocation = wire.revocation_from(request)
        return pb.RevokeResult(ended=await self._service.revoke(revocation))

    @_errors_as_status
    async def Streams(self, _request: pb.StreamsRequest, _context: Context) -> pb.StreamList:  # noqa: N802
        """See engine.proto."""
        return wire.streams_to(await self._service.engine.streams())

    @_errors_as_status
    async def Metrics(self, _request: pb.MetricsRequest, _context: Context) -> pb.MetricsText:  # noqa: N802
        """See engine.proto."""
        return pb.MetricsText(text=await self._service.engine.metrics())

    @_errors_as_status
    async def Recording(  # noqa: N802
        self, request: pb.RecordingRequest, _context: Context
    ) -> pb.RecordingAnswer:
        """See engine.proto."""
        answer, data = await self._service.engine.recording(request.call, request.request)
        return pb.RecordingAnswer(answer=answer, data=data)

    async def Events(  # noqa: N802
        self, request: pb.EventsRequest, _context: Context
    ) -> AsyncIterator[pb.EventBatch]:
        """See engine.proto."""
        async for batch in self._service.journal.follow(request.epoch, request.cursor):
            yield wire.batch_to(batch)


async def serve(service: MediaService, socket: Path) -> grpc.aio.Server:
    """Serve ``service`` on a Unix socket that only this user can open."""
    server = grpc.aio.server(options=LISTENED)
    stubs.add_EngineServicer_to_server(EngineServicer(service), server)
    await start_private(server, socket)
    return server


async def serve_far(
    service: MediaService,
    address: str,
    inside: Path,
    identity: Callable[[], Identity],
    is_removed: IsRemoved,
    clock: Clock,
) -> tuple[NodeServer, int]:
    """Serve ``service`` on TCP to other nodes, each as its role allows."""

    def add(server: grpc.aio.Server) -> None:
        stubs.add_EngineServicer_to_server(EngineServicer(service), server)

    return await serve_nodes(address, inside, add, identity, is_removed, clock)
