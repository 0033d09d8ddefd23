"""The engine's side of a ring of frames, in Python, and a socket that hands rings out."""

import asyncio
import contextlib
import mmap
import os
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

HEAD = 64


@dataclass
class RingWriter:
    """Writes frames as the engine does."""

    capacity: int = 1 << 20
    handle: int = field(init=False)
    head: int = 0

    def __post_init__(self) -> None:
        self.handle = os.memfd_create("test-ring")
        os.ftruncate(self.handle, HEAD + self.capacity)
        self.memory = mmap.mmap(self.handle, HEAD + self.capacity)
        struct.pack_into("<8sQQQQ", self.memory, 0, b"VMSRING1", self.capacity, 0, 0, 2**64 - 1)

    def push(self, number: int, data: bytes, *, key: bool, utc_us: int, codec: int = 1) -> None:
        """Write one frame."""
        record = struct.pack("<IBBxxqIIQ", len(data), codec, int(key), utc_us, 0, 1, number) + data
        record += b"\0" * (-len(record) % 8)
        end = self.head + len(record)
        struct.pack_into("<Q", self.memory, 24, end)
        for offset, byte in enumerate(record):
            self.memory[HEAD + (self.head + offset) % self.capacity] = byte
        if key:
            struct.pack_into("<Q", self.memory, 32, self.head)
        self.head = end
        struct.pack_into("<Q", self.memory, 16, end)

    def close(self) -> None:
        """Give the memory back."""
        self.memory.close()
        os.close(self.handle)


@dataclass
class RingServer:
    """Hands one ring to whoever names its stream, and wakes them all."""

    ring: RingWriter
    stream: str = "gate/sub"
    readers: list[socket.socket] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, path: Path) -> None:
        """Answer until cancelled."""
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen()
            listener.setblocking(False)
            while True:
                reader, _ = await loop.sock_accept(listener)
                name = await loop.sock_recv(reader, 100)
                if name != f"{self.stream}\n".encode():
                    await loop.sock_sendall(reader, b"?")
                    reader.close()
                    continue
                socket.send_fds(reader, [b"R"], [self.ring.handle])
                self.readers.append(reader)
                self.asked.set()

    def wake(self) -> None:
        """Tell every reader of a new frame."""
        for reader in self.readers:
            reader.send(b".")

    def close(self) -> None:
        """End every ring."""
        for reader in self.readers:
            reader.close()
        self.readers.clear()


@contextlib.asynccontextmanager
async def handing_out(ring: RingWriter, path: Path) -> AsyncIterator[RingServer]:
    """Yield an engine's socket that hands out a ring, and end both."""
    server = RingServer(ring)
    task = asyncio.create_task(server.serve(path))
    await asyncio.sleep(0)
    yield server
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    server.close()
    ring.close()
