"""A process that is killed at the worst moment: nothing is lost, nothing is there twice."""

import signal
import subprocess
import sys
import textwrap

import pytest

from vms.bus import MemoryBus, Message
from vms.common import ManualClock, SystemClock
from vms.database import PLATFORM, Database
from vms.outbox import Relay, emit, read_after
from vms.outbox.model import TOPIC, decode_posted
from vms.proto.events import CameraCreated

PREAMBLE = """
import asyncio, os, signal, sys
from vms.bus import MemoryBus
from vms.common import SystemClock
from vms.database import PLATFORM, Database
from vms.outbox import Relay, emit
from vms.proto.events import CameraCreated

database = Database.open(sys.argv[1], threads=1)

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def put(unit):
    emit(unit, CameraCreated(city="sp", at_us=1, camera="a"))
"""


def killed(url: str, script: str) -> None:
    """Run a script that kills itself."""
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + textwrap.dedent(script), url],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def relay_of(database: Database, bus: MemoryBus) -> tuple[Relay, ManualClock]:
    clock = ManualClock(SystemClock().utc_us())
    return Relay(database, bus, clock), clock


async def published(bus: MemoryBus, relay: Relay) -> list[int]:
    """Return the positions that a relay publishes now."""
    async with await bus.subscribe(TOPIC) as items:
        count = await relay.relay_once()
        got = [await anext(items) for _ in range(count)]
    return [decode_posted(item.body).position for item in got if isinstance(item, Message)]


async def test_between_commit_and_publishing(database: Database, database_address: str) -> None:
    killed(
        database_address,
        """
        database.run_sync(put, PLATFORM)
        die()
        """,
    )
    bus = MemoryBus()
    relay, _ = relay_of(database, bus)
    assert await published(bus, relay) == [1]


async def test_within_the_transaction(database: Database, database_address: str) -> None:
    killed(database_address, "database.run_sync(lambda unit: (put(unit), die()), PLATFORM)")
    await database.run(
        lambda unit: emit(unit, CameraCreated(city="sp", at_us=1, camera="b")), PLATFORM
    )
    relay, _ = relay_of(database, MemoryBus())
    await relay.relay_once()
    [only] = await database.run(lambda unit: read_after(unit, 0), PLATFORM, read=True)
    assert only.event == CameraCreated(city="sp", at_us=1, camera="b")


@pytest.mark.parametrize("number", [1, 2, 3])
async def test_while_publishing(database: Database, database_address: str, number: int) -> None:
    """At the first, in the middle, and after the last before that was noted."""
    killed(
        database_address,
        f"""
        class Bus(MemoryBus):
            count = 0

            async def publish(self, topic, body):
                self.count += 1
                if self.count == {number}:
                    die()

        for _ in range(3):
            database.run_sync(put, PLATFORM)
        asyncio.run(Relay(database, Bus(), SystemClock()).relay_once())
        """,
    )
    bus = MemoryBus()
    relay, clock = relay_of(database, bus)
    assert await published(bus, relay) == [], "its lease still runs"
    clock.advance(11)
    assert await published(bus, relay) == [1, 2, 3], "at the positions they had"
    assert await published(bus, relay) == []
