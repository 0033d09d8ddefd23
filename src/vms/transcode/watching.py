"""The steward of the process that looks for motion: gets it rings, hears its news."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from vms.common import UnavailableError, bare, worker_command
from vms.telemetry import get_logger
from vms.transcode.live import open_ring
from vms.transcode.watch import MAX_MESSAGE, Lost, Moved, Order, Unwatch, Watch, news

log = get_logger(__name__)


@dataclass(slots=True)
class MotionWorker:
    """One process for all cameras of a machine; started with the first one."""

    # Where the engine hands out rings of frames.
    frames: Path
    _process: asyncio.subprocess.Process | None = None
    _socket: socket.socket | None = None
    _started: asyncio.Event = field(default_factory=asyncio.Event)
    _starting: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def watch(self, order: Watch, stream: str) -> None:
        """Look at a stream (``CAMERA/sub``) from now on."""
        ring, wake = await open_ring(self.frames, stream)
        try:
            await self._send(order, [ring, wake.fileno()])
        finally:
            os.close(ring)
            wake.close()

    async def unwatch(self, camera: str) -> None:
        """Look at a camera no more."""
        if self._socket is not None:
            await self._send(Unwatch(camera), [])

    async def news(self) -> AsyncIterator[Moved | Lost]:
        """Yield what moves; ends with the process, whose cameras are then watched no more."""
        await self._started.wait()
        loop = asyncio.get_running_loop()
        while self._socket is not None:
            try:
                message = await loop.sock_recv(self._socket, MAX_MESSAGE)
            except ConnectionResetError:  # it ended with orders unread
                break
            if not message:
                break
            yield news.decode(message)
        await self.close()

    async def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        theirs, self._socket = self._socket, None
        self._started.clear()
        if theirs is not None:
            theirs.close()
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            code = await process.wait()
            log.info("motion_worker_ended", pid=process.pid, code=code)

    async def _send(self, order: Order, handles: list[int]) -> None:
        async with self._starting:
            if self._socket is None:
                await self._start()
        if self._socket is None:
            raise UnavailableError(
                "the process that looks for motion has just ended; it is retried"
            )
        try:
            socket.send_fds(self._socket, [msgspec.msgpack.encode(order)], handles)
        except OSError as error:
            raise UnavailableError(
                f"the process that looks for motion takes no orders: {error}; it is started again",
                code="motion_worker_lost",
            ) from None

    async def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                *worker_command("vms.transcode.watch", str(theirs.fileno())),
                **bare(),
                pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
            )
        self._socket = ours
        self._started.set()
        log.info("motion_worker_started", pid=self._process.pid)
