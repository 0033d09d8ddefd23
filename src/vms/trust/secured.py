"""TLS on a socket, the side of who was called.

``asyncio`` has its own, which keeps 256 KiB a connection until the collector comes by: where
strangers call, that is too much.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

PIECE = 64 << 10

T = TypeVar("T")


class Secured:
    """A connection whose bytes nobody else reads."""

    def __init__(self, taken: socket.socket, context: ssl.SSLContext) -> None:
        self._socket = taken
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        self._sending = asyncio.Lock()

    async def shake_hands(self) -> bytes:
        """Return the certificate of the other side, DER, when it has proved that it is its own."""
        try:
            await self._done(self._tls.do_handshake)
        except ssl.SSLError:
            # The alert, which says why.
            with contextlib.suppress(OSError):
                await self._flush()
            raise
        return self._tls.getpeercert(binary_form=True) or b""

    async def read(self) -> bytes:
        """Return what comes next; nothing where the other side has ended."""
        with contextlib.suppress(ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return await self._done(lambda: self._tls.read(PIECE))
        return b""

    async def write(self, piece: bytes) -> None:
        """Return when the system has taken it."""
        await self._done(lambda: self._tls.write(piece))

    async def _done(self, step: Callable[[], T]) -> T:
        """Take a step, with as many bytes of the other side as it needs."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                done = step()
            except ssl.SSLWantReadError:
                await self._flush()
                if piece := await loop.sock_recv(self._socket, PIECE):
                    self._in.write(piece)
                else:
                    self._in.write_eof()
                continue
            await self._flush()
            return done

    async def _flush(self) -> None:
        if self._out.pending:
            async with self._sending:
                await asyncio.get_running_loop().sock_sendall(self._socket, self._out.read())
