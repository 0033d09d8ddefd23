"""What an installation hears of itself, and what it does then."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from doubles import FakeMedia
from vms.bus import MemoryBus
from vms.common import SystemClock
from vms.database import PLATFORM
from vms.engine import DesiredState, Revocation
from vms.ingest import Bystander, Director, IngestWatch, Roster
from vms.outbox import Relay, emit
from vms.proto import Launch
from vms.proto.events import CameraUpdated, DomainEvent, SessionRevoked
from vms.services import first_start
from vms.services.house import House
from vms.services.keeper import Ear
from vms.streaming import StreamRevoker

CLOCK = SystemClock()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    launch = Launch(data=str(tmp_path))
    await first_start.prepare(launch, CLOCK)
    made = House.open(launch, CLOCK)
    yield made
    made.close()


class Quarters:
    """An ear with everything it calls, on one bus."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.bus = MemoryBus()
        self.media = FakeMedia()
        self.reads = 0
        watch = IngestWatch(self.media, DesiredState(0, ()), CLOCK, steering=Bystander())
        self.director = Director(self.media, self.read)
        self.ear = Ear(house, self.bus, Roster(house.cameras.roster, watch))
        self.ear.direct(self.director, StreamRevoker(self.media, house.rights))
        self.relay = Relay(house.database, self.bus, CLOCK)

    async def read(self) -> DesiredState:
        self.reads += 1
        return await self.house.desired(lambda _until: None)

    async def tell(self, event: DomainEvent) -> None:
        await self.house.database.run(lambda unit: emit(unit, event), PLATFORM)
        await self.relay.relay_once()


@pytest.fixture
async def quarters(house: House) -> AsyncIterator[Quarters]:
    made = Quarters(house)
    # What the first start told of is past.
    while await made.relay.relay_once():
        pass
    works = [asyncio.create_task(made.ear.run()), asyncio.create_task(made.director.run())]
    await until(lambda: made.reads > 0)
    yield made
    for work in works:
        work.cancel()
    await asyncio.gather(*works, return_exceptions=True)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


async def test_a_changed_camera_makes_the_director_read_anew(quarters: Quarters) -> None:
    before = quarters.reads
    await quarters.tell(CameraUpdated(city="local", at_us=1, camera="gate"))
    await until(lambda: quarters.reads > before)


async def test_a_revoked_session_is_cut(quarters: Quarters) -> None:
    await quarters.tell(SessionRevoked(city="local", at_us=1, user="ana", session="s1"))
    await until(lambda: quarters.media.revoked == [Revocation(session="s1")])


async def test_what_the_media_process_did_not_hear_is_told_it_again(quarters: Quarters) -> None:
    quarters.media.away = True
    await quarters.tell(SessionRevoked(city="local", at_us=1, user="ana", session="s1"))
    await quarters.tell(SessionRevoked(city="local", at_us=2, user="bia", session="s2"))
    await asyncio.sleep(0)
    assert quarters.media.revoked == []
    quarters.media.away = False
    told = [Revocation(session="s1"), Revocation(session="s2")]
    await until(lambda: quarters.media.revoked == told)
