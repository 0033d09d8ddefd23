"""Units of work: all or nothing, on both stores."""

import asyncio
import contextlib
import threading
from collections.abc import Callable

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, insert, select, update
from sqlalchemy.exc import IntegrityError

from vms.common import (
    ConflictError,
    InternalError,
    InvalidError,
    NotFoundError,
    UnavailableError,
)
from vms.database import PLATFORM, CityScope, Database, Unit, insert_unique, update_versioned

things = Table(
    "things",
    MetaData(),
    Column("id", String(20), primary_key=True),
    Column("number", Integer, nullable=False),
    Column("version", Integer, nullable=False),
)


@pytest.fixture
def stocked(database: Database) -> Database:
    def make(unit: Unit) -> None:
        things.metadata.create_all(unit.connection)
        unit.execute(insert(things), [{"id": "a", "number": 0, "version": 1}])

    database.run_sync(make, PLATFORM)
    return database


def number_of(unit: Unit, name: str = "a") -> int | None:
    found: int | None = unit.execute(
        select(things.c.number).where(things.c.id == name)
    ).scalar_one_or_none()
    return found


async def test_work_is_committed_and_its_value_returned(stocked: Database) -> None:
    def work(unit: Unit) -> int:
        unit.execute(update(things).values(number=7))
        return 42

    assert await stocked.run(work, PLATFORM) == 42
    assert await stocked.run(number_of, PLATFORM, read=True) == 7


async def test_work_that_raises_leaves_nothing(stocked: Database) -> None:
    def work(unit: Unit) -> None:
        unit.execute(update(things).values(number=7))
        raise InvalidError("no")

    with pytest.raises(InvalidError, match="no"):
        await stocked.run(work, PLATFORM)
    assert await stocked.run(number_of, PLATFORM, read=True) == 0


async def test_a_swallowed_error_is_not_taken_for_success(stocked: Database) -> None:
    """PostgreSQL would answer COMMIT with a silent rollback; SQLite undoes the statement alone."""

    def work(unit: Unit) -> None:
        unit.execute(update(things).values(number=7))
        with contextlib.suppress(IntegrityError):
            unit.execute(insert(things).values(id="a", number=0, version=1))

    if stocked.store.name == "sqlite":
        await stocked.run(work, PLATFORM)
        assert await stocked.run(number_of, PLATFORM, read=True) == 7
        return
    with pytest.raises(InternalError, match="had failed"):
        await stocked.run(work, PLATFORM)
    assert await stocked.run(number_of, PLATFORM, read=True) == 0


async def test_rows_are_plain_tuples_of_plain_sql(stocked: Database) -> None:
    sql = "SELECT id, number FROM things WHERE id = :name AND id LIKE '%a' AND number < :most"

    def work(unit: Unit) -> list[tuple[object, ...]]:
        return unit.rows(sql, {"name": "a", "most": 5})

    assert await stocked.run(work, PLATFORM, read=True) == [("a", 0)]


async def test_a_read_that_writes_is_refused(stocked: Database) -> None:
    with pytest.raises(Exception, match=r"(?i)read-?only"):
        await stocked.run(
            lambda unit: unit.execute(update(things).values(number=1)), PLATFORM, read=True
        )
    assert await stocked.run(number_of, PLATFORM, read=True) == 0


async def test_a_unit_ends_with_its_transaction(stocked: Database) -> None:
    unit = await stocked.run(lambda unit: unit, PLATFORM, read=True)
    with pytest.raises(InternalError, match="ended"):
        unit.rows("SELECT 1")


def test_work_inside_work_is_refused(stocked: Database) -> None:
    with pytest.raises(InternalError, match="must use its unit"):
        stocked.run_sync(lambda _: stocked.run_sync(number_of, PLATFORM), PLATFORM)


async def test_a_race_of_two_writers_is_run_again_and_both_are_applied(stocked: Database) -> None:
    """Both have read before either writes, where the store lets them."""
    together = threading.Barrier(2)
    attempts: list[str] = []

    def add(name: str) -> Callable[[Unit], None]:
        def work(unit: Unit) -> None:
            attempts.append(name)
            seen = number_of(unit)
            assert seen is not None
            if unit.store == "postgresql" and attempts.count(name) == 1:
                together.wait(5)
            unit.execute(update(things).values(number=seen + 1))

        return work

    await asyncio.gather(stocked.run(add("x"), PLATFORM), stocked.run(add("y"), PLATFORM))
    assert await stocked.run(number_of, PLATFORM, read=True) == 2
    if stocked.store.name == "postgresql":
        assert len(attempts) == 3, "one lost and was run again, alone"


async def test_many_writers_of_one_row_all_win(
    stocked: Database, database_address: str, open_database: Callable[..., Database]
) -> None:
    """Two processes' worth of threads: nobody starves, nothing is lost."""
    other = open_database(database_address, threads=4)

    def add(unit: Unit) -> None:
        seen = number_of(unit)
        assert seen is not None
        unit.execute(update(things).values(number=seen + 1))

    await asyncio.gather(*(base.run(add, PLATFORM) for _ in range(40) for base in (stocked, other)))
    assert await stocked.run(number_of, PLATFORM, read=True) == 80


