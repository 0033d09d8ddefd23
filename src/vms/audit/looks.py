"""Lines about looking: one for each hour that somebody looks at, not one for each look."""

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from vms.audit.model import AuditEntry
from vms.audit.service import record
from vms.common import Clock
from vms.database import Database, Scope, Unit

HOUR_US = 3_600_000_000
MOST_LOOKS = 10_000


class Look(NamedTuple):
    """Who looked at what, and at which time of it."""

    actor: str
    session: str
    thing: str
    hour_us: int

    @classmethod
    def at(cls, actor: str, session: str | None, thing: str, at_us: int) -> "Look":
        """Return the look at an instant."""
        return cls(actor, session or "", thing, at_us - at_us % HOUR_US)


class Looks:
    """Which looks are written already, as far as this process knows."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._known: OrderedDict[Look, None] = OrderedDict()

    async def note(self, look: Look, scope: Scope, entry: Callable[[Unit], AuditEntry]) -> None:
        """Write a look that is new. ``entry`` is asked each time: it refuses who may not look."""
        known = look in self._known

        def work(unit: Unit) -> None:
            made = entry(unit)
            if not known:
                record(unit, made, self._clock)

        await self._database.run(work, scope, read=known)
        self._known[look] = None
        if len(self._known) > MOST_LOOKS:
            self._known.popitem(last=False)
