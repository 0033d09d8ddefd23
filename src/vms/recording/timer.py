"""Wakes whoever applies rules at the instant at which a schedule says something else."""

import asyncio
from collections.abc import Callable

from vms.common import Clock

# The clock may be set meanwhile: it is looked at anew so often.
LONGEST_WAIT_S = 30.0


class ScheduleTimer:
    """Knows the next instant, and calls when it has come."""

    def __init__(self, clock: Clock, call: Callable[[], None]) -> None:
        self._clock = clock
        self._call = call
        self._next_us: int | None = None
        self._changed = asyncio.Event()

    def set(self, next_us: int | None) -> None:
        """Take the next instant; nothing: none is known."""
        self._next_us = next_us
        self._changed.set()

    async def run(self) -> None:
        """Wait and call, for ever."""
        while True:
            self._changed.clear()
            wait_s = self._wait_s()
            if wait_s <= 0:
                # Whoever is called sets the next one.
                self._next_us = None
                self._call()
                continue
            try:
                await asyncio.wait_for(self._changed.wait(), wait_s)
            except TimeoutError:
                continue

    def _wait_s(self) -> float:
        if self._next_us is None:
            return LONGEST_WAIT_S
        return min(LONGEST_WAIT_S, (self._next_us - self._clock.utc_us()) / 1_000_000)
