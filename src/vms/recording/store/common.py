"""What the lists of recording share."""

from collections.abc import Iterable, Mapping
from typing import Any

from vms.common import Page, Slice
from vms.database import Unit


def within(unit: Unit, where: str, values: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return a condition that holds in the unit's scope alone."""
    if unit.scope.city is None:
        return where, dict(values)
    return f"{where} AND city = :scope", {**values, "scope": unit.scope.city}


def page_of(
    unit: Unit,
    columns: str,
    table: str,
    cities: Iterable[str] | None,
    page: Page,
    where: str,
    values: Mapping[str, Any],
) -> Slice[tuple[Any, ...]]:
    """Return a page of rows whose first column is their id, the newest first."""
    where, places = within(unit, where, values)
    if cities is not None:
        names = {f"city{number}": city for number, city in enumerate(sorted(cities))}
        where += f" AND city IN ({', '.join(f':{name}' for name in names) or 'NULL'})"
        places |= names
    if page.after is not None:
        where += " AND id < :after"
        places["after"] = page.after
    rows = unit.rows(
        f"SELECT {columns} FROM {table} WHERE {where} ORDER BY id DESC LIMIT :most",  # noqa: S608 - names of ours
        {**places, "most": page.limit + 1},
    )
    shown = tuple(rows[: page.limit])
    return Slice(shown, str(shown[-1][0]) if len(rows) > len(shown) else None)
