"""An API worker for measurements: the real application, people who are made up.

    api_worker.py FOLDER EVENTS_A_SECOND

Serves at FOLDER/api.sock; outbox, relay and bus are in the same process, and
so is whoever changes cameras all the time. ``Bearer userN`` is a user of the
city ``sp``.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from vms.admin import SHIPPED_ROLES, CallerKind, Held, Principal, Rights, Scope
from vms.api import Wiring, create_app
from vms.api.events import OutboxSource, Place
from vms.bus import MemoryBus
from vms.common import SystemClock, UnauthenticatedError
from vms.database import PLATFORM, Database, Unit, upgrade
from vms.engine import Applied, Description, DesiredState, EventBatch, Revocation, StreamStatus
from vms.ingest import IngestWatch
from vms.outbox import Relay, Waker, emit
from vms.proto.events import CameraOnline, DomainEvent
from vms.services.api import Server, listen
from vms.services.listen import listen_unix

CAMERAS = 50
OPERATOR = Rights([Held(SHIPPED_ROLES["operador"].functions, Scope.of_city("sp"))])


class NoMedia:
    """A media process that never answers."""

    async def describe(self) -> Description:
        """Waits for ever."""
        return await _never()

    async def apply(self, desired: DesiredState) -> Applied:
        """Waits for ever."""
        return await _never(desired)

    async def revoke(self, revocation: Revocation) -> int:
        """Waits for ever."""
        return await _never(revocation)

    async def streams(self) -> tuple[StreamStatus, ...]:
        """Waits for ever."""
        return await _never()

    async def metrics(self) -> str:
        """Waits for ever."""
        return await _never()

    async def events(self, epoch: str, cursor: int) -> AsyncIterator[EventBatch]:
        """Waits for ever."""
        yield await _never(epoch, cursor)


async def _never(*_asked: object) -> Any:  # noqa: ANN401 - it returns nothing
    await asyncio.Event().wait()


class Anybody:
    """Knows everybody who says that he is a user."""

    async def principal(self, token: str) -> Principal:
        """Returns the user."""
        if not token.startswith("user"):
            raise UnauthenticatedError("say userN")
        return Principal(CallerKind.USER, token, (OPERATOR,), home="sp", user=token, session=token)

    async def renewed(self, who: Principal) -> Principal:
        """Returns the same."""
        return who

    def heard(self, event: DomainEvent) -> None:
        """Takes an event."""

    def device(self, cookie: str) -> str | None:
        """Knows no browser."""
        del cookie
        return None

    def per_minute(self, who: Principal) -> int:
        """Allows plenty."""
        return 1_000_000 if who.id else 0


class SomePlaces:
    """Cameras of one city."""

    async def places(self) -> Mapping[str, Place]:
        """Returns them."""
        return {f"camera{number}": Place("sp") for number in range(CAMERAS)}


async def change(database: Database, a_second: int) -> None:
    """Writes events evenly, one a transaction."""
    begun, done = time.monotonic(), 0
    while True:
        event = CameraOnline(
            city="sp", at_us=time.time_ns() // 1000, camera=f"camera{done % CAMERAS}"
        )

        def work(unit: Unit, event: CameraOnline = event) -> None:
            emit(unit, event)

        await database.run(work, PLATFORM)
        done += 1
        await asyncio.sleep(max(0, begun + done / a_second - time.monotonic()))


async def main(folder: Path, a_second: int) -> None:
    """Serves until it is ended."""
    clock, bus = SystemClock(), MemoryBus()
    database = Database.open(f"sqlite:///{folder / 'vms.db'}")
    await asyncio.to_thread(upgrade, database)
    app = create_app(
        Wiring(
            watch=IngestWatch(NoMedia(), DesiredState(1, ()), clock),
            clock=clock,
            gate=Anybody(),
            cursor_key=b"k" * 32,
            events=OutboxSource(database, bus),
            places=SomePlaces(),
        )
    )
    server = Server(listen(app), on_ready=lambda: print("ready", flush=True))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(Relay(database, bus, clock).run())
        tasks.create_task(Waker(database, bus).run())
        tasks.create_task(change(database, a_second))
        await server.serve(sockets=[listen_unix(folder / "api.sock")])


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
