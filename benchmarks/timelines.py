"""Timelines of 30 days from the catalogue: one camera, then a hundred, with their encoding.

Every camera has an hour file an hour, a gap a day and triggers an hour; the
targets are those of the design: 50 ms for one camera, 300 ms for a hundred.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

from databases import running_server, with_tables
from recorder import BEGIN_US, HOUR_US, gap, part
from vms.admin import system_principal
from vms.cameras import Cameras, NewCamera, camera_groups
from vms.cities import UNLIMITED_PLAN, Cities, CityDraft, CityPlaces, Quota, Quotas, Surroundings
from vms.common import StreamName, SystemClock
from vms.database import Database, Vault
from vms.engine.recording import Inventory
from vms.recording import AwayEngine, Recordings

CAMERAS, HOURS, ROUNDS = 100, 30 * 24, 15
SYSTEM = system_principal("benchmark")
PIXEL_US = 30 * 24 * HOUR_US // 1600
END_US = BEGIN_US + HOURS * HOUR_US


@contextmanager
def store(kind: str) -> Iterator[str]:
    """The address of a database with every table."""
    if kind == "postgresql":
        with running_server() as server:
            url = server.new_database()
            with_tables(url)
            yield url
        return
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'vms.db'}"
        with_tables(url)
        yield url


def recorded(camera: str) -> Inventory:
    """Thirty days of one camera, with an hour missing each day."""
    minute = 60_000_000
    parts = []
    for hour in range(HOURS):
        if hour % 24 == 7:
            continue
        begin = BEGIN_US + hour * HOUR_US
        events = tuple((begin + n * 9 * minute, begin + (n * 9 + 1) * minute) for n in range(6))
        parts.append(part(camera, hour, events=events))
    gaps = [gap(camera, hour) for hour in range(7, HOURS, 24)]
    return Inventory(tuple(parts), tuple(gaps))


def measured(kind: str) -> str:
    """What timelines cost on a store."""
    return asyncio.run(measure(kind))


async def measure(kind: str) -> str:
    """Fill a database and look."""
    with store(kind) as url, tempfile.TemporaryDirectory() as data:
        database, clock = Database.open(url, threads=2), SystemClock()
        places, quotas = CityPlaces(camera_groups), Quotas(Surroundings())
        cities = Cities(database, clock, Surroundings())
        zone = "America/Sao_Paulo"
        await cities.create(SYSTEM, "sp", CityDraft(name="SP", plan=UNLIMITED_PLAN, time_zone=zone))
        vault = Vault([bytes(32)])
        cameras = Cameras(database, vault, clock, quotas.of(Quota.CAMERAS), places)
        recordings = Recordings.open(
            database,
            vault,
            clock,
            cities=places,
            clips=quotas.of(Quota.CLIPS),
            engine=AwayEngine(),
            data=Path(data),
        )
        names = [f"c{number:03}" for number in range(CAMERAS)]
        for name in names:
            new = NewCamera(id=name, name=name, city="sp", url="rtsp://192.0.2.1/x")
            await cameras.create(SYSTEM, new)
            time_ = (0, END_US)
            await recordings.catalogue.put("sp", name, time_, recorded(name), announce=False)
        said = [
            await look(recordings, names[:count], zoom)
            for count in (1, CAMERAS)
            for zoom in (PIXEL_US, 0)
        ]
        database.close()
    return "; ".join(said)


async def look(recordings: Recordings, names: list[str], zoom: int) -> str:
    """One measure."""
    took, cpu, size = [], [], 0
    for _ in range(ROUNDS):
        begun, used = time.perf_counter(), time.process_time()
        found = await recordings.timelines.many(
            SYSTEM, names, StreamName.MAIN, BEGIN_US, END_US, zoom
        )
        size = len(msgspec.json.encode(found))
        took.append((time.perf_counter() - begun) * 1e3)
        cpu.append((time.process_time() - used) * 1e3)
    at = "27 min a pixel" if zoom else "every span"
    return (
        f"{len(names)} at {at}: {statistics.median(took):.1f} ms (at most {max(took):.1f}, "
        f"{statistics.median(cpu):.1f} of CPU, {size / 1024:.0f} KiB)"
    )
