"""What every store of people does alike: find by id within the unit's city, and pages."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, RowMapping, Table, and_, delete, false, select, true

from vms.common import Page, Slice
from vms.database import Unit

T = TypeVar("T")

# As `new_id` makes them. What is none is not asked for: drivers refuse some of what a
# text can hold.
_ID = re.compile(r"[0-9a-z]{1,23}")


def visible(unit: Unit, table: Table) -> ColumnElement[bool]:
    """Return the condition that keeps a unit within its city."""
    return true() if unit.scope.city is None else table.c.city == unit.scope.city


def by_id(unit: Unit, table: Table, row_id: str) -> RowMapping | None:
    """Return the row of an id, if the unit may see it."""
    if not _ID.fullmatch(row_id):
        return None
    where = and_(visible(unit, table), table.c.id == row_id)
    return unit.execute(select(table).where(where)).mappings().one_or_none()


def remove(unit: Unit, table: Table, home: str, row_id: str) -> bool:
    """Delete a row; tell whether there was one."""
    where = and_(visible(unit, table), table.c.city == home, table.c.id == row_id)
    return unit.execute(delete(table).where(where)).rowcount > 0


def page_of(
    unit: Unit,
    table: Table,
    where: list[ColumnElement[bool]],
    page: Page,
    make: Callable[[RowMapping], T],
) -> Slice[T]:
    """Return a page of rows in the order of their making."""
    conditions = [visible(unit, table), *where]
    if page.after is not None:
        conditions.append(table.c.id > page.after)
    found = unit.execute(
        select(table).where(and_(*conditions)).order_by(table.c.id).limit(page.limit + 1)
    ).mappings()
    rows = found.all()
    more = len(rows) > page.limit
    kept = rows[: page.limit]
    return Slice(tuple(make(row) for row in kept), kept[-1]["id"] if more else None)


def home_is(table: Table, home: str | None) -> list[ColumnElement[bool]]:
    """Return the condition that a row belongs to a home; none: any."""
    return [] if home is None else [table.c.city == home]


def contains(column: Any, text: str | None) -> list[ColumnElement[bool]]:  # noqa: ANN401
    """Return the condition that a text stands in a column, whatever its case."""
    if not text:
        return []
    return [column.icontains(text, autoescape=True) if text.isprintable() else false()]
