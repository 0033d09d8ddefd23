"""Which cameras there are, for those who follow streams and decide who sees them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from vms.cameras import RosterEntry
from vms.ingest.renewal import Renewal, Sleep
from vms.ingest.service import IngestWatch

ReadRoster = Callable[[], Awaitable[Mapping[str, RosterEntry]]]


class Roster:
    """Every camera without its passwords, read anew whenever one changes."""

    def __init__(self, read: ReadRoster, watch: IngestWatch, sleep: Sleep = asyncio.sleep) -> None:
        self._read = read
        self._watch = watch
        self._entries: Mapping[str, RosterEntry] = {}
        self._renewal = Renewal("roster", self._renew, sleep)

    @property
    def entries(self) -> Mapping[str, RosterEntry]:
        """Every camera, by id."""
        return self._entries

    def wake(self) -> None:
        """A camera has changed, or may have."""
        self._renewal.call()

    async def run(self) -> None:
        """Follow the changes, for ever."""
        await self._renewal.run()

    async def _renew(self) -> None:
        self._entries = await self._read()
        await self._watch.expect(self._entries.values())
