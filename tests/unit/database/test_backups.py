"""Backups: whole, checked, and put back."""

import sqlite3
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from databases import TEMPLATE
from vms.common import ConflictError, InternalError, InvalidError, NotFoundError, UnavailableError
from vms.database import (
    PLATFORM,
    Database,
    Unit,
    Vault,
    backup,
    check_vault,
    hold_folder,
    require_current,
    restore,
    upgrade,
)
from vms.outbox import emit
from vms.proto.events import CameraCreated

Open = Callable[..., Database]
Make = Callable[..., str]


def put(database: Database, *cameras: str) -> None:
    def work(unit: Unit) -> None:
        for camera in cameras:
            emit(unit, CameraCreated(city="sp", at_us=1, camera=camera))

    database.run_sync(work, PLATFORM)


def count(database: Database) -> int:
    [(found,)] = database.run_sync(
        lambda unit: unit.rows("SELECT count(*) FROM outbox"), PLATFORM, read=True
    )
    return int(found)


def test_a_backup_brings_back_what_was_there(
    database: Database, database_address: str, open_database: Open, tmp_path: Path
) -> None:
    """Rows of every city, and the protection of tables, on both stores."""
    put(database, "a", "b")
    copy, aside = tmp_path / "out" / "copy", tmp_path / "aside"
    backup(database, copy)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert [path.name for path in copy.parent.iterdir()] == ["copy"], "one file, nothing beside it"
    put(database, "c")
    database.close()
    assert restore(database_address, copy, aside).is_current
    again = open_database(database_address)
    assert count(again) == 2
    put(again, "d")
    require_current(again)
    again.close()
    # What was replaced is a backup too.
    restore(database_address, aside, tmp_path / "aside2")
    assert count(open_database(database_address)) == 3


def test_a_backup_is_one_moment_while_others_write(
    database: Database, database_address: str, open_database: Open, tmp_path: Path
) -> None:
    """Each transaction writes two rows: an odd number would be half of one."""
    stop = threading.Event()
    other = open_database(database_address)

    def write() -> None:
        while not stop.is_set():
            put(other, "x", "y")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        backup(database, tmp_path / "copy")
    finally:
        stop.set()
        writer.join()
    database.close()
    other.close()
    restore(database_address, tmp_path / "copy", tmp_path / "aside")
    assert count(open_database(database_address)) % 2 == 0


def test_a_backup_replaces_nothing(database: Database, tmp_path: Path) -> None:
    (tmp_path / "copy").write_text("mine")
    with pytest.raises(ConflictError) as refused:
        backup(database, tmp_path / "copy")
    assert refused.value.code == "backup_exists"
    assert (tmp_path / "copy").read_text() == "mine"


def test_an_empty_database_has_nothing_to_copy(
    empty_url: str, open_database: Open, tmp_path: Path
) -> None:
    with pytest.raises(NotFoundError) as refused:
        backup(open_database(empty_url), tmp_path / "copy")
    assert refused.value.code == "backup_nothing"


def test_what_is_no_backup_is_refused_and_nothing_is_touched(
    database: Database, database_address: str, open_database: Open, tmp_path: Path
) -> None:
    put(database, "a")
    database.close()
    (tmp_path / "rubbish").write_bytes(b"rubbish" * 1000)
    rubbish = {"backup_damaged", "program_failed"}
    for source, code in (("rubbish", rubbish), ("none", {"backup_missing"})):
        with pytest.raises((InvalidError, NotFoundError)) as refused:
            restore(database_address, tmp_path / source, tmp_path / "aside")
        assert refused.value.code in code
    assert count(open_database(database_address)) == 1
    assert not (tmp_path / "aside").exists()


@pytest.fixture
def file(tmp_path: Path, open_database: Open) -> Path:
    """A file of SQLite with rows in it."""
    database = open_database(f"sqlite:///{tmp_path / 'vms.db'}")
    upgrade(database)
    put(database, *(f"{number:0400}" for number in range(100)))
    database.close()
    return tmp_path / "vms.db"


def test_a_damaged_backup_is_refused(file: Path, tmp_path: Path, open_database: Open) -> None:
    copy = tmp_path / "copy"
    backup(open_database(f"sqlite:///{file}"), copy)
    whole = copy.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[:8192] + b"\xff" * 4096 + whole[12288:]):
        copy.write_bytes(damaged)
        with pytest.raises(InvalidError) as refused:
            restore(f"sqlite:///{file}", copy, tmp_path / "aside")
        assert refused.value.code == "backup_damaged"


def test_a_damaged_file_can_be_replaced(file: Path, tmp_path: Path, open_database: Open) -> None:
    copy = tmp_path / "copy"
    database = open_database(f"sqlite:///{file}")
    backup(database, copy)
    database.close()
    file.write_bytes(b"rubbish" * 1000)
    restore(f"sqlite:///{file}", copy, tmp_path / "aside")
    assert count(open_database(f"sqlite:///{file}")) == 100
    assert (tmp_path / "aside").read_bytes() == b"rubbish" * 1000


