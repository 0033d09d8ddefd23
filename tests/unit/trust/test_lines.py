"""Machines over lines that are slow, or that end without a word."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from doubles import event
from machines import Machines, media_node
from vms.common import SystemClock, UnavailableError
from vms.engine import EngineClient
from vms.trust import NodeRole, channel

# Far more than gRPC's shortest patience, which is 0.1 s for TCP, TLS and HTTP/2 in all.
SLOW_S = 0.2


@dataclass
class Line:
    """A line to a port of this machine: what it carries arrives late, or never."""

    to: int
    late_s: float
    stands: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0

    async def meet(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        far, there = await asyncio.open_connection("127.0.0.1", self.to)
        await asyncio.gather(self._carry(near, there), self._carry(far, back))

    async def _carry(self, come: asyncio.StreamReader, go: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError), contextlib.closing(go):
            while piece := await come.read(65_536):
                await asyncio.sleep(self.late_s)
                await self.stands.wait()
                go.write(piece)


@contextlib.asynccontextmanager
async def line(to: int, late_s: float = 0.0) -> AsyncIterator[Line]:
    laid = Line(to, late_s)
    laid.stands.set()
    server = await asyncio.start_server(laid.meet, "127.0.0.1", 0)
    laid.port = server.sockets[0].getsockname()[1]
    try:
        yield laid
    finally:
        laid.stands.set()
        server.close()


async def test_machines_reach_each_other_over_a_slow_line(tmp_path: Path) -> None:
    machines = Machines()
    control = machines.make("control", NodeRole.CONTROL)
    async with (
        media_node(tmp_path, machines.make("media-2", NodeRole.MEDIA)) as node,
        line(node.port, SLOW_S) as slow,
        EngineClient.far(f"127.0.0.1:{slow.port}", "media-2", control, SystemClock()) as client,
    ):
        assert (await client.describe()).epoch == "one"


async def test_a_long_answer_ends_with_a_line_that_ended_without_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("grpc.keepalive_time_ms", "grpc.keepalive_timeout_ms", "grpc.http2.ping_timeout_ms")
    options = tuple((name, 300 if name in asked else value) for name, value in channel.DIALLED)
    assert options != channel.DIALLED
    monkeypatch.setattr(channel, "DIALLED", options)
    machines = Machines()
    control = machines.make("control", NodeRole.CONTROL)
    async with (
        media_node(tmp_path, machines.make("media-2", NodeRole.MEDIA)) as node,
        line(node.port) as broken,
        EngineClient.far(f"127.0.0.1:{broken.port}", "media-2", control, SystemClock()) as client,
    ):
        node.engine.waiting.put_nowait((event(0),))
        events = client.events("one", 0)
        assert len((await anext(events)).events) == 1
        broken.stands.clear()
        async with asyncio.timeout(30):
            with pytest.raises(UnavailableError):
                await anext(events)
