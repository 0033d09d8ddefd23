"""What the feed of events needs of those below it."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from vms.outbox import Posted


@dataclass(frozen=True, slots=True)
class Place:
    """Where a camera is, for the question who may see it."""

    city: str
    groups: frozenset[str] = frozenset()


class CameraPlaces(Protocol):
    """Knows every camera."""

    async def places(self) -> Mapping[str, Place]:
        """Return where each camera is."""
        ...


class EventSource(Protocol):
    """Domain events in their one order, without gaps."""

    async def newest(self) -> int:
        """Return the position of the newest event."""
        ...

    async def read(self, after: int, limit: int) -> list[Posted]:
        """Return events after a position, the oldest first.

        ConflictError(code="cursor_expired") where they are kept no more.
        """
        ...

    def follow(self, after: int) -> AsyncIterator[Posted]:
        """Yield events after a position, for ever; raises as ``read`` does."""
        ...
