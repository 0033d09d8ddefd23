"""CPU and time of a unit of work on both stores: the numbers of ADR 014.

    PYTHONPATH=src:tests .venv/bin/python benchmarks/database.py

CPU is this process's alone; PostgreSQL's server is another one on the same machine.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable

from sqlalchemy import create_engine, select

from databases import running_server, with_tables
from vms.database import CityScope, Database, Unit
from vms.outbox import emit
from vms.outbox.store import outbox
from vms.proto.events import CameraCreated

CALLS = 3_000
SCOPE = CityScope("sp")
ONE = "SELECT seq, city, name, body FROM outbox WHERE city = :city AND seq = :seq"
PAGE = (
    "SELECT seq, city, name, body FROM outbox WHERE city = :city AND seq > :seq "
    "ORDER BY seq LIMIT 50"
)
PLACES = {"city": "sp", "seq": 1}

_base = select(outbox.c.seq, outbox.c.city, outbox.c.name, outbox.c.body)
CORE_ONE = _base.where(outbox.c.city == "sp", outbox.c.seq == 1)
CORE_PAGE = _base.where(outbox.c.city == "sp", outbox.c.seq > 1).order_by(outbox.c.seq).limit(50)

Call = Callable[[], Awaitable[object]]


async def measure(label: str, call: Call, calls: int = CALLS) -> None:
    """Print what one call costs."""
    for _ in range(calls // 10):
        await call()
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(calls):
        await call()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(f"{label:44} {cpu / calls * 1e6:6.0f} us CPU {wall / calls * 1e6:6.0f} us")


def fill(unit: Unit) -> None:
    """Write what is read."""
    for number in range(100):
        emit(unit, CameraCreated(city="sp", at_us=number, camera=f"c{number}"))


async def measure_store(url: str) -> None:
    """Print a table of one store."""
    database = Database.open(url)
    await database.run(fill, SCOPE)

    def reading(work: Callable[[Unit], object]) -> Call:
        return lambda: database.run(work, SCOPE, read=True)

    await measure("nothing in a unit", reading(lambda _: None))
    await measure("1 row by rows()", reading(lambda unit: unit.rows(ONE, PLACES)))
    await measure("50 rows by rows()", reading(lambda unit: unit.rows(PAGE, PLACES)))
    await measure("1 row by execute()", reading(lambda unit: unit.execute(CORE_ONE).all()))
    await measure("50 rows by execute()", reading(lambda unit: unit.execute(CORE_PAGE).all()))
    event = CameraCreated(city="sp", at_us=1, camera="c")
    await measure(
        "1 row written", lambda: database.run(lambda unit: emit(unit, event), SCOPE), CALLS // 3
    )
    database.close()


async def measure_pooled(url: str) -> None:
    """Print what the usual way costs: SQLAlchemy's pool and transactions, asyncio's threads."""
    engine = create_engine(url)

    def work() -> object:
        with engine.begin() as connection:
            return connection.execute(CORE_ONE).all()

    await measure("1 row, engine.begin() in asyncio.to_thread", lambda: asyncio.to_thread(work))
    engine.dispose()


def main() -> None:
    """Measure both stores."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/vms.db"
        with_tables(url)
        print("SQLite")
        asyncio.run(measure_store(url))
        asyncio.run(measure_pooled(url))
    with running_server() as server:
        url = server.new_database()
        with_tables(url)
        print("PostgreSQL")
        asyncio.run(measure_store(url))
        asyncio.run(measure_pooled(url))


if __name__ == "__main__":
    main()
