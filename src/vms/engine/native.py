"""The compiled engine as an ``async`` object. The only importer of ``vms._engine``.

Calls run in a thread, because starting and stopping wait for sockets and other
threads. Events come through an eventfd that wakes the loop; the engine never
calls into Python.
"""

import asyncio
import contextlib
import logging
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
    LogLine,
    Revocation,
    StreamStatus,
)
from vms.engine.recording import CameraFiles, FileAnswer, LooseFiles
from vms.telemetry import LogLevel, get_logger

ENGINE_VERSION = _engine.ENGINE_VERSION

_encode = msgspec.json.Encoder().encode
_addresses = msgspec.json.Decoder(Addresses)
_applied = msgspec.json.Decoder(Applied)
_events = msgspec.json.Decoder(tuple[Event, ...])
_lines = msgspec.json.Decoder(tuple[LogLine, ...])
_proved = msgspec.json.Decoder(FileAnswer)
_streams = msgspec.json.Decoder(tuple[StreamStatus, ...])

# What the chain of the log itself says of a line.
_OWN_FIELDS = {"event", "level", "logger", "process", "time"}


async def _rings(handle: int) -> AsyncIterator[None]:
    """Yield whenever an eventfd of the engine has become readable."""
    loop = asyncio.get_running_loop()
    wake = asyncio.Event()
    loop.add_reader(handle, wake.set)
    with contextlib.ExitStack() as stack:
        stack.callback(loop.remove_reader, handle)
        while True:
            await wake.wait()
            wake.clear()
            yield


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
        async for _ in _rings(self._engine.events_fd()):
            if events := _events.decode(self._engine.drain_events()):
                yield events

    async def stop(self) -> None:
        """End every session, listener and thread."""
        await asyncio.to_thread(self._engine.stop)


class NativeLogs:
    """What the engine's own threads log, for the log of this process."""

    def __init__(self, level: LogLevel) -> None:
        self._handle = _engine.begin_logs(level)

    async def run(self) -> None:
        """Write lines as they come, for ever. One writer at a time: writing takes them."""
        async for _ in _rings(self._handle):
            self.write()

    def write(self) -> None:
        """Write what waits."""
        for line in _lines.decode(_engine.drain_logs()):
            fields = {
                f"{name}_" if name in _OWN_FIELDS else name: value
                for name, value in line.fields.items()
            }
            level = logging.getLevelNamesMapping()[line.level.upper()]
            get_logger(line.logger.replace("::", ".")).log(level, line.message, **fields)


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
