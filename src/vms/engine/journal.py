"""The journal of a media process: events in order, readable from a cursor on.

A reader that comes back names the epoch and the first cursor it wants. When
those events are gone, or the epoch is another process's, the answer says
``reset`` and the reader asks for the whole state again: nothing is lost
silently.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable

from vms.engine.model import Event, EventBatch

# Minutes of a thousand cameras that all flap, and 5 MB at most.
CAPACITY = 16_384


class Journal:
    """Bounded; written by one task, read by any number."""

    def __init__(self, epoch: str, capacity: int = CAPACITY) -> None:
        self.epoch = epoch
        self._events: deque[Event] = deque(maxlen=capacity)
        self._next = 0
        self._grew = asyncio.Event()

    @property
    def next_cursor(self) -> int:
        """The cursor the next event will have."""
        return self._next

    def extend(self, events: Iterable[Event]) -> None:
        """Add events, whose cursors grow, and wake the readers."""
        for event in events:
            self._events.append(event)
            self._next = event.cursor + 1
        grew, self._grew = self._grew, asyncio.Event()
        grew.set()

    def after(self, epoch: str, cursor: int) -> EventBatch:
        """Return what there is from ``cursor`` on."""
        if epoch != self.epoch or cursor > self._next:
            return EventBatch(self.epoch, reset=True, events=tuple(self._events))
        events = tuple(self._from(cursor))
        first = events[0].cursor if events else self._next
        return EventBatch(self.epoch, reset=first != cursor, events=events)

    def _from(self, cursor: int) -> list[Event]:
        found: list[Event] = []
        for event in reversed(self._events):
            if event.cursor < cursor:
                break
            found.append(event)
        found.reverse()
        return found

    async def follow(self, epoch: str, cursor: int) -> AsyncIterator[EventBatch]:
        """Yield what there is, then what comes, for ever."""
        while True:
            grew = self._grew
            batch = self.after(epoch, cursor)
            if batch.events or batch.reset:
                yield batch
                epoch, cursor = self.epoch, self._next_after(batch)
            else:
                await grew.wait()

    def _next_after(self, batch: EventBatch) -> int:
        return batch.events[-1].cursor + 1 if batch.events else self._next
