"""Rings of live streams, asked of the engine over its Unix socket."""

import asyncio
import contextlib
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from vms.common import NotFoundError, UnavailableError
from vms.transcode.ring import FrameRing, RingFrame

# Longer than most cameras take from one key frame to the next.
KEY_LIMIT_S = 5.0
WAKES = 4096


@dataclass(frozen=True, slots=True)
class LiveFrames:
    """The newest pictures of this machine's streams."""

    # Where the engine hands out rings of frames.
    frames: Path
    limit_s: float = KEY_LIMIT_S

    async def newest_key(self, stream: str) -> RingFrame:
        """Return the newest key frame of a stream (``CAMERA/main``), or the next one."""
        handle, wake = await open_ring(self.frames, stream)
        with wake:
            ring = FrameRing.of_handle(handle)
            os.close(handle)
            try:
                async with asyncio.timeout(self.limit_s):
                    return await _key(ring, wake)
            except TimeoutError:
                raise UnavailableError(
                    f"{stream} gave no key frame within {self.limit_s:.0f} s; try again",
                    code="no_key_frame",
                    values={"stream": stream, "seconds": round(self.limit_s)},
                ) from None
            finally:
                ring.close()


async def _key(ring: FrameRing, wake: socket.socket) -> RingFrame:
    loop = asyncio.get_running_loop()
    while True:
        # A ring begins at its newest key frame; what follows is not even copied.
        newest = next((frame for frame in ring.frames() if frame.key), None)
        if newest is not None:
            return newest
        with contextlib.suppress(ConnectionResetError):
            if await loop.sock_recv(wake, WAKES):
                continue
        raise UnavailableError("the media process ended; try again", code="frames_unavailable")


async def open_ring(frames: Path, stream: str) -> tuple[int, socket.socket]:
    """Ask the engine for the ring of a stream; the socket wakes for it and keeps it."""
    loop = asyncio.get_running_loop()
    wake = socket.socket(socket.AF_UNIX)
    wake.setblocking(False)
    try:
        await loop.sock_connect(wake, str(frames))
        await loop.sock_sendall(wake, f"{stream}\n".encode())
        await _readable(wake)
        word, handles, *_ = socket.recv_fds(wake, 1, 1)
    except OSError as error:
        wake.close()
        raise UnavailableError(
            f"{stream}: the media process gives out no frames: {error.strerror}",
            code="frames_unavailable",
            values={"stream": stream},
        ) from None
    except asyncio.CancelledError:
        wake.close()
        raise
    if word != b"R" or not handles:
        wake.close()
        raise NotFoundError(
            f"{stream} is no stream of this machine",
            code="stream_unknown",
            values={"stream": stream},
        )
    return handles[0], wake


async def _readable(wake: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(wake, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(wake)
