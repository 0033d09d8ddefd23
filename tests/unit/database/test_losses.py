"""When the database does not answer, is full, is damaged or takes too long."""

import asyncio
import shutil
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from databases import TEMPLATE, Server, running_server
from vms.common import InvalidError, UnavailableError
from vms.database import PLATFORM, Database, Unit, upgrade
from vms.database.losses import Loss
from vms.database.postgres import PostgresStore
from vms.outbox import emit
from vms.proto.events import CameraCreated

Open = Callable[..., Database]
Make = Callable[..., str]


def put(unit: Unit, camera: str = "a") -> None:
    emit(unit, CameraCreated(city=None, at_us=1, camera=camera))


def count(unit: Unit) -> int:
    [(found,)] = unit.rows("SELECT count(*) FROM outbox")
    return int(found)


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A server that the test may stop."""
    with running_server() as server:
        yield server


async def test_a_server_that_stops_and_comes_back(own_server: Server, open_database: Open) -> None:
    database = open_database(own_server.new_database())
    await asyncio.to_thread(upgrade, database)
    await database.run(put, PLATFORM)
    own_server.stop()
    with pytest.raises(UnavailableError) as refused:
        await database.run(count, PLATFORM, read=True)
    assert refused.value.code == "database_unavailable"
    with pytest.raises(UnavailableError):
        await database.run(put, PLATFORM)
    await asyncio.to_thread(own_server.start)
    async with asyncio.timeout(10):
        while True:
            try:
                assert await database.run(count, PLATFORM, read=True) == 1
                break
            except UnavailableError:
                await asyncio.sleep(0.05)
    await database.run(put, PLATFORM)


async def test_a_cut_connection_costs_nobody_an_error(
    postgres: Server, new_postgres: Make, open_database: Open
) -> None:
    """The server was restarted between two calls, or an administrator cut us off."""
    url = new_postgres(TEMPLATE)
    database = open_database(url, threads=1)
    await database.run(put, PLATFORM)
    cut(postgres, url)
    await database.run(put, PLATFORM)
    assert await database.run(count, PLATFORM, read=True) == 2


async def test_a_connection_cut_within_the_work_runs_it_again(
    postgres: Server, new_postgres: Make, open_database: Open
) -> None:
    url = new_postgres(TEMPLATE)
    database = open_database(url, threads=1)
    tries: list[int] = []

    def work(unit: Unit) -> None:
        put(unit)
        tries.append(1)
        if len(tries) == 1:
            cut(postgres, url)
        put(unit)

    await database.run(work, PLATFORM)
    assert len(tries) == 2
    assert await database.run(count, PLATFORM, read=True) == 2


async def test_a_connection_cut_at_the_commit_is_told_not_repeated(
    postgres: Server, new_postgres: Make, open_database: Open
) -> None:
    """Nobody knows whether it is committed; doing it again could do it twice."""
    url = new_postgres(TEMPLATE)
    database = open_database(url, threads=1)
    tries: list[int] = []

    def work(unit: Unit) -> None:
        put(unit)
        tries.append(1)
        cut(postgres, url)

    with pytest.raises(UnavailableError) as refused:
        await database.run(work, PLATFORM)
    assert refused.value.code == "database_unavailable"
    assert len(tries) == 1


def cut(server: Server, url: str) -> None:
    """End every connection of a database, and wait until they are gone."""
    name = make_url(url).database
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
            [name],
        )


async def test_a_slow_statement_is_ended(
    new_postgres: Make, open_database: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vms.database.postgres._SESSION", "SET statement_timeout = 50")
    database = open_database(new_postgres(TEMPLATE), threads=1)
    with pytest.raises(UnavailableError) as refused:
        await database.run(lambda unit: unit.rows("SELECT pg_sleep(20)"), PLATFORM, read=True)
    assert refused.value.code == "database_timeout"
    assert await database.run(count, PLATFORM, read=True) == 0


async def test_a_server_that_nobody_listens_at_is_unavailable_at_once(
    open_database: Open, tmp_path: Path
) -> None:
    database = open_database(f"postgresql://vms@/vms?host={tmp_path}")
    for _ in range(3):
        with pytest.raises(UnavailableError) as refused:
            await database.run(count, PLATFORM, read=True)
        assert refused.value.code == "database_unavailable"
    assert "just failed" in refused.value.message


async def test_a_writer_that_never_ends_is_told_to_others(
    tmp_path: Path, open_database: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process holds SQLite's lock: readers go on, writers get told."""
    monkeypatch.setattr("vms.database.sqlite.BUSY_TIMEOUT_S", 0.02)
    path = tmp_path / "vms.db"
    database = open_database(f"sqlite:///{path}")
    upgrade(database)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(UnavailableError) as refused:
        await database.run(put, PLATFORM)
    assert refused.value.code == "database_busy"
    assert await database.run(count, PLATFORM, read=True) == 0
    other.execute("ROLLBACK")
    await database.run(put, PLATFORM)
    other.close()


