"""Time as a parameter: whoever needs to know the time takes a ``Clock``."""

import time
from typing import Protocol


class Clock(Protocol):
    """Where time comes from."""

    def utc_us(self) -> int:
        """Wall-clock time in microseconds since 1970, UTC. May step."""
        ...

    def monotonic(self) -> float:
        """Seconds that only grow; the zero means nothing."""
        ...


class SystemClock:
    """The machine's clock."""

    def utc_us(self) -> int:
        """Return the machine's UTC in microseconds."""
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        """Return the machine's monotonic seconds."""
        return time.monotonic()


class ManualClock:
    """A clock that moves only when told: for tests, ours and others'."""

    def __init__(self, utc_us: int = 1_700_000_000_000_000, monotonic: float = 0.0) -> None:
        self._utc_us = utc_us
        self._monotonic = monotonic

    def utc_us(self) -> int:
        """Return the UTC that was set."""
        return self._utc_us

    def monotonic(self) -> float:
        """Return the monotonic seconds that were set."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass, on both scales."""
        self._monotonic += seconds
        self._utc_us += round(seconds * 1_000_000)

    def step_utc(self, seconds: float) -> None:
        """Step the wall clock alone, as a time server does."""
        self._utc_us += round(seconds * 1_000_000)
