"""Where each camera is, at hand: asked for each event and listener, changed seldom."""

import asyncio
from collections.abc import Mapping

from vms.api.events.ports import CameraPlaces, Place
from vms.common import Clock, UnavailableError

# Read anew so often where no event said that something changed.
LASTS_S = 60.0
RETRY_S = 1.0


class PlaceBook:
    """The places of all cameras, at most as old as the last event about cameras."""

    def __init__(self, source: CameraPlaces, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._reading = asyncio.Lock()
        self._until = float("-inf")
        self._changes = 0
        self._known: Mapping[str, Place] = {}
        self._read_once = False

    def changed(self) -> None:
        """Take note that cameras were made, moved or deleted."""
        self._changes += 1
        self._until = float("-inf")

    async def fresh(self) -> Mapping[str, Place]:
        """Return where each camera is."""
        if self._clock.monotonic() < self._until:
            return self._known
        async with self._reading:
            while self._clock.monotonic() >= self._until:
                await self._read()
        return self._known

    async def _read(self) -> None:
        begun, changes = self._clock.monotonic(), self._changes
        try:
            self._known = await self._source.places()
        except UnavailableError:
            # The wall goes on without the database, with what was known last.
            if not self._read_once:
                raise
            self._until = begun + RETRY_S
            return
        self._read_once = True
        # What changed while it was read may not be in it.
        if changes == self._changes:
            self._until = begun + LASTS_S


class NoPlaces:
    """Of a server without a database: every camera stands in the settings, and in no city."""

    async def places(self) -> Mapping[str, Place]:
        """Return no places."""
        return {}