async def test_a_writer_of_this_process_that_never_ends_too(
    tmp_path: Path, open_database: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vms.database.sqlite.BUSY_TIMEOUT_S", 0.02)
    database = open_database(f"sqlite:///{tmp_path / 'vms.db'}")
    upgrade(database)
    begun, go = threading.Event(), threading.Event()

    def hold(unit: Unit) -> None:
        put(unit)
        begun.set()
        assert go.wait(10)

    holding = asyncio.create_task(database.run(hold, PLATFORM))
    await asyncio.to_thread(begun.wait, 10)
    with pytest.raises(UnavailableError) as refused:
        await database.run(put, PLATFORM)
    assert refused.value.code == "database_busy"
    go.set()
    await holding
    await database.run(put, PLATFORM)
    assert await database.run(count, PLATFORM, read=True) == 2


async def test_a_file_that_is_no_database_says_so(tmp_path: Path, open_database: Open) -> None:
    (tmp_path / "vms.db").write_bytes(b"not a database, but long enough to be one" * 100)
    database = open_database(f"sqlite:///{tmp_path / 'vms.db'}")
    with pytest.raises(UnavailableError) as refused:
        await database.run(count, PLATFORM, read=True)
    assert refused.value.code == "database_damaged"


async def test_a_folder_that_is_not_there_is_unavailable(
    tmp_path: Path, open_database: Open
) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'away' / 'vms.db'}")
    with pytest.raises(UnavailableError) as refused:
        await database.run(count, PLATFORM, read=True)
    assert refused.value.code == "database_unavailable"


async def test_a_full_file_is_disk_full_and_keeps_what_was_there(
    tmp_path: Path, open_database: Open
) -> None:
    """SQLite's own limit of pages gives the same error as a full disk."""
    database = open_database(f"sqlite:///{tmp_path / 'vms.db'}", threads=1)
    upgrade(database)
    await database.run(put, PLATFORM)
    await database.run(
        lambda unit: unit.connection.exec_driver_sql("PRAGMA max_page_count = 1"), PLATFORM
    )

    def much(unit: Unit) -> None:
        for number in range(200):
            put(unit, f"{number}" * 100)

    with pytest.raises(UnavailableError) as refused:
        await database.run(much, PLATFORM)
    assert refused.value.code == "disk_full"
    assert await database.run(count, PLATFORM, read=True) == 1
    await database.run(
        lambda unit: unit.connection.exec_driver_sql("PRAGMA max_page_count = 100000"), PLATFORM
    )
    await database.run(much, PLATFORM)
    assert await database.run(count, PLATFORM, read=True) == 201


FULL_DISK = """
    import shutil, subprocess, sys
    from vms.common import UnavailableError
    from vms.database import PLATFORM, Database, upgrade
    from vms.outbox import emit
    from vms.proto.events import CameraCreated

    folder = sys.argv[1]
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], check=True)
    database = Database.open(f"sqlite:///{folder}/vms.db", threads=1)
    upgrade(database)

    def put(unit):
        for number in range(100):
            emit(unit, CameraCreated(city=None, at_us=1, camera="x" * 1000))

    done = 0
    try:
        while done < 1000:
            database.run_sync(put, PLATFORM)
            done += 1
    except UnavailableError as error:
        print(error.code)
    [(found,)] = database.run_sync(
        lambda unit: unit.rows("SELECT count(*) FROM outbox"), PLATFORM, read=True
    )
    assert found == 100 * done, (found, done)
    # Room again: the same database goes on.
    subprocess.run(["mount", "-o", "remount,size=16m", folder], check=True)
    database.run_sync(put, PLATFORM)
    print("goes on")
    database.close()
"""


def can_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    tried = subprocess.run(
        ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False
    )
    return tried.returncode == 0


@pytest.mark.skipif(not can_mount(), reason="a disk of its own needs the right to mount")
def test_a_full_disk_is_told_and_what_was_committed_is_there(tmp_path: Path) -> None:
    done = subprocess.run(
        ["unshare", "-m", sys.executable, "-c", textwrap.dedent(FULL_DISK), tmp_path],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout.split("\n")[:2] == ["disk_full", "goes on"], done.stderr


@pytest.mark.parametrize(
    ("error", "loss"),
    [
        (psycopg.errors.DiskFull(), Loss.FULL),
        (psycopg.errors.TooManyConnections(), Loss.GONE),
        (psycopg.errors.CannotConnectNow(), Loss.GONE),
        (psycopg.errors.ReadOnlySqlTransaction(), Loss.GONE),
        (psycopg.errors.ConnectionException(), Loss.GONE),
        (psycopg.errors.DeadlockDetected(), Loss.RACE),
        (psycopg.errors.LockNotAvailable(), Loss.RACE),
        (psycopg.errors.DataCorrupted(), Loss.DAMAGED),
        (psycopg.errors.UniqueViolation(), None),
        (psycopg.errors.SyntaxError(), None),
        (psycopg.OperationalError("the connection is closed"), Loss.GONE),
        (psycopg.ProgrammingError("no result"), None),
        (ValueError(), None),
    ],
)
def test_what_the_server_says_is_understood(error: Exception, loss: Loss | None) -> None:
    assert PostgresStore(make_url("postgresql+psycopg://h/d")).loss(error) is loss


@pytest.mark.parametrize(
    "url", ["mysql://h/d", "sqlite:///:memory:", "sqlite://", "nonsense", "postgresql+asyncpg:/"]
)
def test_addresses_that_are_none_are_refused(url: str) -> None:
    with pytest.raises(InvalidError) as refused:
        Database.open(url)
    assert refused.value.code == "database_url"


def test_a_refused_address_does_not_tell_its_password() -> None:
    with pytest.raises(InvalidError) as refused:
        Database.open("mysql://vms:hunter2@h/d")
    assert "hunter2" not in f"{refused.value.message} {refused.value.values}"
