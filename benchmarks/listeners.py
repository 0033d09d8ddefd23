"""A thousand listeners to ``/ws/events`` in one process: how late events come.

    listeners.py SOCKET COUNT SECONDS

Prints a JSON line when all are connected, and another with what was seen. It
reads frames by itself: a library for each of a thousand sockets would cost more
than the server.
"""

import asyncio
import base64
import json
import os
import re
import sys
import time
from typing import Any

REQUEST = (
    "GET /ws/events?kind=camera.online HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
    "Authorization: Bearer {name}\r\n\r\n"
)
AT = re.compile(rb'"at_us":(\d+)')
# As many users as a large control room has, each with many windows.
USERS = 50
# Opcodes (RFC 6455, section 5.2).
PING, PONG = 9, 10


class Listener(asyncio.Protocol):
    """One socket; notes how old the events of each message are."""

    def __init__(self, number: int, seen: list[int]) -> None:
        self._transport: Any = None
        self._number = number
        self._seen = seen
        self._rest = b""
        self.open: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.events = 0

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - of asyncio
        """Asks to listen."""
        self._transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(REQUEST.format(key=key, name=f"user{self._number % USERS}").encode())

    def data_received(self, data: bytes) -> None:
        """Takes whole frames out of what came."""
        rest = self._rest + data
        if not self.open.done():
            head, end, rest = rest.partition(b"\r\n\r\n")
            if not end:
                self._rest = head
                return
            if b" 101 " not in head.split(b"\r\n", 1)[0]:
                self.open.set_exception(RuntimeError(head.decode(errors="replace")))
                return
            self.open.set_result(None)
        while (size := frame_size(rest)) is not None and len(rest) >= size:
            self._hear(rest[:size])
            rest = rest[size:]
        self._rest = rest

    def _hear(self, frame: bytes) -> None:
        if frame[0] & 0x0F == PING:
            # A client masks what it sends; a mask of zeros changes nothing.
            self._transport.write(
                bytes((0x80 | PONG, 0x80 | len(frame) - 2, 0, 0, 0, 0)) + frame[2:]
            )
            return
        now = time.time_ns() // 1000
        for at in AT.findall(frame):
            self.events += 1
            self._seen.append(now - int(at))


def frame_size(data: bytes) -> int | None:
    """The size of the frame that begins here (RFC 6455, section 5.2; the server masks none)."""
    if len(data) < 2:
        return None
    length = data[1]
    if length < 126:
        return 2 + length
    wide = 2 if length == 126 else 8
    if len(data) < 2 + wide:
        return None
    return 2 + wide + int.from_bytes(data[2 : 2 + wide], "big")


async def main(path: str, count: int, seconds: float) -> None:
    """Connects all, listens and tells."""
    loop = asyncio.get_running_loop()
    seen: list[int] = []
    listeners = []
    for number in range(count):
        _, listener = await loop.create_unix_connection(
            lambda number=number: Listener(number, seen), path
        )
        await listener.open
        listeners.append(listener)
    print(json.dumps({"connected": count}), flush=True)
    await asyncio.sleep(2)
    for listener in listeners:
        listener.events = 0
    del seen[:]
    begun, used = time.monotonic(), time.process_time()
    await asyncio.sleep(seconds)
    took = time.monotonic() - begun
    late = sorted(seen)
    told = {
        "seconds": took,
        "events": len(late),
        "least": min(listener.events for listener in listeners),
        "most": max(listener.events for listener in listeners),
        "p50_ms": late[len(late) // 2] / 1000,
        "p95_ms": late[len(late) * 95 // 100] / 1000,
        "max_ms": late[-1] / 1000,
        "own_cores": (time.process_time() - used) / took,
    }
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
