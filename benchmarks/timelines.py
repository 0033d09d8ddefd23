"""Timelines of 30 days from the catalogue: one camera, then a hundred, with their encoding.

    PYTHONPATH=src:tests .venv/bin/python benchmarks/timelines.py [sqlite|postgresql]

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


async def measure(kind: str) -> None:
    """Fill a database and print what timelines cost."""
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
        for count, target in ((1, 50), (CAMERAS, 300)):
            for zoom in (0, PIXEL_US):
                await show(recordings, names[:count], zoom, target, kind)
        database.close()


async def show(recordings: Recordings, names: list[str], zoom: int, target: int, kind: str) -> None:
    """Print one measure."""
    took, cpu, size = [], [], 0
    for _ in range(ROUNDS):
        begun, used = time.perf_counter(), time.process_time()
        found = await recordings.timelines.many(
            SYSTEM, names, StreamName.MAIN, BEGIN_US, END_US, zoom
        )
        size = len(msgspec.json.encode(found))
        took.append((time.perf_counter() - begun) * 1e3)
        cpu.append((time.process_time() - used) * 1e3)
    middle, worst = statistics.median(took), max(took)
    at = "a pixel of 27 min" if zoom else "every span"
    print(
        f"{kind:10} {len(names):3} cameras, {at:17}: {middle:6.1f} ms, at most {worst:6.1f}, "
        f"CPU {statistics.median(cpu):6.1f} ms, {size / 1024:7.1f} KiB (target < {target} ms)"
    )


if __name__ == "__main__":
    for one in sys.argv[1:] or ("sqlite", "postgresql"):
        asyncio.run(measure(one))
