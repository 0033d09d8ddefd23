"""One worker's domain events: followed once, kept for a while, written once for all.

The newest events lie in a ring that every listener reads with a position of
its own, so nothing is queued for anybody. Listeners are called together, at
most so often; who sees the same gets the same text, made once. Whoever is so
far behind that the ring has moved on reads from the outbox.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from vms.api.events.places import PlaceBook
from vms.api.events.ports import EventSource
from vms.api.events.sight import Sight
from vms.api.events.wire import Part, Writer
from vms.common import Clock, ConflictError, VmsError
from vms.outbox import Posted
from vms.telemetry import get_logger

log = get_logger(__name__)

RING = 20_000
# Listeners are called together, at most so often: each costs a write, however much came.
CALL_S = 0.02
CALL_S_EACH = 0.000_08
LONGEST_CALL_S = 0.1
# Most events of one message.
PAGE = 500
RETRY_S = 0.5
MOST_TEXTS = 512

_CAMERA = "camera."


class EventHub:
    """Follows the events of the installation for all listeners of this worker."""

    def __init__(
        self,
        source: EventSource,
        places: PlaceBook,
        clock: Clock,
        *,
        ring: int = RING,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._source = source
        self._places = places
        self._clock = clock
        self._most = ring
        self._waiting = 0
        self._sleep = sleep
        self._heard: list[Callable[[Posted], None]] = []
        # By position, without gaps, up to the newest.
        self._ring: dict[int, Posted] = {}
        self._position = 0
        self._ready = asyncio.Event()
        self._called = asyncio.Event()
        self._called_at = float("-inf")
        self._calling: asyncio.TimerHandle | None = None
        self._texts: OrderedDict[tuple[object, ...], str | None] = OrderedDict()

    @property
    def position(self) -> int:
        """The position of the newest event that was followed."""
        return self._position

    def on_event(self, heard: Callable[[Posted], None]) -> None:
        """Call ``heard`` with each event."""
        self._heard.append(heard)

    async def ready(self) -> None:
        """Return when it is known which event is the newest."""
        await self._ready.wait()

    async def run(self) -> None:
        """Follow for ever, through losses of database and bus."""
        while True:
            try:
                if not self._ready.is_set():
                    await self._begin()
                async for posted in self._source.follow(self._position):
                    self._take(posted)
            except ConflictError:
                # This worker was away for too long: so its listeners have missed something.
                self._ready.clear()
                log.warning("events_missed", position=self._position)
            except VmsError as error:
                log.warning("events_not_followed", code=error.code, detail=error.message)
            await self._sleep(RETRY_S)

    async def _begin(self) -> None:
        self._position = await self._source.newest()
        self._ring.clear()
        self._ready.set()
        self.call()

    def _take(self, posted: Posted) -> None:
        self._ring[posted.position] = posted
        self._position = posted.position
        if len(self._ring) > self._most:
            del self._ring[posted.position - self._most]
        if posted.name.startswith(_CAMERA):
            self._places.changed()
        for heard in self._heard:
            heard(posted)
        pause = min(CALL_S + self._waiting * CALL_S_EACH, LONGEST_CALL_S)
        left = self._called_at + pause - self._clock.monotonic()
        if left <= 0:
            self.call()
        elif self._calling is None:
            self._calling = asyncio.get_running_loop().call_later(left, self.call)

    def call(self) -> None:
        """Wake every listener."""
        self._called_at = self._clock.monotonic()
        self._calling = None
        called, self._called = self._called, asyncio.Event()
        called.set()

    async def wait(self, position: int) -> None:
        """Return when there is something after ``position``, or when all are called."""
        if self._position > position:
            return
        self._waiting += 1
        try:
            await self._called.wait()
        finally:
            self._waiting -= 1

    async def next(self, sight: Sight, position: int, write: Writer) -> tuple[int, str | None]:
        """Return how far a listener comes from ``position``, and what he is told up to there.

        ConflictError(code="cursor_expired"): what came after is kept no more.
        """
        if position < self._position - len(self._ring):
            found = await self._source.read(position, PAGE)
            if not found:
                return self._position, None
            return found[-1].position, await self._write(sight, found, write)
        last = min(self._position, position + PAGE)
        key = (sight.key, position, last, write)
        if key in self._texts:
            return last, self._texts[key]
        found = [self._ring[number] for number in range(position + 1, last + 1)]
        text = await self._write(sight, found, write)
        self._texts[key] = text
        if len(self._texts) > MOST_TEXTS:
            self._texts.popitem(last=False)
        return last, text

    async def check(self, position: int) -> None:
        """Raise ConflictError where one cannot begin after a position."""
        if not self._position - len(self._ring) <= position <= self._position:
            await self._source.read(position, 1)

    async def _write(self, sight: Sight, found: list[Posted], write: Writer) -> str | None:
        places = await self._places.fresh()
        seen = [posted for posted in found if sight.sees_event(posted, places)]
        return write(Part(seen, found[-1].position)) if seen else None