async def test_a_check_holds_until_the_change_is_done(stocked: Database) -> None:
    """Write skew: each sees room for one more, only one may have it."""
    together = threading.Barrier(2)
    tried: set[str] = set()

    def add(name: str) -> Callable[[Unit], bool]:
        def work(unit: Unit) -> bool:
            [(count,)] = unit.rows("SELECT count(*) FROM things")
            if unit.store == "postgresql" and name not in tried:
                tried.add(name)
                together.wait(5)
            if count >= 2:
                return False
            unit.execute(insert(things).values(id=name, number=0, version=1))
            return True

        return work

    done = await asyncio.gather(stocked.run(add("b"), PLATFORM), stocked.run(add("c"), PLATFORM))
    assert sorted(done) == [False, True]


async def test_who_stops_waiting_keeps_others_going(stocked: Database) -> None:
    begun, go = threading.Event(), threading.Event()

    def work(unit: Unit) -> None:
        unit.execute(update(things).values(number=5))
        begun.set()
        assert go.wait(5)

    task = asyncio.create_task(stocked.run(work, PLATFORM))
    await asyncio.to_thread(begun.wait, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go.set()
    # What has begun is finished; the same thread does what comes next.
    await stocked.run(lambda unit: unit.execute(update(things).values(version=9)), PLATFORM)
    assert await stocked.run(number_of, PLATFORM, read=True) == 5


async def test_listeners_hear_of_commits_only(stocked: Database) -> None:
    heard: list[str] = []
    stocked.on_commit("mark", lambda: heard.append("mark"))

    def work(unit: Unit, *, fail: bool) -> None:
        unit.mark("mark")
        if fail:
            raise InvalidError("no")

    with pytest.raises(InvalidError):
        await stocked.run(lambda unit: work(unit, fail=True), PLATFORM)
    assert heard == []
    await stocked.run(lambda unit: work(unit, fail=False), PLATFORM)
    assert heard == ["mark"]


async def test_a_closed_database_says_so(stocked: Database) -> None:
    stocked.close()
    with pytest.raises(UnavailableError, match="closed"):
        await stocked.run(number_of, PLATFORM)


async def test_unique_keys_become_the_error_of_the_context(stocked: Database) -> None:
    taken = ConflictError("taken", code="login_taken")

    def work(unit: Unit) -> None:
        insert_unique(unit, things, {"id": "a", "number": 1, "version": 1}, taken)

    with pytest.raises(ConflictError, match="taken"):
        await stocked.run(work, PLATFORM)

    def incomplete(unit: Unit) -> None:
        insert_unique(unit, things, {"id": "b", "version": 1}, taken)

    with pytest.raises(IntegrityError):
        await stocked.run(incomplete, PLATFORM)


@pytest.fixture
def change(stocked: Database) -> Callable[..., int]:
    def run(version: int | None, name: str = "a") -> int:
        return stocked.run_sync(
            lambda unit: update_versioned(unit, things, {"id": name}, version, {"number": 3}),
            PLATFORM,
        )

    return run


def test_a_change_names_the_version_it_saw(change: Callable[..., int]) -> None:
    assert change(1) == 2
    with pytest.raises(ConflictError) as refused:
        change(1)
    assert refused.value.code == "version_conflict"
    assert refused.value.values == {"version": 2}
    assert change(None) == 3
    with pytest.raises(NotFoundError):
        change(1, "nobody")


async def test_row_security_hides_other_cities(database: Database) -> None:
    """On PostgreSQL a statement that forgot its WHERE still sees one city only."""

    def put(unit: Unit, city: str | None) -> None:
        unit.execute(
            OUTBOX.insert().values(city=city, name="x", body="{}", at_us=0),
        )

    for city in ("sp", "rio"):
        await database.run(lambda unit, city=city: put(unit, city), CityScope(city))
    await database.run(lambda unit: put(unit, None), PLATFORM)

    def cities(unit: Unit) -> list[tuple[object, ...]]:
        return unit.rows("SELECT city FROM outbox ORDER BY seq")

    assert await database.run(cities, PLATFORM, read=True) == [("sp",), ("rio",), (None,)]
    if database.store.name == "postgresql":
        assert await database.run(cities, CityScope("sp"), read=True) == [("sp",)]
        assert await database.run(cities, CityScope("*x"), read=True) == []
        with pytest.raises(Exception, match="row-level security"):
            await database.run(lambda unit: put(unit, "rio"), CityScope("sp"))
        deleted = await database.run(
            lambda unit: unit.execute(OUTBOX.delete()).rowcount, CityScope("sp")
        )
        assert deleted == 1


OUTBOX = Table(
    "outbox",
    MetaData(),
    Column("seq", Integer, primary_key=True),
    Column("city", String),
    Column("name", String),
    Column("body", String),
    Column("at_us", Integer),
)
