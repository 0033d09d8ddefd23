"""The worked example of the page: one record, field by field."""

from .fields import NUMBERS, Cursor, Fields, Value
from .records import FRAGMENT_FIELDS, SHORTEST, record_at

FRAME: Fields = [("length", "u32"), ("type", "u8"), ("version", "u8"), ("record flags", "u16")]


def rows(cursor: Cursor, fields: Fields, indent: str = "") -> list[tuple[int, bytes, str]]:
    """Return place, bytes and meaning of each field."""
    found: list[tuple[int, bytes, str]] = []
    for name, kind in fields:
        at = cursor.at
        if isinstance(kind, list):
            count = cursor.value("u8")
            found.append((at, cursor.data[at : cursor.at], f"{name}: {count}"))
            for _ in range(count):
                found += rows(cursor, kind, "  ")
            continue
        value = cursor.value(kind)
        found.append((at, cursor.data[at : cursor.at], indent + said(name, kind, value)))
    return found


def said(name: str, kind: str, value: Value) -> str:
    """Name a value; of a hash the bytes say all."""
    if kind not in NUMBERS:
        return name
    return f"{name}: {value:#x}" if "flags" in name else f"{name}: {value}"


def text(data: bytes, at: int) -> str:
    """Return a FRAGMENT record as the page shows it, sixteen bytes a line at most."""
    record = record_at(data, at)
    if record is None:
        raise ValueError(f"no record at {at}")
    cursor = Cursor(record.raw())
    found = rows(cursor, [*FRAME, *FRAGMENT_FIELDS, ("checksum", "u32")])
    lines = []
    for place, raw, meaning in found:
        for part in range(0, len(raw), 16):
            note = meaning if part == 0 else ""
            lines.append(f"{place + part:4}  {raw[part : part + 16].hex():32}  {note}".rstrip())
    if cursor.at != len(record.payload) + SHORTEST:
        raise ValueError("the record says more than is shown")
    return "\n".join(lines)
