"""The compiled engine as an ``async`` object. The only importer of ``vms._engine``.

Calls run in a thread, because starting and stopping wait for sockets and other
threads. Events come through an eventfd that wakes the loop; the engine never
calls into Python.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec

from vms import _engine
from vms.engine.model import (
    Addresses,
    Applied,
    DesiredState,
    EngineConfig,
    Event,
    FarmConfig,
    Revocation,
    StreamStatus,
)
from vms.engine.recording import CameraFiles, FileAnswer, LooseFiles

ENGINE_VERSION = _engine.ENGINE_VERSION

_encode = msgspec.json.Encoder().encode
_addresses = msgspec.json.Decoder(Addresses)
_applied = msgspec.json.Decoder(Applied)
_events = msgspec.json.Decoder(tuple[Event, ...])
_proved = msgspec.json.Decoder(FileAnswer)
_streams = msgspec.json.Decoder(tuple[StreamStatus, ...])


class NativeEngine:
    """The packet path of this process."""

    version = ENGINE_VERSION

    def __init__(self, config: EngineConfig) -> None:
        self._engine = _engine.Engine(_encode(config))

    async def start(self) -> Addresses:
        """Bind every listener and start the engine's threads."""
        return _addresses.decode(await asyncio.to_thread(self._engine.start))

    async def apply(self, desired: DesiredState) -> Applied:
        """Make what runs equal to what is wished."""
        return _applied.decode(await asyncio.to_thread(self._engine.apply, _encode(desired)))

    async def revoke(self, revocation: Revocation) -> int:
        """Cut running streams; returns how many."""
        return await asyncio.to_thread(self._engine.revoke, _encode(revocation))

    async def streams(self) -> tuple[StreamStatus, ...]:
        """Return the status of every stream."""
        return _streams.decode(await asyncio.to_thread(self._engine.streams))

    async def metrics(self) -> str:
        """Return the engine's metrics as Prometheus text."""
        return await asyncio.to_thread(self._engine.metrics)

    async def recording(self, call: str, request: bytes) -> tuple[bytes, bytes]:
        """Answer a call about recordings: JSON in, JSON and data out."""
        return await asyncio.to_thread(self._engine.recording, call, request)

    async def events(self) -> AsyncIterator[tuple[Event, ...]]:
        """Yield events as they happen. One reader at a time: reading takes them."""
        loop = asyncio.get_running_loop()
        wake = asyncio.Event()
        handle = self._engine.events_fd()
        loop.add_reader(handle, wake.set)
        with contextlib.ExitStack() as stack:
            stack.callback(loop.remove_reader, handle)
            while True:
                await wake.wait()
                wake.clear()
                if events := _events.decode(self._engine.drain_events()):
                    yield events

    async def stop(self) -> None:
        """End every session, listener and thread."""
        await asyncio.to_thread(self._engine.stop)


class NativeSimulator:
    """A farm of simulated cameras in this process."""

    def __init__(self, config: FarmConfig) -> None:
        self._simulator = _engine.Simulator(_encode(config))

    async def start(self) -> str:
        """Listen; returns ``host:port``."""
        return await asyncio.to_thread(self._simulator.start)

    async def fault(self, camera: int, fault: str) -> None:
        """Put a fault on one camera, counted from 1, or on all with 0."""
        await asyncio.to_thread(self._simulator.fault, camera, fault)

    async def stop(self) -> None:
        """Stop listening."""
        await asyncio.to_thread(self._simulator.stop)


def verify_files(asked: CameraFiles | LooseFiles) -> FileAnswer:
    """Prove files as they lie; no engine runs for it."""
    return _proved.decode(_engine.verify_files(_encode(asked)))
