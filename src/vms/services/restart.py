"""When a process that ended is started again. Pure: time comes in."""

from dataclasses import dataclass

FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 5.0
# Whoever ran so long was well; its end is a new story.
WELL_AFTER_S = 10.0


@dataclass(slots=True)
class RestartPolicy:
    """At once the first time, then with growing pauses; never gives up."""

    _started: float = 0.0
    _failures: int = 0

    def started(self, now: float) -> None:
        """Note that the process was started."""
        self._started = now

    def pause(self, now: float) -> float:
        """Return how long to wait before the next start, in seconds."""
        if now - self._started >= WELL_AFTER_S:
            self._failures = 0
        self._failures += 1
        if self._failures == 1:
            return 0.0
        return min(FIRST_PAUSE_S * 2.0 ** min(self._failures - 2, 16), LONGEST_PAUSE_S)