def test_a_log_that_was_left_is_not_read_into_the_backup(
    file: Path, tmp_path: Path, open_database: Open
) -> None:
    """A killed process leaves commits in the log beside the file."""
    copy = tmp_path / "copy"
    database = open_database(f"sqlite:///{file}")
    backup(database, copy)
    put(database, "late")
    assert file.with_name("vms.db-wal").stat().st_size > 0
    # Not closed: closing would empty the log.
    restore(f"sqlite:///{file}", copy, tmp_path / "aside")
    assert count(open_database(f"sqlite:///{file}")) == 100
    assert count(open_database(f"sqlite:///{tmp_path / 'aside'}")) == 101


def test_a_log_beside_a_backup_is_restored_with_it(
    file: Path, tmp_path: Path, open_database: Open
) -> None:
    """What was put aside after a crash has its newest commits in a log."""
    database = open_database(f"sqlite:///{file}")
    put(database, "late")
    restored = f"sqlite:///{tmp_path / 'restored.db'}"
    # Not closed: closing would empty the log.
    assert restore(restored, file, tmp_path / "aside").is_current
    assert sorted(path.name for path in tmp_path.glob("*restored*")) == ["restored.db"]
    assert count(open_database(restored)) == 101
    assert count(database) == 101, "the backup stays as it was"


def test_threads_that_close_at_once_leave_no_log(file: Path, open_database: Open) -> None:
    """The last one puts the log into the file, so the file alone is the whole database."""
    threads = 8
    for _ in range(40):
        database = open_database(f"sqlite:///{file}", threads)
        together = threading.Barrier(threads)
        asking = [
            threading.Thread(
                target=lambda all_=together, asked=database: asked.run_sync(
                    lambda unit: (unit.rows("SELECT count(*) FROM outbox"), all_.wait(10)),
                    PLATFORM,
                    read=True,
                )
            )
            for _ in range(threads)
        ]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
        put(database, "late")
        database.close()
        assert not file.with_name("vms.db-wal").exists()


def newer(path: Path) -> None:
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.close()


def test_a_newer_backup_is_refused(file: Path, tmp_path: Path, open_database: Open) -> None:
    copy = tmp_path / "copy"
    backup(open_database(f"sqlite:///{file}"), copy)
    newer(copy)
    with pytest.raises(ConflictError) as refused:
        restore(f"sqlite:///{file}", copy, tmp_path / "aside")
    assert refused.value.code == "schema_newer"


def test_a_newer_dump_is_refused(new_postgres: Make, tmp_path: Path, open_database: Open) -> None:
    url = new_postgres(TEMPLATE)
    database = open_database(url)
    database.run_sync(
        lambda unit: unit.connection.exec_driver_sql(
            "UPDATE alembic_version SET version_num = '9999'"
        ),
        PLATFORM,
    )
    backup(database, tmp_path / "copy")
    database.close()
    with pytest.raises(ConflictError) as refused:
        restore(url, tmp_path / "copy", tmp_path / "aside")
    assert refused.value.code == "schema_newer"


def test_a_server_in_use_is_not_restored(
    new_postgres: Make, tmp_path: Path, open_database: Open
) -> None:
    url = new_postgres(TEMPLATE)
    database = open_database(url)
    backup(database, tmp_path / "copy")
    with pytest.raises(ConflictError) as refused:
        restore(url, tmp_path / "copy", tmp_path / "aside")
    assert refused.value.code == "database_in_use"


def test_without_the_servers_programs_it_says_what_to_install(
    new_postgres: Make, tmp_path: Path, open_database: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnavailableError) as refused:
        backup(open_database(new_postgres(TEMPLATE)), tmp_path / "copy")
    assert refused.value.code == "program_missing"
    assert list(tmp_path.iterdir()) == [], "no half of a file is left"


def test_one_process_holds_the_folder(tmp_path: Path) -> None:
    with hold_folder(tmp_path):
        with pytest.raises(ConflictError) as refused, hold_folder(tmp_path):
            pass
        assert refused.value.code == "data_in_use"
    with hold_folder(tmp_path):
        pass


def test_a_wrong_secret_key_is_noticed_at_the_start(database: Database) -> None:
    one, other = bytes([1]) * 32, bytes([2]) * 32
    check_vault(database, Vault([one]))
    check_vault(database, Vault([one]))
    with pytest.raises(InternalError) as refused:
        check_vault(database, Vault([other]))
    assert refused.value.code == "secret_key_unknown"
    check_vault(database, Vault([other, one]))
    check_vault(database, Vault([other]))
