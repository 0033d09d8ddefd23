"""Writes into the audit how talks to cameras ended, as the engine's journal tells.

The journal outlives the API: whoever comes back reads it from the first event it
still holds, and a line that stands already is not written again. What is lost is
said: where the media process died, or more has happened than its journal holds.
"""

import asyncio
from collections.abc import Awaitable, Callable

from vms.audit import AuditEntry, record_once
from vms.common import Clock, UnavailableError, VmsError
from vms.database import PLATFORM, Database, Unit
from vms.engine import Event, EventBatch, MediaControl
from vms.telemetry import get_logger

log = get_logger(__name__)

Sleep = Callable[[float], Awaitable[None]]

RETRY_S = 1.0
KIND = "talk_end"
# As long as every id of a line.
ID_LETTERS = 23


class TalkRecorder:
    """Follows the media process; one an installation."""

    def __init__(
        self, media: MediaControl, database: Database, clock: Clock, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._media = media
        self._database = database
        self._clock = clock
        self._sleep = sleep
        # Of no process: all that its journal holds is read.
        self._epoch = ""
        self._cursor = 0
        self._failing = False

    async def run(self) -> None:
        """Write, for ever."""
        while True:
            try:
                await self._follow()
            except VmsError as error:
                # Once an outage: it is tried again each second.
                note = log.debug if self._failing else log.warning
                note("talk_ends_wait", code=error.code, detail=error.message)
                self._failing = True
            await self._sleep(RETRY_S)

    async def _follow(self) -> None:
        async for batch in self._media.events(self._epoch, self._cursor):
            if batch.reset and self._epoch:
                # Of talks that ended with the process, or before what is still there.
                log.warning("talk_ends_lost", restarted=batch.epoch != self._epoch)
            await self._write(batch)
            self._failing = False
            self._epoch = batch.epoch
            if batch.events:
                self._cursor = batch.events[-1].cursor + 1
        raise UnavailableError("the media process ended its events", code="media_down")

    async def _write(self, batch: EventBatch) -> None:
        # In open mode nobody is known, and there is no audit.
        ended = [one for one in batch.events if one.kind == KIND and one.values.get("actor")]
        if ended:
            await self._database.run(lambda unit: self._record(unit, ended), PLATFORM)

    def _record(self, unit: Unit, ended: list[Event]) -> None:
        for event in ended:
            told = event.values
            entry = AuditEntry(
                actor=str(told["actor"]),
                action="talk.end",
                object=f"camera:{event.camera}",
                city=str(told["city"]),
                details={
                    "ended_us": event.utc_us,
                    "lasted_ms": int(told["lasted_ms"]),
                    "reason": str(told["code"]),
                },
            )
            record_once(unit, entry, str(told["session"])[:ID_LETTERS], self._clock)
