"""A whole installation behind the API, over one database and without a media process."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
from fastapi import FastAPI

from doubles import FakeMedia
from people import TownHall
from vms.api import create_app
from vms.bus import MemoryBus
from vms.cities import CityDraft
from vms.common import ManualClock
from vms.engine import DesiredState
from vms.ingest import Bystander, IngestWatch
from vms.proto import DatabaseSettings, Launch
from vms.services.house import SYSTEM, House
from vms.services.worker import wiring_of

Headers = dict[str, str]


@dataclass
class Site:
    """What an attacker reaches, and short ways to people of it."""

    app: FastAPI
    client: httpx.AsyncClient
    hall: TownHall
    house: House

    async def enter(self, login: str, role: str, scope: str) -> Headers:
        """Make a user who has signed in, with a second factor where one is demanded."""
        await self.hall.user(login, role, scope)
        await self.hall.who(login)
        return {"Authorization": f"Bearer {(await self.hall.sign_in(login)).access}"}


@contextlib.asynccontextmanager
async def site_over(url: str, data: Path) -> AsyncIterator[Site]:
    """Put an installation with two cities together, over a database that has every table."""
    data.mkdir(exist_ok=True)
    clock = ManualClock()
    launch = Launch(data=str(data), database=DatabaseSettings(url=url, threads=2))
    house = House.open(launch, clock)
    hall = TownHall(house.database, clock)
    hall.people.close()
    hall.people = house.people
    watch = IngestWatch(FakeMedia(), DesiredState(0, ()), clock, steering=Bystander())
    try:
        await house.furnish(launch)
        for city in ("sp", "rj"):
            await house.cities.create(SYSTEM, city, CityDraft(city, "unlimited"))
        app = create_app(wiring_of(house, MemoryBus(), watch, b"k" * 32))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=None)  # type: ignore[arg-type]
        async with (
            watching(watch),
            httpx.AsyncClient(transport=transport, base_url="http://vms.test") as client,
        ):
            client.headers.update({"x-vms-client": "192.0.2.7", "user-agent": "a browser"})
            yield Site(app, client, hall, house)
    finally:
        house.close()


@contextlib.asynccontextmanager
async def watching(watch: IngestWatch) -> AsyncIterator[None]:
    """Follow the media process."""
    task = asyncio.create_task(watch.run())
    try:
        async with asyncio.timeout(5):
            while not watch.connected:
                await asyncio.sleep(0)
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
