"""The catalogue: what there is and what there is not, by city, camera and stream.

It is derived from the disks and may be thrown away. Reading it is a hot path:
plain SQL, plain tuples.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import and_, bindparam, delete, insert

from vms.common import StreamName
from vms.database import Unit
from vms.engine.recording import Gap, Part
from vms.recording.store import tables

# No part is longer: an hour, a minute of waiting for a key frame, and room.
LONGEST_PART_US = 2 * 3600 * 1_000_000
# Bound places of one statement are few in older databases.
_MOST_AT_ONCE = 400

_PART = (
    "city, camera, stream, part, volume, from_us, to_us, bytes, fragments, key_count, is_open, "
    "error_us, camera_offset_ms, rebuilt, encrypted, events"
)
_GAP = "city, camera, stream, from_us, to_us, reason, reason_values, is_open"
_encode = msgspec.json.Encoder().encode

PartKey = tuple[str, str, str, str]
GapKey = tuple[str, str, str, int]
Row = tuple[Any, ...]
# from, to, keys, bytes, error, offset, rebuilt, events, camera
SpanRow = tuple[int, int, int, int, int | None, float | None, int, str, str]
# from, to, reason, values, open
GapRow = tuple[int, int, str, str, int]


@dataclass(frozen=True, slots=True)
class Changes:
    """What a look at the disks changed in the catalogue."""

    put_parts: Sequence[Part] = ()
    put_gaps: Sequence[Gap] = ()
    removed_parts: int = 0
    removed_gaps: int = 0
    # Streams with a part that was open before, and those that have one now.
    open_before: frozenset[tuple[str, str]] = frozenset()
    open_now: frozenset[tuple[str, str]] = frozenset()
    # Gaps that were not there at all.
    new_gaps: Sequence[Gap] = ()


def part_row(part: Part) -> Row:
    """Return a part as it is kept."""
    return (
        part.city,
        part.camera,
        part.stream.value,
        part.part,
        part.volume,
        part.from_us,
        part.to_us,
        part.bytes,
        part.fragments,
        part.keys,
        int(part.open),
        part.error_us,
        part.camera_offset_ms,
        int(part.rebuilt),
        int(part.encrypted),
        _encode(part.events).decode(),
    )


def part_rows(part: Part) -> list[Row]:
    """Return a part as it is kept: a row for each of its spans, with its share of the bytes."""
    if len(part.spans) < 2:
        return [part_row(part)]
    whole = max(1, sum(end - begin for begin, end in part.spans))
    rows = []
    for number, (begin, end) in enumerate(part.spans):
        share = end - begin
        one = msgspec.structs.replace(
            part,
            part=part.part if number == 0 else f"{part.part}#{number}",
            from_us=begin,
            to_us=end,
            bytes=part.bytes * share // whole,
            fragments=part.fragments * share // whole,
            keys=part.keys * share // whole,
            open=part.open and number == len(part.spans) - 1,
            events=part.events if number == 0 else (),
        )
        rows.append(part_row(one))
    return rows


def gap_row(gap: Gap, city: str) -> Row:
    """Return a gap as it is kept."""
    return (
        city,
        gap.camera,
        gap.stream.value,
        gap.from_us,
        gap.to_us,
        gap.reason,
        _encode(gap.values).decode(),
        int(gap.open),
    )


def replace(
    unit: Unit,
    city: str,
    camera: str,
    from_us: int,
    to_us: int,
    parts: Iterable[Part],
    gaps: Iterable[Gap],
) -> Changes:
    """Make the catalogue of one camera's time equal to what is on disk.

    Only what differs is written, so doing it again changes nothing.
    """
    parts, gaps = list(parts), list(gaps)
    # A part that touches the time is told whole: its spans may lie beside it.
    wide = (from_us - LONGEST_PART_US, to_us + LONGEST_PART_US)
    old_parts = _old_parts(unit, city, camera, *wide)
    new_parts = {row[:4]: (row, part) for part in parts for row in part_rows(part)}
    changed = [key for key, (row, _) in new_parts.items() if old_parts.get(key) != row]
    gone = [
        key
        for key, row in old_parts.items()
        if key not in new_parts and row[6] > from_us and row[5] < to_us
    ]
    _remove(unit, tables.parts, ("city", "camera", "stream", "part"), [*changed, *gone])
    _insert(unit, tables.parts, _PART, [new_parts[key][0] for key in changed])

    old_gaps = _old_gaps(unit, city, camera, from_us, to_us)
    new_gaps = {row[:4]: (row, gap) for gap in gaps for row in (gap_row(gap, city),)}
    moved = [key for key, (row, _) in new_gaps.items() if old_gaps.get(key) != row]
    lost = [key for key in old_gaps if key not in new_gaps]
    _remove(unit, tables.gaps, ("city", "camera", "stream", "from_us"), [*moved, *lost])
    _insert(unit, tables.gaps, _GAP, [new_gaps[key][0] for key in moved])
    return Changes(
        put_parts=list(
            {part.part: part for key in changed for part in (new_parts[key][1],)}.values()
        ),
        put_gaps=[new_gaps[key][1] for key in moved],
        removed_parts=len(gone),
        removed_gaps=len(lost),
        open_before=frozenset((row[1], row[2]) for row in old_parts.values() if row[10]),
        open_now=frozenset((part.camera, part.stream.value) for part in parts if part.open),
        new_gaps=[new_gaps[key][1] for key in moved if key not in old_gaps],
    )


def _old_parts(unit: Unit, city: str, camera: str, from_us: int, to_us: int) -> dict[PartKey, Row]:
    rows = unit.rows(
        f"SELECT {_PART} FROM recorded_parts "  # noqa: S608 - names above
        "WHERE city = :city AND camera = :camera AND to_us > :from_us AND from_us < :to_us",
        {"city": city, "camera": camera, "from_us": from_us, "to_us": to_us},
    )
    return {tuple(row[:4]): _plain(row, (10, 13, 14)) for row in rows}


def _old_gaps(unit: Unit, city: str, camera: str, from_us: int, to_us: int) -> dict[GapKey, Row]:
    rows = unit.rows(
        f"SELECT {_GAP} FROM recorded_gaps "  # noqa: S608 - names above
        "WHERE city = :city AND camera = :camera AND (to_us > :from_us OR is_open) "
        "AND from_us < :to_us",
        {"city": city, "camera": camera, "from_us": from_us, "to_us": to_us},
    )
    return {tuple(row[:4]): _plain(row, (7,)) for row in rows}


def _plain(row: Row, flags: tuple[int, ...]) -> Row:
    """Return a row with its booleans as numbers, as SQLite has them."""
    return tuple(int(value) if place in flags else value for place, value in enumerate(row))


def _remove(unit: Unit, table: Any, names: tuple[str, ...], keys: Sequence[Row]) -> None:  # noqa: ANN401
    if keys:
        statement = delete(table).where(
            and_(*(table.c[name] == bindparam(f"k_{name}") for name in names))
        )
        values = [{f"k_{n}": v for n, v in zip(names, key, strict=True)} for key in keys]
        unit.execute(statement, values)


def _insert(unit: Unit, table: Any, names: str, rows: Sequence[Row]) -> None:  # noqa: ANN401
    columns = names.split(", ")
    flags = {"is_open", "rebuilt", "encrypted"}
    if rows:
        unit.execute(
            insert(table),
            [
                {n: bool(v) if n in flags else v for n, v in zip(columns, row, strict=True)}
                for row in rows
            ],
        )


def newest(unit: Unit) -> int | None:
    """Return up to when anything is known."""
    [(found,)] = unit.rows("SELECT max(to_us) FROM recorded_parts")
    return None if found is None else int(found)


def cameras(unit: Unit) -> dict[str, str]:
    """Return the cities of all cameras of which something is known, also of deleted ones."""
    rows = unit.rows(
        "SELECT DISTINCT camera, city FROM recorded_parts "
        "UNION SELECT DISTINCT camera, city FROM recorded_gaps"
    )
    return {str(camera): str(city) for camera, city in rows}


def clear(unit: Unit) -> None:
    """Forget everything: it is made anew from the disks."""
    unit.execute(delete(tables.parts))
    unit.execute(delete(tables.gaps))


def spans(
    unit: Unit, city: str, names: Sequence[str], stream: StreamName, from_us: int, to_us: int
) -> dict[str, list[SpanRow]]:
    """Return the parts of cameras that touch a time, in its order."""
    found: dict[str, list[SpanRow]] = {name: [] for name in names}
    for some in _some(names):
        places, values = _places(some)
        rows = unit.rows(
            "SELECT from_us, to_us, key_count, bytes, error_us, camera_offset_ms, rebuilt, "  # noqa: S608 - places
            f"events, camera FROM recorded_parts WHERE city = :city AND camera IN ({places}) "
            "AND stream = :stream AND from_us > :early AND from_us < :to_us AND to_us > :from_us",
            {
                **values,
                "city": city,
                "stream": stream.value,
                "early": from_us - LONGEST_PART_US,
                "from_us": from_us,
                "to_us": to_us,
            },
        )
        # The camera stands last, so that a row is used as it comes.
        for row in rows:
            found[row[8]].append(row)
    # A store sorts a month of many cameras on disk; each camera's rows come nearly in order.
    for own in found.values():
        own.sort(key=itemgetter(0))
    return found


def gaps(
    unit: Unit, city: str, names: Sequence[str], stream: StreamName, from_us: int, to_us: int
) -> dict[str, list[GapRow]]:
    """Return the gaps of cameras that touch a time, in its order."""
    found: dict[str, list[GapRow]] = {name: [] for name in names}
    for some in _some(names):
        places, values = _places(some)
        rows = unit.rows(
            "SELECT camera, from_us, to_us, reason, reason_values, is_open "  # noqa: S608 - places
            f"FROM recorded_gaps WHERE city = :city AND camera IN ({places}) "
            "AND stream = :stream AND (to_us > :from_us OR is_open) AND from_us < :to_us "
            "ORDER BY camera, from_us",
            {
                **values,
                "city": city,
                "stream": stream.value,
                "from_us": from_us,
                "to_us": to_us,
            },
        )
        for camera, *row in rows:
            found[camera].append(tuple(row))
    return found


def _some(names: Sequence[str]) -> Iterable[Sequence[str]]:
    for begin in range(0, len(names), _MOST_AT_ONCE):
        yield names[begin : begin + _MOST_AT_ONCE]


def _places(names: Sequence[str]) -> tuple[str, dict[str, str]]:
    values = {f"c{number}": name for number, name in enumerate(names)}
    return ", ".join(f":{place}" for place in values), values


# at, to, id, text
MarkRow = tuple[int, int | None, str, str]

_MARKS = {
    "bookmark": (
        "SELECT camera, at_us, to_us, id, text FROM recording_bookmarks WHERE city = :city "
        "AND camera IN ({places}) AND at_us < :to_us AND COALESCE(to_us, at_us) >= :from_us "
        "ORDER BY camera, at_us, id"
    ),
    "clip": (
        "SELECT camera, from_us, to_us, id, name FROM recording_exports WHERE city = :city "
        "AND camera IN ({places}) AND kind = 'clip' AND from_us < :to_us AND to_us > :from_us "
        "ORDER BY camera, from_us, id"
    ),
    "hold": (
        "SELECT camera, from_us, to_us, id, why FROM recording_holds WHERE city = :city "
        "AND camera IN ({places}) AND state IN ('active', 'releasing') "
        "AND from_us < :to_us AND to_us > :from_us ORDER BY camera, from_us, id"
    ),
}


def marks(
    unit: Unit, kind: str, city: str, names: Sequence[str], from_us: int, to_us: int
) -> dict[str, list[MarkRow]]:
    """Return the marks of one kind on cameras that touch a time, in its order."""
    found: dict[str, list[MarkRow]] = {name: [] for name in names}
    for some in _some(names):
        places, values = _places(some)
        rows = unit.rows(
            _MARKS[kind].format(places=places),
            {**values, "city": city, "from_us": from_us, "to_us": to_us},
        )
        for camera, *row in rows:
            found[camera].append(tuple(row))
    return found
