"""The schema's version: read it, refuse what does not fit, bring it up to date.

Alembic is loaded only to upgrade: it would cost every worker 13 MB.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from vms.common import ConflictError, InternalError
from vms.database.database import Database
from vms.database.losses import error_of
from vms.database.scope import PLATFORM
from vms.database.unit import Unit

_FOLDER = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True)
class SchemaState:
    """Where the schema of a database stands; ``current`` is nothing in an empty one."""

    current: str | None
    newest: str
    known: frozenset[str]

    @property
    def is_current(self) -> bool:
        """The code and the tables fit."""
        return self.current == self.newest

    @property
    def is_newer(self) -> bool:
        """A newer version of the product has been here."""
        return self.current is not None and self.current not in self.known


def schema_state(database: Database) -> SchemaState:
    """Return where the schema stands."""
    return state_at(database.run_sync(_current, PLATFORM, read=True))


def state_at(current: str | None) -> SchemaState:
    """Return where a schema of this version stands to the code."""
    known = frozenset(path.name[:4] for path in _FOLDER.glob("versions/[0-9][0-9][0-9][0-9]_*.py"))
    if not known:
        raise InternalError("the product was installed without its migrations")
    return SchemaState(current, max(known), known)


def _current(unit: Unit) -> str | None:
    there = (
        "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"
        if unit.store == "sqlite"
        else "SELECT 1 WHERE to_regclass('alembic_version') IS NOT NULL"
    )
    if not unit.rows(there):
        return None
    found = unit.rows("SELECT version_num FROM alembic_version")
    return str(found[0][0]) if found else None


def refuse_newer(state: SchemaState) -> None:
    """Raise where a newer version of the product has been here."""
    if state.is_newer:
        raise ConflictError(
            f"the database has version {state.current}, this program knows up to "
            f"{state.newest}: start the newer program, or restore a backup made before it",
            code="schema_newer",
            values={"current": state.current or "", "newest": state.newest},
        )


def require_current(database: Database) -> None:
    """Raise where code and tables do not fit."""
    state = schema_state(database)
    refuse_newer(state)
    if not state.is_current:
        raise ConflictError(
            f"the database has version {state.current or 'none'}, this program needs "
            f"{state.newest}: run vms db upgrade",
            code="schema_older",
            values={"current": state.current or "", "newest": state.newest},
        )


def upgrade(database: Database, target: str = "head") -> SchemaState:
    """Bring the schema to ``target`` in one transaction; all of it or nothing."""
    refuse_newer(schema_state(database))
    _in_one_transaction(database, lambda connection: _run_steps(connection, target))
    return schema_state(database)


def _run_steps(connection: Connection, target: str) -> None:
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    # A percent sign would begin a place to fill.
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, target)
    _refuse_broken_references(connection)


def _refuse_broken_references(connection: Connection) -> None:
    """SQLite does not watch references while tables are made anew."""
    if connection.dialect.name != "sqlite":
        return
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if broken:
        raise InternalError(f"the upgrade broke {len(broken)} references: {broken[:3]}")


def _in_one_transaction(database: Database, work: Callable[[Connection], None]) -> None:
    """Run ``work`` alone: every other writer waits."""
    try:
        line = database.store.connect()
        try:
            line.relax()
            line.begin(PLATFORM, read=False, repeat=True)
            work(line.connection)
            line.commit()
        finally:
            # What was not committed is undone with the connection.
            line.close()
    except Exception as error:
        loss = database.store.loss(error)
        if loss is None:
            raise
        raise error_of(loss, str(error).partition("\n")[0]) from error
