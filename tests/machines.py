"""Machines of an installation: their certificates, and a media node on a real socket."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from doubles import FakeEngine
from vms.common import Clock, SystemClock
from vms.engine import EngineClient, Journal, MediaService, SnapshotStore, serve_far
from vms.trust import Authority, Identity, NodeRole, Peer, new_request

CLOCK = SystemClock()
DAY_US = 86_400_000_000


@dataclass
class Machines:
    """One installation's authority, and what it signs."""

    authority: Authority = field(default_factory=lambda: Authority.new(CLOCK.utc_us()))

    def make(self, name: str, role: NodeRole, *, days_ago: int = 0) -> Identity:
        """Return a machine that joined so many days ago; its id is its name."""
        key, request = new_request()
        when = CLOCK.utc_us() - days_ago * DAY_US
        certificate = self.authority.issue(request, Peer(name, name, role), when)
        return Identity(key=key, certificate=certificate, authority=self.authority.certificate)


@dataclass
class MediaNode:
    """A media node that others reach."""

    identity: Identity
    engine: FakeEngine
    port: int = 0
    removed: set[str] = field(default_factory=set)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def is_removed(self, peer: Peer) -> bool:
        return peer.node in self.removed

    def client(
        self, identity: Identity, name: str = "media-2", clock: Clock = CLOCK
    ) -> EngineClient:
        """Return a client with somebody's certificate."""
        return EngineClient.far(self.address, name, identity, clock)


@contextlib.asynccontextmanager
async def media_node(folder: Path, identity: Identity) -> AsyncIterator[MediaNode]:
    """Serve a media node on a free port of this machine while the block runs."""
    node = MediaNode(identity, FakeEngine())
    service = MediaService(node.engine, SnapshotStore(folder / "media"), Journal("one"))
    await service.start()
    recording = asyncio.create_task(service.record_events())
    server, node.port = await serve_far(
        service, "127.0.0.1:0", folder / "far.sock", lambda: node.identity, node.is_removed, CLOCK
    )
    try:
        yield node
    finally:
        recording.cancel()
        await server.stop(0)
