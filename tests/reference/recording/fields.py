"""Numbers and words of the page: fields of a fixed order, read from and written to plain values.

A list of fields is a table as on the page, so that reading and writing cannot differ.
"""

import hashlib
from typing import Any

Value = Any  # a number, a text, bytes, or a list of Values
Values = dict[str, Value]
Kind = str | list[tuple[str, "Kind"]]
Fields = list[tuple[str, Kind]]

NUMBERS = {
    "u8": (1, False), "u16": (2, False), "u32": (4, False), "u64": (8, False),
    "i32": (4, True), "i64": (8, True),
}  # fmt: skip
TEXTS = {"str": 1, "text": 2}
BYTES = {"hash": 32, "signature": 64, "nonce": 12, "wrapped": 48}
NO_HASH = bytes(32)


class TornError(ValueError):
    """The bytes end, or say something that the page does not allow."""


def sha256(*parts: bytes) -> bytes:
    """Return H of the parts, one behind the other."""
    return hashlib.sha256(b"".join(parts)).digest()


def number(kind: str, value: int) -> bytes:
    """Write one number."""
    size, signed = NUMBERS[kind]
    return value.to_bytes(size, "big", signed=signed)


class Cursor:
    """Reads bytes from front to back."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        """Begin at a place."""
        self.data, self.at = data, at

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        if self.at + count > len(self.data):
            raise TornError(f"{count} bytes wanted at {self.at} of {len(self.data)}")
        self.at += count
        return self.data[self.at - count : self.at]

    def value(self, kind: Kind) -> Value:
        """Return the next value of one kind."""
        if isinstance(kind, list):
            return [self.values(kind) for _ in range(self.value("u8"))]
        if kind in NUMBERS:
            size, signed = NUMBERS[kind]
            return int.from_bytes(self.take(size), "big", signed=signed)
        if kind in TEXTS:
            return self.take(int.from_bytes(self.take(TEXTS[kind]), "big")).decode("utf-8")
        return self.take(BYTES[kind])

    def values(self, fields: Fields) -> Values:
        """Return the next values by name."""
        return {name: self.value(kind) for name, kind in fields}


def pack_value(kind: Kind, value: Value) -> bytes:
    """Write one value of a kind."""
    if isinstance(kind, list):
        return number("u8", len(value)) + b"".join(pack(kind, each) for each in value)
    if kind in NUMBERS:
        return number(kind, value)
    if kind in TEXTS:
        words = str(value).encode()
        return len(words).to_bytes(TEXTS[kind], "big") + words
    if len(value) != BYTES[kind]:
        raise TornError(f"{kind} has {BYTES[kind]} bytes, not {len(value)}")
    return bytes(value)


def pack(fields: Fields, values: Values) -> bytes:
    """Write the values of all fields; names that are no fields are left out."""
    return b"".join(pack_value(kind, values[name]) for name, kind in fields)
