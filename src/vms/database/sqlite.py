"""SQLite: one file, one writer at a time, readers that never wait."""

import contextlib
import os
import sqlite3
import threading
from pathlib import Path

from sqlalchemy import Connection, create_engine
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from vms.database.losses import Loss, driver_error
from vms.database.scope import Scope
from vms.database.unit import Rows, Values

# How long a writer waits for another one, seconds.
BUSY_TIMEOUT_S = 2.0
CACHED_STATEMENTS = 512

# The low byte of a result code is its kind: https://www.sqlite.org/rescode.html
_LOSSES = {
    sqlite3.SQLITE_BUSY: Loss.RACE,
    sqlite3.SQLITE_LOCKED: Loss.RACE,
    sqlite3.SQLITE_FULL: Loss.FULL,
    sqlite3.SQLITE_CANTOPEN: Loss.GONE,
    sqlite3.SQLITE_IOERR: Loss.GONE,
    sqlite3.SQLITE_CORRUPT: Loss.DAMAGED,
    sqlite3.SQLITE_NOTADB: Loss.DAMAGED,
}


class WriterBusyError(Exception):
    """Another thread of this process wrote for too long."""


def _driver_of(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - opened below
    return driver


class SqliteStore:
    """How units of work run on SQLite."""

    name = "sqlite"

    def __init__(self, url: URL) -> None:
        if not url.database or url.database == ":memory:":
            raise ValueError("SQLite needs a file: each thread would see a memory of its own")
        self.url = url
        self.path = Path(url.database)
        self._engine = create_engine(
            url, poolclass=NullPool, creator=self.open_file, hide_parameters=True
        )
        # Writers of this process queue here; SQLite's own waiting polls.
        self._writer = threading.Lock()
        # The last to close a file puts its log back into it. Of two that close at once each
        # sees the other, and the log stays: they close one after the other.
        self._closer = threading.Lock()

    def open_file(self) -> sqlite3.Connection:
        """Return a new connection of the driver, set up as all are."""
        # Before SQLite makes it: its files hold what nobody else may read. One that is there must
        # not be opened: POSIX drops this process's locks on a file when any handle to it is
        # closed, and another process would then take the log away from under us
        # (https://www.sqlite.org/howtocorrupt.html, section 2.2).
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        driver = sqlite3.connect(
            self.path,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
            cached_statements=CACHED_STATEMENTS,
        )
        driver.execute("PRAGMA journal_mode=WAL")
        # With WAL a power cut may take the newest commits, never the file.
        driver.execute("PRAGMA synchronous=NORMAL")
        driver.execute("PRAGMA foreign_keys=ON")
        return driver

    def connect(self) -> "SqliteLine":
        """Return a new connection."""
        return SqliteLine(self._engine.connect(), self._writer, self._closer)

    def loss(self, error: BaseException) -> Loss | None:
        """Say what an error means; nothing: it is the work's own."""
        original = driver_error(error)
        if isinstance(original, WriterBusyError):
            return Loss.RACE
        if isinstance(original, OSError):
            return Loss.GONE
        code = getattr(original, "sqlite_errorcode", None)
        return None if code is None else _LOSSES.get(code & 0xFF)


class SqliteLine:
    """One connection to the file."""

    store = SqliteStore.name

    def __init__(
        self, connection: Connection, writer: threading.Lock, closer: threading.Lock
    ) -> None:
        self.connection = connection
        self._driver = _driver_of(connection)
        connection.begin()
        self._writer = writer
        self._closer = closer
        self._writes = False

    def begin(self, scope: Scope, *, read: bool, repeat: bool) -> None:  # noqa: ARG002
        """Begin; a writer waits here for the one before it, so it never has to give up later."""
        if read:
            self._driver.execute("PRAGMA query_only=ON")
            self._driver.execute("BEGIN")
            return
        if not self._writer.acquire(timeout=BUSY_TIMEOUT_S):
            raise WriterBusyError
        self._writes = True
        self._driver.execute("PRAGMA query_only=OFF")
        self._driver.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Commit."""
        self._driver.execute("COMMIT")
        self._let_go()

    def rollback(self) -> None:
        """Undo what was done since ``begin``."""
        try:
            # A full disk has rolled back already.
            if self._driver.in_transaction:
                self._driver.execute("ROLLBACK")
        finally:
            self._let_go()

    def _let_go(self) -> None:
        if self._writes:
            self._writes = False
            self._writer.release()

    def rows(self, sql: str, parameters: Values) -> Rows:
        """Run plain SQL with ``:name`` places."""
        return self._driver.execute(sql, parameters).fetchall()

    def relax(self) -> None:
        """Let tables be made anew while others refer to them; checked by ``foreign_key_check``."""
        self._driver.execute("PRAGMA foreign_keys=OFF")

    def close(self) -> None:
        """Close the connection, whatever state it is in."""
        self._let_go()
        with self._closer:
            self.connection.invalidate()
            self.connection.close()
