"""Events as the outbox keeps them and the bus brings them."""

from collections.abc import AsyncIterator

from vms.bus import Bus
from vms.database import PLATFORM, Database
from vms.outbox import Posted, follow, last_position, read_after


class OutboxSource:
    """The events of an installation."""

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database = database
        self._bus = bus

    async def newest(self) -> int:
        """Return the position of the newest event."""
        return await self._database.run(last_position, PLATFORM, read=True)

    async def read(self, after: int, limit: int) -> list[Posted]:
        """Return events after a position."""
        return await self._database.run(
            lambda unit: read_after(unit, after, limit), PLATFORM, read=True
        )

    def follow(self, after: int) -> AsyncIterator[Posted]:
        """Yield events after a position, for ever."""
        return follow(self._database, self._bus, after)
