"""The services of recordings over a database with two cities, each with a camera."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from recorder import BEGIN_US, FakeRecorder
from things import person
from vms.admin import Function, Principal, system_principal
from vms.cameras import Cameras, NewCamera, RosterEntry, camera_groups
from vms.cities import (
    UNLIMITED_PLAN,
    CameraGroupDraft,
    CameraGroups,
    Cities,
    CityDraft,
    CityPlaces,
    Quota,
    Quotas,
    Surroundings,
)
from vms.common import ManualClock
from vms.database import PLATFORM, Database, Vault
from vms.proto.events import DomainEvent, decode_event
from vms.recording import Recordings

SYSTEM = system_principal("test")
VAULT = Vault([bytes(range(32))])
HOUR_US = 3_600_000_000


def manager(city: str = "sp", name: str = "ana") -> Principal:
    """Return somebody who may do everything with the recordings of a city."""
    functions = frozenset(Function)
    return person(name, f"city:{city}", functions)


def watcher(scope: str = "city:sp", *functions: Function) -> Principal:
    """Return somebody who holds these functions alone."""
    return person("bruno", scope, frozenset(functions))


@dataclass
class Studio:
    """The services, what is behind them, and short looks at what they left."""

    database: Database
    clock: ManualClock
    recorder: FakeRecorder
    recordings: Recordings
    cameras: Cameras
    group: str
    data: Path

    async def roster(self) -> dict[str, RosterEntry]:
        """Every camera."""
        return dict(await self.cameras.roster())

    def events(self) -> list[DomainEvent]:
        """What was told, but for cameras and cities."""
        rows = self.database.run_sync(
            lambda unit: unit.rows("SELECT body FROM outbox ORDER BY seq"), PLATFORM, read=True
        )
        found = [decode_event(body) for (body,) in rows]
        return [one for one in found if type(one).__module__.endswith("events.recording")]

    def lines(self) -> list[tuple[str, str, str]]:
        """The audit: actor, action, object; without what made the place."""
        rows = self.database.run_sync(
            lambda unit: unit.rows(
                "SELECT actor, action, object FROM audit_lines WHERE actor <> :own ORDER BY id",
                {"own": SYSTEM.actor},
            ),
            PLATFORM,
            read=True,
        )
        return [tuple(row) for row in rows]


async def until(what: Callable[[], object], limit_s: float = 5) -> None:
    """Wait until something is true."""
    async with asyncio.timeout(limit_s):
        while not what():
            await asyncio.sleep(0.002)


@pytest.fixture
async def studio(database: Database, tmp_path: Path) -> Studio:
    """Two cities: `sp` on the plan `basic` (7 days, 10 clips) in São Paulo, `rj` unlimited."""
    clock = ManualClock(BEGIN_US + 100 * HOUR_US)
    around = Surroundings()
    places, quotas = CityPlaces(camera_groups), Quotas(around)
    cities = Cities(database, clock, around)
    await cities.create(
        SYSTEM, "sp", CityDraft(name="SP", plan="basic", time_zone="America/Sao_Paulo")
    )
    await cities.create(SYSTEM, "rj", CityDraft(name="RJ", plan=UNLIMITED_PLAN))
    group = await CameraGroups(database, clock, around).create(
        SYSTEM, "sp", CameraGroupDraft("North")
    )
    cameras = Cameras(database, VAULT, clock, _Enough(), places)
    url = "rtsp://192.0.2.1/main"
    for city, name, groups in (("sp", "gate", (group.id,)), ("sp", "yard", ()), ("rj", "pier", ())):
        new = NewCamera(id=name, name=name, city=city, url=url, sub_url=f"{url}/sub", groups=groups)
        await cameras.create(SYSTEM, new)
    recorder = FakeRecorder()
    recordings = Recordings.open(
        database,
        VAULT,
        clock,
        cities=places,
        clips=quotas.of(Quota.CLIPS),
        engine=recorder,
        data=tmp_path / "data",
    )
    return Studio(database, clock, recorder, recordings, cameras, group.id, tmp_path / "data")


class _Enough:
    """No limit of cameras."""

    def check(self, unit: object, city: str, used: int) -> None:
        """Allow."""
        assert unit
        assert city
        assert used >= 0
