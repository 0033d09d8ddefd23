"""The bus for other processes of this machine: a Unix socket before a memory bus.

The buckets that they share lie here too, as this process outlives them.
"""

import asyncio
import contextlib
import socket
from pathlib import Path

import msgspec

from vms.bus.buckets import Buckets, Share
from vms.bus.memory import MemoryBus
from vms.bus.ports import Lagged, Subscription
from vms.bus.wire import (
    Asked,
    Deliver,
    Done,
    GiveBack,
    Missed,
    Publish,
    Subscribe,
    Take,
    Taken,
    Told,
    Unsubscribe,
    asked,
    frame,
    read_frame,
)
from vms.telemetry import get_logger

log = get_logger(__name__)

# What may wait in a connection before its listeners' queues fill.
_BUFFER_BYTES = 64 << 10
# Of what a bucket holds one process gets this part at once, divided among all.
_PARTS = 10


class UnixBusServer:
    """Lets other processes publish and listen on ``bus``, and take from ``buckets``."""

    def __init__(self, bus: MemoryBus, path: Path, buckets: Buckets) -> None:
        self._bus = bus
        self._buckets = buckets
        self._path = path
        self._server: asyncio.Server | None = None
        self._peers: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen; only this user may connect."""
        self._path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(self._path))
        # Nobody connects before it listens, so nobody comes in between.
        self._path.chmod(0o600)
        self._server = await asyncio.start_unix_server(self._meet, sock=listener)

    async def stop(self) -> None:
        """Cut every connection and stop listening."""
        if self._server is None:
            return
        self._server.close()
        for peer in self._peers:
            peer.cancel()
        await asyncio.gather(*self._peers, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None
        self._path.unlink(missing_ok=True)

    def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(_Peer(self, self._bus, reader, writer).serve())
        self._peers.add(task)
        task.add_done_callback(self._peers.discard)

    def lend(self, key: str, per_minute: int) -> Share:
        """Lend a process some tokens of a bucket: together they hold a tenth of it at most."""
        return self._buckets.take(key, per_minute, _PARTS * max(1, len(self._peers)))

    def take_back(self, key: str, per_minute: int, tokens: int) -> None:
        """Take back what a process has not spent."""
        self._buckets.give_back(key, tokens, per_minute)


class _Peer:
    """One connected process."""

    def __init__(
        self,
        server: UnixBusServer,
        bus: MemoryBus,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._server = server
        self._bus = bus
        self._reader = reader
        self._writer = writer
        self._pumps: dict[int, tuple[Subscription, asyncio.Task[None]]] = {}
        writer.transport.set_write_buffer_limits(high=_BUFFER_BYTES)

    async def serve(self) -> None:
        """Do what is asked until the connection ends."""
        try:
            while (body := await read_frame(self._reader)) is not None:
                await self._do(asked.decode(body))
        except msgspec.DecodeError as error:
            log.warning("bus_peer_refused", detail=str(error))
        except ConnectionError:
            pass  # its end is the same as an orderly one
        finally:
            for number in list(self._pumps):
                await self._end(number)
            self._writer.close()

    async def _do(self, wish: Asked) -> None:
        match wish:
            case Subscribe(number, topics):
                subscription = await self._bus.subscribe(*topics)
                pump = asyncio.create_task(self._pump(number, subscription))
                self._pumps[number] = (subscription, pump)
                await self._tell(Done(number))
            case Unsubscribe(number):
                await self._end(number)
            case Publish(number, topic, body):
                await self._bus.publish(topic, body)
                await self._tell(Done(number))
            case Take(number, key, per_minute):
                await self._tell(Taken(number, self._server.lend(key, per_minute)))
            case GiveBack(key, per_minute, tokens):
                self._server.take_back(key, per_minute, tokens)

    async def _pump(self, number: int, subscription: Subscription) -> None:
        """Write a subscription's items as fast as the peer reads them."""
        with contextlib.suppress(ConnectionError):
            async for item in subscription:
                if isinstance(item, Lagged):
                    await self._tell(Missed(number))
                else:
                    await self._tell(Deliver(number, item.topic, item.body))

    async def _tell(self, content: Told) -> None:
        self._writer.write(frame(content))
        await self._writer.drain()

    async def _end(self, number: int) -> None:
        if (found := self._pumps.pop(number, None)) is not None:
            subscription, pump = found
            subscription.close()
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)
