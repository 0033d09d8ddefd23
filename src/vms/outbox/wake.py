"""Calls the relay when something was committed, wherever the relay is."""

import asyncio

from vms.bus import Bus
from vms.common import VmsError
from vms.database import Database
from vms.outbox.model import WAKE
from vms.outbox.store import MARK
from vms.telemetry import get_logger

log = get_logger(__name__)


class Waker:
    """Publishes one call for the commits of a moment; a lost one costs the relay's poll."""

    def __init__(self, database: Database, bus: Bus) -> None:
        self._bus = bus
        self._loop = asyncio.get_running_loop()
        self._committed = asyncio.Event()
        database.on_commit(MARK, self._note)

    def _note(self) -> None:
        # From a database thread; it may outlive the loop.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._committed.set)

    async def run(self) -> None:
        """Call for ever."""
        while True:
            await self._committed.wait()
            self._committed.clear()
            try:
                await self._bus.publish(WAKE, b"")
            except VmsError as error:
                log.info("outbox_call_lost", detail=error.message)
