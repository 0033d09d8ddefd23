"""The relay: gives committed events their place in one order, and publishes them."""

import asyncio
import contextlib

from vms.bus import Bus
from vms.common import Clock, VmsError, new_id
from vms.database import PLATFORM, Database
from vms.outbox.model import TOPIC, WAKE, Posted, encode_posted
from vms.outbox.store import claim, finish, has_work, purge
from vms.telemetry import get_logger

log = get_logger(__name__)

# Looked for so often where no call comes.
POLL_S = 1.0
BATCH = 500
# A relay that was killed is replaced after so long.
LEASE_US = 10_000_000
KEEP_US = 3_600_000_000
PURGE_EVERY_S = 60.0


class Relay:
    """Run one in each process that may do it; the lease lets one work at a time.

    Positions are given and committed first, then the events are published, then
    that is noted. Killed anywhere in between, the next relay publishes what is
    not noted: an event may come twice, at the same position, and is never lost.
    """

    def __init__(self, database: Database, bus: Bus, clock: Clock) -> None:
        self._database = database
        self._bus = bus
        self._clock = clock
        self._name = new_id()
        self._purge_at = clock.monotonic()

    async def run(self) -> None:
        """Relay for ever."""
        async with await self._bus.subscribe(WAKE) as calls:
            while True:
                try:
                    while await self.relay_once():
                        pass
                    await self.purge_when_due()
                except VmsError as error:
                    log.warning("outbox_relay_failed", code=error.code, detail=error.message)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_S):
                        await anext(calls)

    async def relay_once(self) -> int:
        """Publish one batch and return how many events it had."""
        if not await self._database.run(has_work, PLATFORM, read=True):
            return 0
        now = self._clock.utc_us()
        batch = await self._database.run(
            lambda unit: claim(unit, self._name, now, now + LEASE_US, BATCH), PLATFORM
        )
        if batch is None:
            return 0
        published = None
        try:
            published = await self._publish(batch)
        finally:
            await self._database.run(lambda unit: finish(unit, self._name, published), PLATFORM)
        return len(batch)

    async def _publish(self, batch: list[Posted]) -> int | None:
        for posted in batch:
            await self._bus.publish(TOPIC, encode_posted(posted))
        return batch[-1].position if batch else None

    async def purge_when_due(self) -> None:
        """Remove what nobody resumes from any more."""
        if self._clock.monotonic() < self._purge_at:
            return
        self._purge_at = self._clock.monotonic() + PURGE_EVERY_S
        before = self._clock.utc_us() - KEEP_US
        count = await self._database.run(lambda unit: purge(unit, before), PLATFORM)
        if count:
            log.info("outbox_purged", count=count)
