"""Reads chains whole and in their order: for whoever verifies or exports them."""

from collections.abc import Iterable, Iterator
from typing import Any

from vms.audit.model import PERSON_ERASED, Line, Person, Seal
from vms.audit.store import LINE_COLUMNS, PERSON_COLUMNS, SEAL_COLUMNS, damaged_too, readable
from vms.database import Unit

# Rows of one page: some hundred kilobytes.
PAGE = 2_000
# Before the number of any line or seal.
BEFORE_ALL = -(2**62)
# Later than any time that a line can have.
FOREVER = 2**62


def chains(unit: Unit) -> list[str]:
    """Return every chain that the unit may see."""
    # Not with DISTINCT: that would read every line; this takes one step a city.
    rows = unit.rows(
        "WITH RECURSIVE chain(city) AS ("
        "SELECT min(city) FROM audit_lines UNION ALL "
        "SELECT (SELECT min(city) FROM audit_lines WHERE city > chain.city) "
        "FROM chain WHERE chain.city IS NOT NULL) "
        "SELECT city FROM chain WHERE city IS NOT NULL "
        "UNION SELECT city FROM audit_seals WHERE number = 1"
    )
    return sorted(city for (city,) in rows)


def lines(unit: Unit, city: str, after: int, upto: int = FOREVER) -> Iterator[Line]:
    """Yield the numbered lines after ``after`` up to ``upto``, page by page, in their order."""
    sql = (
        f"SELECT {damaged_too(unit, LINE_COLUMNS)} FROM audit_lines "  # noqa: S608 - columns
        "WHERE city = :city AND number >= :first AND number <= :upto "
        f"ORDER BY number, id LIMIT {PAGE}"
    )
    first: Any = after + 1
    seen: list[tuple[Any, ...]] = []
    while True:
        rows = unit.rows(sql, {"city": city, "first": first, "upto": upto})
        # A second line with the last number, where its index was taken away, must show too.
        new = [row for row in rows if row not in seen]
        yield from (Line(*readable(row)) for row in new)
        if len(rows) < PAGE or not new:
            return
        first = rows[-1][2]
        seen = [row for row in rows if row[2] == first]


def seals(unit: Unit, city: str, after: int = BEFORE_ALL, upto: int = FOREVER) -> Iterator[Seal]:
    """Yield the seals after ``after`` up to ``upto``, page by page, in their order."""
    while True:
        rows = unit.rows(
            f"SELECT {damaged_too(unit, SEAL_COLUMNS)} FROM audit_seals "  # noqa: S608 - columns
            "WHERE city = :city AND number > :after AND number <= :upto "
            f"ORDER BY number LIMIT {PAGE}",
            {"city": city, "after": after, "upto": upto},
        )
        yield from (Seal(*readable(row)) for row in rows)
        if len(rows) < PAGE:
            return
        after = rows[-1][1]


def people(unit: Unit, city: str) -> Iterator[Person]:
    """Yield the names that are not erased."""
    rows = unit.rows(
        f"SELECT {damaged_too(unit, PERSON_COLUMNS)} FROM audit_people "  # noqa: S608 - columns
        "WHERE city = :city ORDER BY id",
        {"city": city},
    )
    return (Person(*readable(row)) for row in rows)


def waiting(unit: Unit, city: str) -> Iterator[Line]:
    """Yield the lines that wait for their seal."""
    time_us, line_id = BEFORE_ALL, ""
    while True:
        rows = unit.rows(
            f"SELECT {', '.join(LINE_COLUMNS)} FROM audit_lines "  # noqa: S608 - columns
            "WHERE city = :city AND number IS NULL AND (time_us, id) > (:time_us, :id) "
            f"ORDER BY time_us, id LIMIT {PAGE}",
            {"city": city, "time_us": time_us, "id": line_id},
        )
        found = [Line(*row) for row in rows]
        yield from found
        if len(found) < PAGE:
            return
        time_us, line_id = found[-1].time_us, found[-1].id


def seals_of_period(unit: Unit, city: str, from_us: int, to_us: int) -> tuple[int, int] | None:
    """Return the first and last seal over the lines from one time to the moment before another."""
    first, last = unit.rows(
        "SELECT min(number), max(number) FROM audit_lines WHERE city = :city "
        "AND number IS NOT NULL AND time_us >= :from_us AND time_us < :to_us",
        {"city": city, "from_us": from_us, "to_us": to_us},
    )[0]
    if first is None:
        return None
    found = unit.rows(
        "SELECT min(number), max(number) FROM audit_seals "
        "WHERE city = :city AND last >= :first AND first <= :last",
        {"city": city, "first": first, "last": last},
    )[0]
    return None if found[0] is None else (int(found[0]), int(found[1]))


def erased_among(unit: Unit, city: str, actors: Iterable[str]) -> list[str]:
    """Return those of some actors whose erasure is a line of the chain."""
    rows = unit.rows(
        "SELECT DISTINCT object FROM audit_lines WHERE city = :city AND action = :action",
        {"city": city, "action": PERSON_ERASED},
    )
    erased = {person for (person,) in rows}
    return sorted(erased.intersection(actors))
