"""PostgreSQL: many writers, row-level security as the second lock of each city."""

import functools
import re
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql
from psycopg.pq import ConnStatus, ExecStatus
from sqlalchemy import Connection, create_engine
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from vms.common import InternalError
from vms.database.losses import Loss, driver_error
from vms.database.scope import EVERY_CITY, Scope
from vms.database.unit import Rows, Values

STATEMENT_TIMEOUT_MS = 10_000
LOCK_TIMEOUT_MS = 5_000
IDLE_IN_TRANSACTION_MS = 60_000
# The advisory lock of all writers: shared at first, alone when a lost race is repeated.
WRITERS_KEY = 0x564D53

_CONNECT: Mapping[str, int | bool | str] = {
    "application_name": "vms",
    "autocommit": True,
    # A server that vanished is noticed within seconds, not when the kernel gives up.
    "connect_timeout": 5,
    "tcp_user_timeout": 15_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
}
_SESSION = (
    f"SET statement_timeout = {STATEMENT_TIMEOUT_MS}; SET lock_timeout = {LOCK_TIMEOUT_MS}; "
    f"SET idle_in_transaction_session_timeout = {IDLE_IN_TRANSACTION_MS}; SET timezone = 'UTC'"
)

# SQLSTATE: https://www.postgresql.org/docs/15/errcodes-appendix.html
_LOSSES = {
    "40001": Loss.RACE,  # serialization_failure
    "40P01": Loss.RACE,  # deadlock_detected
    "55P03": Loss.RACE,  # lock_not_available
    "53100": Loss.FULL,  # disk_full
    "53300": Loss.GONE,  # too_many_connections
    "57014": Loss.SLOW,  # query_canceled
    "57P01": Loss.GONE,  # admin_shutdown
    "57P02": Loss.GONE,  # crash_shutdown
    "57P03": Loss.GONE,  # cannot_connect_now
    "57P05": Loss.GONE,  # idle_session_timeout
    "25P03": Loss.GONE,  # idle_in_transaction_session_timeout
    "25006": Loss.GONE,  # read_only_sql_transaction: a standby after a switch of roles
    "XX001": Loss.DAMAGED,  # data_corrupted
    "XX002": Loss.DAMAGED,  # index_corrupted
}
_CONNECTION_CLASS = "08"
_DONE = frozenset({ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK})

# A colon that is half of a cast, as in x::text, begins no place.
_PLACE = re.compile(r"(?<!:):([A-Za-z_]\w*)")


@functools.lru_cache(maxsize=1024)
def with_places(text: str) -> str:
    """Return plain SQL with psycopg's places instead of ``:name``."""
    return _PLACE.sub(r"%(\1)s", text.replace("%", "%%"))


def _driver_of(connection: Connection) -> psycopg.Connection[Any]:
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)  # noqa: S101 - SQLAlchemy made it so
    return driver


@functools.lru_cache(maxsize=1024)
def _beginning(city: str, *, read: bool, shares: bool) -> bytes:
    """Return the statements that begin a transaction, sent as one."""
    kind = "REPEATABLE READ READ ONLY" if read else "SERIALIZABLE"
    lock = f", pg_advisory_xact_lock_shared({WRITERS_KEY})" if shares else ""
    quoted = sql.Literal(city).as_string()
    return (
        f"BEGIN ISOLATION LEVEL {kind}; SELECT set_config('vms.city', {quoted}, true){lock}"
    ).encode()


class PostgresStore:
    """How units of work run on PostgreSQL."""

    name = "postgresql"

    def __init__(self, url: URL) -> None:
        self.url = url
        self._engine = create_engine(
            url, poolclass=NullPool, connect_args=dict(_CONNECT), hide_parameters=True
        )

    def connect(self) -> "PostgresLine":
        """Return a new connection."""
        return PostgresLine(self._engine.connect())

    def loss(self, error: BaseException) -> Loss | None:
        """Say what an error means; nothing: it is the work's own."""
        original = driver_error(error)
        if not isinstance(original, psycopg.Error):
            return None
        state = original.sqlstate
        if state is None:
            # Not said by the server: the connection broke or was never made.
            return Loss.GONE if isinstance(original, psycopg.OperationalError) else None
        return Loss.GONE if state.startswith(_CONNECTION_CLASS) else _LOSSES.get(state)


class PostgresLine:
    """One connection to the server."""

    store = PostgresStore.name

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._driver: psycopg.Connection[Any] = _driver_of(connection)
        connection.begin()
        self._driver.execute(_SESSION)
        self._alone = False

    def begin(self, scope: Scope, *, read: bool, repeat: bool) -> None:
        """Begin a transaction that sees one moment, and one city.

        Writers are serializable, so that what a work has checked holds until it is
        done, as on SQLite. One that lost is repeated alone: the others wait, so it
        wins. That lock comes before BEGIN, because a transaction sees what was
        there when its first statement began, even one that waits.
        """
        if repeat and not read:
            self._driver.execute(f"SELECT pg_advisory_lock({WRITERS_KEY})")
            self._alone = True
        city = EVERY_CITY if scope.city is None else scope.city
        self._command(_beginning(city, read=read, shares=not read and not repeat))

    def commit(self) -> None:
        """Commit; an aborted transaction would be rolled back without an error."""
        if self._command(b"COMMIT") != b"COMMIT":
            raise InternalError("work went on after one of its statements had failed")
        self._let_go()

    def rollback(self) -> None:
        """Undo what was done since ``begin``."""
        self._command(b"ROLLBACK")
        self._let_go()

    def _let_go(self) -> None:
        if self._alone:
            self._alone = False
            self._driver.execute(f"SELECT pg_advisory_unlock({WRITERS_KEY})")

    def _command(self, text: bytes) -> bytes | None:
        """Run statements and return the last one's tag: a third of what a cursor costs."""
        connection = self._driver.pgconn
        result = connection.exec_(text)
        if result.status in _DONE:
            return result.command_status
        if connection.status != ConnStatus.OK:
            raise psycopg.OperationalError(result.get_error_message())
        raise psycopg.errors.error_from_result(result)

    def rows(self, sql: str, parameters: Values) -> Rows:
        """Run plain SQL with ``:name`` places."""
        return self._driver.execute(with_places(sql).encode(), parameters).fetchall()

    def relax(self) -> None:
        """Let statements take their time."""
        self._driver.execute("SET statement_timeout = 0; SET lock_timeout = 0")

    def close(self) -> None:
        """Close the connection, whatever state it is in; the server lets go of its locks."""
        self.connection.invalidate()
        self.connection.close()
