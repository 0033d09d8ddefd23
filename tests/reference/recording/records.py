"""Records: the frame around everything in an index and a ledger, and the records of an index."""

from dataclasses import dataclass
from functools import lru_cache

from .fields import Cursor, Fields, TornError, Values, number, pack, sha256

MAGIC = b"VMSIDX1\n"
HEADER, FRAGMENT, CLOSE, DATAKEY = 1, 2, 3, 4
REBUILT = 1
SHORTEST, LONGEST = 12, 65536

HEADER_FIELDS: Fields = [
    ("kind", "u8"), ("city", "str"), ("camera", "str"), ("stream", "u8"), ("hour", "u32"),
    ("part", "u16"),
]  # fmt: skip
CORE_FIELDS: Fields = [
    ("sequence", "u64"),
    ("epoch", "u32"),
    ("utc_us", "i64"),
    ("error_us", "u32"),
    ("duration_us", "u32"),
    ("camera_offset_ms", "i32"),
    ("flags", "u16"),
    ("key_sequence", "u64"),
    ("tracks", [("id", "u8"), ("samples", "u32"), ("first", "i64")]),
    ("key", "hash"),
    ("video", "hash"),
    ("audio", "hash"),
]
FRAGMENT_FIELDS: Fields = [
    *CORE_FIELDS, ("chain", "hash"), ("part", "u16"), ("offset", "u64"), ("size", "u32"),
]  # fmt: skip
CLOSE_FIELDS: Fields = [("count", "u32"), ("size", "u64"), ("sha256", "hash")]
DATAKEY_FIELDS: Fields = [("master", "str"), ("nonce", "nonce"), ("wrapped", "wrapped")]
INDEX_FIELDS = {
    HEADER: HEADER_FIELDS, FRAGMENT: FRAGMENT_FIELDS, CLOSE: CLOSE_FIELDS, DATAKEY: DATAKEY_FIELDS,
}  # fmt: skip


def crc_table() -> list[int]:
    """Return the table of CRC-32C: Castagnoli, reflected."""
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)  # noqa: PLW2901
        table.append(value)
    return table


CRC_TABLE = crc_table()


@lru_cache(maxsize=4096)  # the tests read the same bytes thousands of times
def crc32c(data: bytes) -> int:
    """Return the checksum of RFC 3720, 12.1."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC_TABLE[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Record:
    """One record and where it begins."""

    type: int
    payload: bytes
    flags: int = 0
    at: int = 0

    @property
    def rebuilt(self) -> bool:
        """Say whether it was made again from the video."""
        return bool(self.flags & REBUILT)

    def raw(self) -> bytes:
        """Return the record as on disk."""
        head = number("u32", len(self.payload) + SHORTEST) + bytes([self.type, 1])
        body = head + number("u16", self.flags) + self.payload
        return body + number("u32", crc32c(body))

    def values(self) -> Values:
        """Return the fields of a record of an index."""
        return Cursor(self.payload).values(INDEX_FIELDS[self.type])


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes that are no record."""

    at: int
    end: int


def index_record(kind: int, values: Values, flags: int = 0) -> Record:
    """Make a record of an index."""
    return Record(kind, pack(INDEX_FIELDS[kind], values), flags)


def record_at(data: bytes, at: int) -> Record | None:
    """Return the whole record that begins at a place, if one does."""
    length = int.from_bytes(data[at : at + 4], "big")
    end = at + length
    if not SHORTEST <= length <= LONGEST or end > len(data):
        return None
    if crc32c(data[at : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
        return None
    return Record(
        data[at + 4], data[at + 8 : end - 4], int.from_bytes(data[at + 6 : at + 8], "big"), at
    )


def scan(data: bytes) -> tuple[list[Record], list[Damage]]:
    """Read a file of records; go on behind what is damaged.

    A record of another version than 1 is left out, like one of a type not known.
    """
    records, damage = [], []
    at = len(MAGIC)
    if data[:at] != MAGIC:
        damage.append(Damage(0, at))
    while at < len(data):
        record = record_at(data, at)
        if record is None:
            end = next((n for n in range(at + 1, len(data)) if record_at(data, n)), len(data))
            damage.append(Damage(at, end))
            at = end
            continue
        if data[at + 5] == 1:
            records.append(record)
        at += len(record.payload) + SHORTEST
    return records, damage


def chain_start(camera: str, stream: int) -> bytes:
    """Return what stands for the chain before the first fragment of a stream."""
    return sha256(b"vms chain 1\0", camera.encode(), bytes([0, stream]))


def core(values: Values) -> bytes:
    """Return the core of a fragment."""
    return pack(CORE_FIELDS, values)


def fragment_leaf(values: Values) -> bytes:
    """Return the leaf of a fragment in the tree of a seal."""
    return bytes([FRAGMENT]) + core(values) + bytes(values["chain"])


def header_of(records: list[Record]) -> Values:
    """Return the first record, which must be a HEADER."""
    if not records or records[0].type != HEADER:
        raise TornError("the first record is no HEADER")
    return records[0].values()
