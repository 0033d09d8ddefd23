"""One transaction, as the work inside it sees it."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import Connection, CursorResult, Executable
from sqlalchemy.engine import URL

from vms.common import InternalError
from vms.database.losses import Loss
from vms.database.scope import Scope

Rows = list[tuple[Any, ...]]
Values = Mapping[str, Any]
Parameters = Values | Sequence[Values]


class Line(Protocol):
    """A connection kept by one thread, and how it begins and ends transactions.

    SQLAlchemy is told nothing of them: the driver is in autocommit mode, and
    what SQLAlchemy takes for its transaction stays open for ever.
    """

    store: str
    connection: Connection

    def begin(self, scope: Scope, *, read: bool, repeat: bool) -> None:
        """Begin a transaction; ``repeat``: the same work lost a race before."""
        ...

    def commit(self) -> None:
        """Commit; when it raises, ``rollback`` is still to be called."""
        ...

    def rollback(self) -> None:
        """Undo what was done since ``begin``."""
        ...

    def rows(self, sql: str, parameters: Values) -> Rows:
        """Run plain SQL with ``:name`` places."""
        ...

    def relax(self) -> None:
        """Lift what binds short work: for an upgrade, before ``begin``."""
        ...

    def close(self) -> None:
        """Close the connection, whatever state it is in."""
        ...


class Store(Protocol):
    """What differs between SQLite and PostgreSQL."""

    name: str
    url: URL

    def connect(self) -> Line:
        """Return a new connection."""
        ...

    def loss(self, error: BaseException) -> Loss | None:
        """Say what an error means; nothing: it is the work's own."""
        ...


class Unit:
    """One transaction: it commits when the work returns and rolls back when it raises."""

    __slots__ = ("_line", "marks", "scope")

    def __init__(self, line: Line, scope: Scope) -> None:
        self._line: Line | None = line
        self.scope = scope
        self.marks: set[str] = set()

    @property
    def connection(self) -> Connection:
        """SQLAlchemy's connection: for what ``execute`` does not do, never to commit."""
        return self._open().connection

    @property
    def store(self) -> str:
        """``sqlite`` or ``postgresql``: for the few statements that they write differently."""
        return self._open().store

    def execute(
        self, statement: Executable, parameters: Parameters | None = None
    ) -> CursorResult[Any]:
        """Run a statement of SQLAlchemy Core; several parameters run it as often."""
        result: CursorResult[Any] = self._open().connection.execute(statement, parameters)
        return result

    def rows(self, sql: str, parameters: Values | None = None) -> Rows:
        """Run plain SQL with ``:name`` places: the fast way to read.

        Values are the driver's: SQLite has 0 and 1 for booleans. A colon before a
        letter is a place, in quotes too.
        """
        return self._open().rows(sql, parameters or {})

    def mark(self, name: str) -> None:
        """Ask that listeners of ``name`` are called once this is committed."""
        self.marks.add(name)

    def end(self) -> None:
        """Refuse whatever comes after the transaction's end."""
        self._line = None

    def _open(self) -> Line:
        if self._line is None:
            raise InternalError("a unit of work was used after its transaction had ended")
        return self._line
