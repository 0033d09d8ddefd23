"""The messages of ``/ws/events``, encoded once for all who listen.

Protocol: the first message is the whole, then changes as they happen, then
each second the statistics of all streams:

    {"type": "snapshot", "cursor": 7, "streams": [...]}
    {"type": "stream", "stream": {...}}
    {"type": "stats", "streams": [...]}

When streams come or go another snapshot is sent. A listener that is slow
misses steps between, never the last word; nothing is queued for it.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Literal

import msgspec

from vms.common import Clock
from vms.ingest import IngestWatch, StreamView

STATS_S = 1.0


class SnapshotMessage(msgspec.Struct, frozen=True):
    """Every stream; what is not in it does not exist."""

    cursor: int
    streams: list[StreamView]
    type: Literal["snapshot"] = "snapshot"


class StreamMessage(msgspec.Struct, frozen=True):
    """One stream changed."""

    stream: StreamView
    type: Literal["stream"] = "stream"


class StatsMessage(msgspec.Struct, frozen=True):
    """Every stream with its newest numbers."""

    streams: list[StreamView]
    type: Literal["stats"] = "stats"


def _text(message: SnapshotMessage | StreamMessage | StatsMessage) -> str:
    return msgspec.json.encode(message).decode()


class EventFeed:
    """Makes the messages for any number of listeners."""

    def __init__(self, watch: IngestWatch, clock: Clock, stats_s: float = STATS_S) -> None:
        self._watch = watch
        self._clock = clock
        self._stats_s = stats_s
        self._stats = ""
        self._stats_at = float("-inf")
        self._making = asyncio.Lock()

    async def messages(self) -> AsyncIterator[str]:
        """Yield what one listener is told, for ever."""
        board = self._watch.board
        await self._watch.streams()
        seen = board.version
        yield self._snapshot()
        due = self._clock.monotonic() + self._stats_s
        while True:
            await self._wait(due)
            if board.layout > seen:
                seen = board.version
                yield self._snapshot()
            elif board.version > seen:
                changed, seen = board.changed_since(seen), board.version
                for view in changed:
                    yield _text(StreamMessage(view))
            if self._clock.monotonic() >= due:
                due = self._clock.monotonic() + self._stats_s
                yield await self._shared_stats()

    async def _wait(self, due: float) -> None:
        """Wait for a change, but no longer than until ``due``."""
        left = due - self._clock.monotonic()
        if left <= 0:
            return
        try:
            async with asyncio.timeout(left):
                await self._watch.wait_for_change()
        except TimeoutError:
            return

    def _snapshot(self) -> str:
        return _text(SnapshotMessage(self._watch.cursor, self._watch.board.views()))

    async def _shared_stats(self) -> str:
        """Return this second's statistics; the first who asks makes them."""
        async with self._making:
            if self._clock.monotonic() - self._stats_at >= self._stats_s / 2:
                self._stats = _text(StatsMessage(await self._watch.streams()))
                self._stats_at = self._clock.monotonic()
        return self._stats
