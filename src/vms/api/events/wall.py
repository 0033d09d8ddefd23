"""The wall's messages: states of streams as they change, numbers each second.

Protocol: the first message is the whole, then changes as they happen, then
each second the statistics of all streams:

    {"type": "snapshot", "cursor": 7, "streams": [...]}
    {"type": "stream", "stream": {...}}
    {"type": "stats", "streams": [...]}

When streams come or go another snapshot is sent. A listener that is slow
misses steps between, never the last word; nothing is queued for it. What
several listeners see alike is encoded once.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Hashable, Mapping
from typing import Literal

import msgspec

from vms.api.events.places import PlaceBook
from vms.api.events.ports import Place
from vms.api.events.sight import Sight
from vms.common import Clock, StreamRef
from vms.ingest import IngestWatch, StreamView

STATS_S = 1.0
MOST_SIGHTS = 256


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


class _Seen:
    """What listeners of one sight share: which cameras they see, and the last statistics."""

    def __init__(self) -> None:
        self._places: Mapping[str, Place] | None = None
        self._cameras: dict[str, bool] = {}
        # Of which of them more is told than how their streams do.
        self._read: dict[str, bool] = {}
        self.stats = ""
        self.stats_at = float("-inf")
        self.making = asyncio.Lock()

    def only(
        self, sight: Sight, views: list[StreamView], places: Mapping[str, Place]
    ) -> list[StreamView]:
        """Return the streams that such a listener sees."""
        if self._places is not places:
            self._places = places
            self._cameras.clear()
        known = self._cameras
        for view in views:
            if view.camera not in known:
                known[view.camera] = sight.sees_stream(view.camera, places)
                self._read[view.camera] = sight.reads_camera(view.camera, places)
        return [self._told(view) for view in views if known[view.camera]]

    def _told(self, view: StreamView) -> StreamView:
        # Whom a stream is brought to does not concern those who may only watch it.
        if not view.push or self._read[view.camera]:
            return view
        return msgspec.structs.replace(view, push=())


class WallFeed:
    """Makes the messages for any number of listeners."""

    def __init__(
        self, watch: IngestWatch, places: PlaceBook, clock: Clock, stats_s: float = STATS_S
    ) -> None:
        self._watch = watch
        self._places = places
        self._clock = clock
        self._stats_s = stats_s
        self._seen: OrderedDict[Hashable, _Seen] = OrderedDict()

    async def streams(self, sight: Sight) -> list[StreamView]:
        """Return every stream that somebody sees."""
        views = await self._watch.streams()
        return self._of(sight).only(sight, views, await self._places.fresh())

    async def stream(self, sight: Sight, wanted: StreamRef) -> StreamView | None:
        """Return one stream, if there is such a one that somebody sees."""
        view = await self._watch.stream(wanted)
        if view is None:
            return None
        seen = self._of(sight).only(sight, [view], await self._places.fresh())
        return seen[0] if seen else None

    async def messages(self, sight: Sight) -> AsyncIterator[str]:
        """Yield what one listener is told, for ever."""
        board = self._watch.board
        await self._watch.streams()
        seen = board.version
        yield await self._snapshot(sight)
        due = self._clock.monotonic() + self._stats_s
        while True:
            await self._wait(due)
            if board.layout > seen:
                seen = board.version
                yield await self._snapshot(sight)
            elif board.version > seen:
                changed, seen = board.changed_since(seen), board.version
                for view in self._of(sight).only(sight, changed, await self._places.fresh()):
                    yield _text(StreamMessage(view))
            if self._clock.monotonic() >= due:
                due = self._clock.monotonic() + self._stats_s
                yield await self._shared_stats(sight)

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

    async def _snapshot(self, sight: Sight) -> str:
        places = await self._places.fresh()
        views = self._of(sight).only(sight, self._watch.board.views(), places)
        return _text(SnapshotMessage(self._watch.cursor, views))

    async def _shared_stats(self, sight: Sight) -> str:
        """Return this second's statistics; the first who asks makes them."""
        seen = self._of(sight)
        async with seen.making:
            if self._clock.monotonic() - seen.stats_at >= self._stats_s / 2:
                seen.stats = _text(StatsMessage(await self.streams(sight)))
                seen.stats_at = self._clock.monotonic()
        return seen.stats

    def _of(self, sight: Sight) -> _Seen:
        seen = self._seen.get(sight.key)
        if seen is None:
            seen = self._seen[sight.key] = _Seen()
            if len(self._seen) > MOST_SIGHTS:
                self._seen.popitem(last=False)
        else:
            self._seen.move_to_end(sight.key)
        return seen
