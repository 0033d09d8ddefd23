"""Backups: one file each, made while the product runs, checked before it counts."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from vms.common import ConflictError, InvalidError, NotFoundError
from vms.database import postgres_backup
from vms.database.database import Database, store_of
from vms.database.migrate import SchemaState, refuse_newer, schema_state, state_at, upgrade
from vms.database.sqlite import SqliteStore

FOLDER = "backups"


def backup_name(why: str, suffix: str) -> str:
    """Return a name for a backup made now, such as ``vms-20260131-120000.db``."""
    return f"{why}-{datetime.now(UTC):%Y%m%d-%H%M%S}{suffix}"


def file_of(url: str) -> Path | None:
    """Return the file of a database that is one."""
    store = store_of(url)
    return store.path if isinstance(store, SqliteStore) else None


def suffix_of(url: str) -> str:
    """Return how the names of a database's backups end."""
    return ".dump" if file_of(url) is None else ".db"


def backup(database: Database, target: Path) -> None:
    """Copy the whole database into the file ``target``, which must not be there yet."""
    if target.exists():
        raise ConflictError(
            f"{target} is there already; a backup replaces nothing",
            code="backup_exists",
            values={"file": str(target)},
        )
    if not schema_state(database).current:
        raise NotFoundError("the database is empty", code="backup_nothing")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    store = database.store
    if isinstance(store, SqliteStore):
        _written(target, lambda new: _copy_file(store, new))
    else:
        _written(target, lambda new: postgres_backup.dump(store.url, new))


def restore(url: str, source: Path, aside: Path) -> SchemaState:
    """Replace the whole database by a backup; nobody may use it meanwhile.

    What was there before is put ``aside``. Returns the backup's schema; an older
    one is to be upgraded.
    """
    if not source.is_file():
        raise NotFoundError(
            f"{source}: there is no such file",
            code="backup_missing",
            values={"file": str(source)},
        )
    aside.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    store = store_of(url)
    if isinstance(store, SqliteStore):
        return _replace_file(store.path, source, aside)
    state = state_at(postgres_backup.version_of(source))
    refuse_newer(state)
    postgres_backup.refuse_running(store.url)
    _written(aside, lambda new: postgres_backup.dump(store.url, new))
    postgres_backup.restore(store.url, source)
    return state


def ensure_current(database: Database, backups: Path) -> SchemaState:
    """Upgrade an older schema; return what it was. A file of SQLite is copied before."""
    before = schema_state(database)
    refuse_newer(before)
    if before.is_current:
        return before
    if before.current and isinstance(database.store, SqliteStore):
        backup(database, backups / backup_name(f"before-{before.newest}", ".db"))
    upgrade(database)
    return before


def _written(target: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` make a file beside ``target``; it takes its place only when whole."""
    new = target.with_name(f".{target.name}.{os.getpid()}")
    os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        write(new)
        _sync(new)
        new.replace(target)
        _sync(target.parent)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _copy_file(store: SqliteStore, target: Path) -> None:
    """Copy a file of SQLite as it is at one moment; writers go on meanwhile."""
    source = store.open_file()
    try:
        copy = sqlite3.connect(target)
        try:
            source.backup(copy)
            # One file, without a log beside it.
            copy.execute("PRAGMA journal_mode=DELETE")
        finally:
            copy.close()
    finally:
        source.close()
    _checked_file(target, target)


def _checked_file(path: Path, named: Path) -> str | None:
    """Return the schema's version in a file of SQLite, or say that ``named`` is damaged."""
    try:
        # Read only, and without making files beside a backup.
        copy = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
        try:
            found = [word for (word,) in copy.execute("PRAGMA integrity_check(3)")]
            if found != ["ok"]:
                raise _damaged(named, "; ".join(found))
            [version] = copy.execute("SELECT version_num FROM alembic_version").fetchall()
            return str(version[0])
        finally:
            copy.close()
    except (sqlite3.Error, ValueError) as error:
        raise _damaged(named, str(error)) from None


def _damaged(path: Path, why: str) -> InvalidError:
    return InvalidError(
        f"{path} is not a backup, or it is damaged: {why}",
        code="backup_damaged",
        values={"file": str(path), "why": why},
    )


def _beside(path: Path, part: str) -> Path:
    """Return where SQLite keeps a part of a file: ``-wal`` its log, ``-shm`` the log's index."""
    return path.with_name(path.name + part)


def _replace_file(path: Path, source: Path, aside: Path) -> SchemaState:
    """Put a copy of ``source`` in the place of ``path``, whose files go ``aside``."""
    states: list[SchemaState] = []

    def copy_and_move(new: Path) -> None:
        shutil.copyfile(source, new)
        _take_in_log(new, source)
        states.append(state_at(_checked_file(new, source)))
        refuse_newer(states[0])
        # Moved as it is, because it may be damaged; its log goes with it, or it
        # would be read into the file that takes its place.
        for part in ("", "-wal", "-shm"):
            old = _beside(path, part)
            if old.exists():
                old.replace(_beside(aside, part))

    _written(path, copy_and_move)
    return states[0]


def _take_in_log(copy: Path, source: Path) -> None:
    """Write the commits of the log beside ``source`` into its ``copy``.

    A file that was put aside after a crash has one: without it the newest commits are missing,
    and pages that were half moved from it make no whole file.
    """
    log = _beside(source, "-wal")
    if not log.exists():
        return
    try:
        shutil.copyfile(log, _beside(copy, "-wal"))
        opened = sqlite3.connect(copy)
        try:
            opened.execute("PRAGMA journal_mode=DELETE")
        finally:
            opened.close()
    except sqlite3.Error as error:
        raise _damaged(source, str(error)) from None
    finally:
        for part in ("-wal", "-shm"):
            _beside(copy, part).unlink(missing_ok=True)
