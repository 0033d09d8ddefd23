"""The bus as another process has it: over a Unix socket, connected again when cut."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path

import msgspec

from vms.bus.buckets import Share
from vms.bus.memory import QUEUE_LIMIT, ItemQueue
from vms.bus.ports import Message
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
    frame,
    read_frame,
    told,
)
from vms.common import UnavailableError
from vms.telemetry import get_logger

log = get_logger(__name__)

FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 1.0
# Who publishes or subscribes waits so long for the other side.
ANSWER_LIMIT_S = 5.0
# A request waits for the tokens that it takes: rather counted apart than late.
TAKE_LIMIT_S = 0.5

Sleep = Callable[[float], Awaitable[None]]


class UnixBusClient:
    """Publishes and listens through a ``UnixBusServer``; ``start`` it, ``stop`` it.

    What was asked while the connection is cut is asked again on the next one, so
    a message may come twice. Listeners are told that they may have missed some.
    """

    def __init__(self, path: Path, limit: int = QUEUE_LIMIT, sleep: Sleep = asyncio.sleep) -> None:
        self._path = path
        self._limit = limit
        self._sleep = sleep
        self._numbers = count(1)
        self._waiting: dict[int, tuple[Asked, asyncio.Future[None]]] = {}
        self._taking: dict[int, asyncio.Future[Share]] = {}
        self._listening: dict[int, tuple[Subscribe, ItemQueue]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to connect; returns at once."""
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Cut the connection; listeners get the end."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        for _, queue in list(self._listening.values()):
            queue.close()

    async def publish(self, topic: str, body: bytes) -> None:
        """Give a message to every listener; ``UnavailableError``: perhaps to none."""
        await self._ask(Publish(next(self._numbers), topic, body))

    async def subscribe(self, *topics: str) -> ItemQueue:
        """Listen to topics from now on."""
        wish = Subscribe(next(self._numbers), topics)
        queue = ItemQueue(self._limit, lambda: self._forget(wish.number))
        self._listening[wish.number] = (wish, queue)
        try:
            await self._ask(wish)
        except BaseException:
            queue.close()
            raise
        return queue

    async def take(self, key: str, per_minute: int) -> Share:
        """Take some tokens of a bucket that all share; ``UnavailableError``: it is away."""
        if self._writer is None:
            raise self._late(TAKE_LIMIT_S)
        number = next(self._numbers)
        taken: asyncio.Future[Share] = asyncio.get_running_loop().create_future()
        self._taking[number] = taken
        try:
            self._send(Take(number, key, per_minute))
            async with asyncio.timeout(TAKE_LIMIT_S):
                return await taken
        except (TimeoutError, ConnectionError):
            raise self._late(TAKE_LIMIT_S) from None
        finally:
            del self._taking[number]

    def give_back(self, key: str, per_minute: int, tokens: int) -> None:
        """Give back tokens that were not spent; what is given while it is away is lost."""
        self._send(GiveBack(key, per_minute, tokens))

    def _forget(self, number: int) -> None:
        del self._listening[number]
        self._send(Unsubscribe(number))

    async def _ask(self, wish: Subscribe | Publish) -> None:
        """Send a wish and wait until it is done, through a loss of the connection too."""
        content = frame(wish)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[wish.number] = (wish, done)
        try:
            if self._writer is not None:
                self._writer.write(content)
            async with asyncio.timeout(ANSWER_LIMIT_S):
                await done
        except TimeoutError:
            raise self._late(ANSWER_LIMIT_S) from None
        finally:
            self._waiting.pop(wish.number, None)

    def _late(self, limit_s: float) -> UnavailableError:
        return UnavailableError(
            f"the bus at {self._path} did not answer within {limit_s:g} s", code="bus_unavailable"
        )

    def _send(self, wish: Asked) -> None:
        if self._writer is not None:
            self._writer.write(frame(wish))

    async def _keep(self) -> None:
        """Be connected, for ever."""
        pause = FIRST_PAUSE_S
        while True:
            try:
                reader, self._writer = await asyncio.open_unix_connection(str(self._path))
            except OSError as error:
                log.debug("bus_away", path=str(self._path), detail=str(error))
                await self._sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)
                continue
            pause = FIRST_PAUSE_S
            await self._talk(reader, self._writer)
            log.info("bus_connection_lost", path=str(self._path))
            await self._sleep(pause)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Ask again what is open, then hear until the connection ends."""
        try:
            for wish, _ in self._listening.values():
                self._send(wish)
            for number, (open_wish, _) in self._waiting.items():
                if number not in self._listening:
                    self._send(open_wish)
            while (body := await read_frame(reader)) is not None:
                self._hear(told.decode(body))
        except msgspec.DecodeError as error:
            log.warning("bus_server_refused", detail=str(error))
        finally:
            self._writer = None
            for taken in self._taking.values():
                if not taken.done():
                    taken.set_exception(ConnectionResetError())
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _hear(self, content: Told) -> None:
        match content:
            case Done(number):
                self._hear_done(number)
            case Taken(number, share):
                if (taken := self._taking.get(number)) is not None and not taken.done():
                    taken.set_result(share)
            case Deliver(number, topic, body):
                if (listening := self._listening.get(number)) is not None:
                    listening[1].put(Message(topic, body))
            case Missed(number):
                if (listening := self._listening.get(number)) is not None:
                    listening[1].lag()

    def _hear_done(self, number: int) -> None:
        if (found := self._waiting.get(number)) is not None:
            if not found[1].done():
                found[1].set_result(None)
        elif (listening := self._listening.get(number)) is not None:
            # It listens again only now: what came since the cut is lost.
            listening[1].lag()
