"""What one process of an installation does beside answering: relay, seal, direct, remember.

Every API worker keeps its own wakers and followers; the tasks that must run
once hold a lease in the database, or are given to the first worker alone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from vms.audit import Sealer
from vms.bus import Bus
from vms.common import ConflictError, VmsError
from vms.database import PLATFORM
from vms.ingest import Director, Roster, StatusRecorder
from vms.outbox import Relay, Waker, follow, last_position
from vms.proto.events import (
    CameraCreated,
    CameraDeleted,
    CameraUpdated,
    CityDeleted,
    CityUpdated,
    DomainEvent,
    GrantChanged,
    RecordingRulesChanged,
    StreamKeyChanged,
    UserDeleted,
    UserUpdated,
)
from vms.services.house import House
from vms.streaming import StreamRevoker
from vms.telemetry import get_logger

log = get_logger(__name__)

MAINTAIN_EVERY_S = 3600.0
AGAIN_S = 1.0
# Beside every event: whoever was let in while a right was just being withdrawn.
LOOK_EVERY_S = 60.0

Work = Callable[[], Coroutine[Any, Any, None]]

_OF_CAMERAS = (CameraCreated, CameraUpdated, CameraDeleted)
# What decides who may open streams: stream keys follow their owners, limits their cities.
_OF_ACCESS = (
    StreamKeyChanged,
    GrantChanged,
    UserUpdated,
    UserDeleted,
    CityUpdated,
    CityDeleted,
)
# What a camera records and keeps; a city has a clock and a plan, which count above.
_OF_RECORDING = (RecordingRulesChanged,)


class Ear:
    """Hears every event of the installation and calls whom it concerns."""

    def __init__(self, house: House, bus: Bus, roster: Roster) -> None:
        self._house = house
        self._bus = bus
        self._roster = roster
        self._director: Director | None = None
        self._revoker: StreamRevoker | None = None
        # Of the last event that was heard; none: everything is to be looked at.
        self._position: int | None = None

    def direct(self, director: Director, revoker: StreamRevoker) -> None:
        """Let this process steer the media process too."""
        self._director, self._revoker = director, revoker

    async def run(self) -> None:
        """Listen for ever. What could not be done is tried again, before what came after it."""
        while True:
            try:
                await self._listen()
            except ConflictError as error:
                log.warning("events_missed", code=error.code, detail=error.message)
                self._position = None
            except VmsError as error:
                log.warning("events_wait", code=error.code, detail=error.message)
            await asyncio.sleep(AGAIN_S)

    async def _listen(self) -> None:
        database = self._house.database
        if self._position is None:
            # First the place in the order, then a look at everything: what is
            # changed in between is seen twice rather than never.
            newest = await database.run(last_position, PLATFORM, read=True)
            self._wake_all()
            if self._revoker is not None:
                await self._revoker.look()
            self._position = newest
        async for posted in follow(database, self._bus, self._position):
            await self._hear(posted.event)
            self._position = posted.position

    def _wake_all(self) -> None:
        self._roster.wake()
        if self._director is not None:
            self._director.wake()

    async def _hear(self, event: DomainEvent) -> None:
        if isinstance(event, _OF_CAMERAS):
            self._wake_all()
        elif isinstance(event, _OF_ACCESS + _OF_RECORDING) and self._director is not None:
            self._director.wake()
        if self._revoker is not None:
            await self._revoker.hear(event)


async def again(what: str, work: Callable[[], Awaitable[object]], every_s: float) -> None:
    """Do something now and then, for ever; a failure is told and waits for the next time."""
    while True:
        try:
            await work()
        except VmsError as error:
            log.warning("upkeep_failed", what=what, code=error.code, detail=error.message)
        await asyncio.sleep(every_s)


def duties(
    house: House,
    bus: Bus,
    director: Director,
    recorder: StatusRecorder,
    revoker: StreamRevoker,
) -> tuple[Work, ...]:
    """Return what the first worker alone does."""
    relay = Relay(house.database, bus, house.clock)
    sealer = Sealer(house.database, house.vault, house.heads, house.clock)

    async def keep_house() -> None:
        await house.people.maintain()
        await house.recordings.exports.maintain()
        await house.recordings.holds.finish()
        if await house.address_keys.maintain():
            director.wake()

    async def maintain() -> None:
        await again("upkeep", keep_house, MAINTAIN_EVERY_S)

    async def look_at_streams() -> None:
        await again("streams", revoker.look, LOOK_EVERY_S)

    return (relay.run, sealer.run, director.run, recorder.run, maintain, look_at_streams)


def chores(house: House, bus: Bus, ear: Ear, roster: Roster) -> tuple[Work, ...]:
    """Return what every worker does."""
    return (Waker(house.database, bus).run, ear.run, roster.run)
