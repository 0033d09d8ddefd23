"""What must always hold of a database, looked at from outside."""

from collections.abc import Iterator
from dataclasses import dataclass

from vms.database.database import Database
from vms.database.migrate import require_current
from vms.database.schema import metadata
from vms.database.scope import PLATFORM
from vms.database.unit import Unit


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that does not hold: a code for programs, a detail for people."""

    code: str
    detail: str


def check(database: Database) -> list[Fault]:
    """Return everything that does not hold; the caller has imported all contexts' tables."""
    require_current(database)
    return database.run_sync(lambda unit: list(_faults(unit)), PLATFORM, read=True)


def _faults(unit: Unit) -> Iterator[Fault]:
    if unit.store == "sqlite":
        yield from _file_faults(unit)
    else:
        yield from _security_faults(unit)
    yield from _differences(unit)


def _differences(unit: Unit) -> Iterator[Fault]:
    from alembic.autogenerate import compare_metadata  # noqa: PLC0415 - only a check needs it
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415

    context = MigrationContext.configure(unit.connection, opts={"compare_type": True})
    for difference in compare_metadata(context, metadata):
        yield Fault("schema_differs", str(difference))


def _file_faults(unit: Unit) -> Iterator[Fault]:
    for (word,) in unit.rows("PRAGMA integrity_check"):
        if word != "ok":
            yield Fault("file_damaged", str(word))
    for table, row, parent, _ in unit.rows("PRAGMA foreign_key_check"):
        yield Fault("reference_broken", f"row {row} of {table} refers to no row of {parent}")


def _security_faults(unit: Unit) -> Iterator[Fault]:
    [(role, is_above)] = unit.rows(
        "SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
    )
    if is_above:
        yield Fault("role_above_security", f"{role} is above row-level security: use a plain role")
    for (table,) in unit.rows(
        "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
        "WHERE c.relkind IN ('r', 'p') AND a.attname = 'city' AND NOT a.attisdropped "
        "AND c.relnamespace = current_schema()::regnamespace "
        "AND NOT (c.relrowsecurity AND c.relforcerowsecurity) ORDER BY 1"
    ):
        yield Fault("table_unsecured", f"{table} has a city and no forced row-level security")
