"""One who listens to domain events: from a position on, without loss, at his own speed."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from vms.api.events.hub import EventHub
from vms.api.events.sight import Sight
from vms.api.events.wire import Note, Writer
from vms.common import Clock, ConflictError

# A listener who is so many events behind is told so.
LAG = 1_000
# Who sees nothing of what happens still learns how far it went, so often.
POSITION_S = 30.0


@dataclass(eq=False)
class Listener:
    """One socket or stream."""

    sight: Sight
    # Set when it must end, with why.
    cut: asyncio.Event = field(default_factory=asyncio.Event)
    why: str = ""

    def end(self, why: str) -> None:
        """Cut it."""
        self.why = self.why or why
        self.cut.set()

    async def wait_cut(self) -> None:
        """Return when it must end."""
        await self.cut.wait()

    async def told(self, hub: EventHub, clock: Clock, write: Writer) -> AsyncIterator[str]:
        """Yield what it is told, for ever."""
        await hub.ready()
        reading = _Reading(self.sight, hub, clock, write)
        yield await reading.begin()
        while True:
            await hub.wait(reading.position)
            for text in await reading.step():
                yield text


class _Reading:
    """How far one listener is."""

    def __init__(self, sight: Sight, hub: EventHub, clock: Clock, write: Writer) -> None:
        self._sight = sight
        self._hub = hub
        self._clock = clock
        self._write = write
        asked = sight.asked.cursor
        self.position = hub.position if asked is None else asked
        self._told_at = clock.monotonic()
        # Who comes back with a cursor, or was told so already, is behind for a reason.
        self._excused = asked is not None

    async def begin(self) -> str:
        """Return where it begins."""
        try:
            await self._hub.check(self.position)
        except ConflictError:
            return self._reset()
        return self._note(Note("position", self.position))

    async def step(self) -> list[str]:
        """Return what there is to tell now, a page of it."""
        texts = []
        behind = self._hub.position - self.position
        if behind <= LAG:
            self._excused = self._excused and behind > 0
        elif not self._excused:
            self._excused = True
            texts.append(self._note(Note("lagged", self.position)))
        text = None
        if behind > 0:
            try:
                self.position, text = await self._hub.next(self._sight, self.position, self._write)
            except ConflictError:
                text = self._reset()
        if text is not None:
            self._told_at = self._clock.monotonic()
            texts.append(text)
        elif self._clock.monotonic() - self._told_at >= POSITION_S:
            texts.append(self._note(Note("position", self.position)))
        return texts

    def _reset(self) -> str:
        self.position = self._hub.position
        return self._note(Note("reset", self.position))

    def _note(self, note: Note) -> str:
        self._told_at = self._clock.monotonic()
        return self._write(note)
