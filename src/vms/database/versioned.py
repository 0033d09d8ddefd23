"""Changes that must not undo another's: unique keys and versions of rows."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table, and_, insert, select, update
from sqlalchemy.exc import IntegrityError

from vms.common import ConflictError, NotFoundError, VmsError
from vms.database.losses import is_unique_violation
from vms.database.unit import Unit


def insert_unique(unit: Unit, table: Table, values: Mapping[str, Any], taken: VmsError) -> None:
    """Insert a row; raise ``taken`` where its key is there already.

    PostgreSQL has then ended the transaction, so ``taken`` must leave the unit.
    """
    try:
        unit.execute(insert(table).values(**values))
    except IntegrityError as error:
        if is_unique_violation(error):
            raise taken from None
        raise


def update_versioned(
    unit: Unit,
    table: Table,
    key: Mapping[str, Any],
    version: int | None,
    values: Mapping[str, Any],
) -> int:
    """Change the row at ``key`` if it still has ``version``; return its new version.

    No version: whatever it has (the asker said ``If-Match: *``).
    """
    row = and_(*(table.c[name] == value for name, value in key.items()))
    seen = row if version is None else and_(row, table.c.version == version)
    changed = unit.execute(
        update(table).where(seen).values(**values, version=table.c.version + 1)
    ).rowcount
    found = unit.execute(select(table.c.version).where(row)).scalar_one_or_none()
    if found is None:
        raise NotFoundError(
            f"there is no row {dict(key)} in {table.name}", values={"table": table.name}
        )
    if not changed:
        raise version_conflict(table.name, int(found))
    return int(found)


def version_conflict(what: str, current: int) -> ConflictError:
    """Return the refusal of a change that was made on an older version."""
    return ConflictError(
        f"{what}: it was changed meanwhile and has version {current} now",
        code="version_conflict",
        values={"version": current},
    )
