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
# An engine whose places are all taken lets who asks wait.
OPEN_LIMIT_S = 5.0
WAKES = 4096
# What the engine answers instead of a ring.
UNKNOWN = b"?"


@dataclass(frozen=True, slots=True)
class LiveFrames:
    """The newest pictures of this machine's streams."""

    # Where the engine hands out rings of frames.
    frames: Path
    limit_s: float = KEY_LIMIT_S

    async def newest_key(self, stream: str) -> RingFrame:
        """Return the newest key frame of a stream (``CAMERA/main``), or the next one."""
        handle, wake = await open_ring(self.frames, stream, self.limit_s)
        with wake:
            try:
                ring = FrameRing.of_handle(handle)
            finally:
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


async def open_ring(
    frames: Path, stream: str, limit_s: float = OPEN_LIMIT_S
) -> tuple[int, socket.socket]:
    """Ask the engine for the ring of a stream; the socket wakes for it and keeps it."""
    with contextlib.ExitStack() as opened:
        wake = opened.enter_context(socket.socket(socket.AF_UNIX))
        wake.setblocking(False)
        try:
            async with asyncio.timeout(limit_s):
                word, handles = await _asked(wake, frames, stream)
        except TimeoutError:
            raise _no_frames(stream, f"no answer within {limit_s:.0f} s") from None
        except OSError as error:
            raise _no_frames(stream, error.strerror or str(error)) from None
        if word == UNKNOWN:
            raise NotFoundError(
                f"{stream} is no stream of this machine",
                code="stream_unknown",
                values={"stream": stream},
            )
        if not handles:
            raise _no_frames(stream, "it ended without a ring")
        opened.pop_all()
        return handles[0], wake


async def _asked(wake: socket.socket, frames: Path, stream: str) -> tuple[bytes, list[int]]:
    loop = asyncio.get_running_loop()
    await loop.sock_connect(wake, str(frames))
    await loop.sock_sendall(wake, f"{stream}\n".encode())
    await _readable(wake)
    word, handles, *_ = socket.recv_fds(wake, 1, 1)
    return word, handles


def _no_frames(stream: str, why: str) -> UnavailableError:
    return UnavailableError(
        f"{stream}: the media process gives out no frames: {why}",
        code="frames_unavailable",
        values={"stream": stream},
    )


async def _readable(wake: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(wake, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(wake)
