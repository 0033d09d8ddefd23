"""Reading video files: boxes, fragments, samples, what is encrypted; an index made anew."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from . import boxes, records
from .boxes import Sample
from .fields import Cursor, TornError, Values, pack
from .records import Record

NO_VIDEO = 4
TRUN_HEAD = 1 << 24 | 0xF01


@dataclass(frozen=True, slots=True)
class Box:
    """Where a box lies: its first byte, its content's first byte, its end."""

    name: bytes
    at: int
    body: int
    end: int


def children(data: bytes, at: int, end: int) -> Iterator[Box]:
    """Walk over the boxes between two places; they must fill it."""
    while at < end:
        size = int.from_bytes(data[at : at + 4], "big")
        if size < 8 or at + size > end:
            raise TornError(f"a box of {size} bytes at {at} does not end before {end}")
        yield Box(data[at + 4 : at + 8], at, at + 8, at + size)
        at += size


def child(data: bytes, parent: Box, *path: bytes) -> Box:
    """Return the first box of each name, one inside the other."""
    for name in path:
        found = next((b for b in children(data, parent.body, parent.end) if b.name == name), None)
        if found is None:
            raise TornError(f"no {name.decode()} in the {parent.name.decode()} at {parent.at}")
        parent = found
    return parent


def user_body(data: bytes, found: Box, user_type: bytes) -> bytes:
    """Return what a `uuid` box of one type holds."""
    if found.name != b"uuid" or data[found.body : found.body + 16] != user_type:
        raise TornError(f"the box at {found.at} is not the uuid {user_type.hex()}")
    return data[found.body + 16 : found.end]


def whole_record(data: bytes) -> Record:
    """Read one record that fills its bytes."""
    record = records.record_at(data, 0)
    if record is None or len(record.payload) + records.SHORTEST != len(data):
        raise TornError("the record is torn")
    return record


def header(data: bytes) -> Values:
    """Return the HEADER in a video file: whose it is."""
    moov = child(data, Box(b"file", 0, 0, len(data)), b"moov")
    return whole_record(
        user_body(data, child(data, moov, b"udta", b"uuid"), boxes.U_HEADER)
    ).values()


def data_key(data: bytes, master_keys: dict[str, bytes], camera: str) -> bytes | None:
    """Return the key of an encrypted part, as its video file holds it."""
    at = data.find(b"uuid" + boxes.U_DATAKEY)
    record = records.record_at(data, at + 20) if at >= 0 else None
    if record is None:
        return None
    values = record.values()
    return boxes.unwrap(values, master_keys, camera) if values["master"] in master_keys else None


def run(data: bytes, moof: Box, traf: Box) -> Iterator[Sample]:
    """Read the samples of one track."""
    track = Cursor(data, child(data, traf, b"tfhd").body + 4).value("u32")
    trun = Cursor(data, child(data, traf, b"trun").body)
    head, count, offset = (trun.value("u32") for _ in range(3))
    if head != TRUN_HEAD:
        raise TornError(f"trun of track {track} has version and flags {head:08x}")
    rows, delta = moof.at + offset, 0
    for _ in range(count):
        duration, size, flags = (trun.value("u32") for _ in range(3))
        sample = Cursor(data, rows).take(size)
        key = flags == boxes.KEY_FLAGS
        yield Sample(track, delta, trun.value("i32"), key, duration, sample)
        rows, delta = rows + size, delta + duration


def samples_of(data: bytes, moof: Box) -> list[Sample]:
    """Read the samples of one fragment."""
    trafs = [box for box in children(data, moof.body, moof.end) if box.name == b"traf"]
    return [sample for traf in trafs for sample in run(data, moof, traf)]


@lru_cache(maxsize=4096)  # the tests read the same bytes thousands of times
def open_fragment(clear: bytes) -> tuple[Record, list[Sample]]:
    """Read the boxes of one fragment. They must be those of the page, to the byte."""
    found = list(children(clear, 0, len(clear)))
    if [box.name for box in found] not in (
        [b"prft", b"uuid"],
        [b"prft", b"uuid", b"moof", b"mdat"],
    ):
        raise TornError("the boxes are not those of a fragment")
    record = whole_record(user_body(clear, found[1], boxes.U_FRAGMENT))
    samples = samples_of(clear, found[2]) if len(found) > 2 else []
    values = record.values()
    again = boxes.fragment_boxes(values, samples, video_track(values), record.flags)
    if again != clear:
        at = next(
            (n for n, pair in enumerate(zip(again, clear, strict=False)) if pair[0] != pair[1]), 0
        )
        raise TornError(f"byte {at} of the fragment is not what its record and samples make")
    return record, samples


def video_track(values: Values) -> int:
    """Return the id of the video track of a fragment; 0 where it has none."""
    return 0 if values["flags"] & NO_VIDEO else 1


def decrypt(hidden: bytes, camera: str, key: bytes) -> bytes:
    """Return the boxes inside one `uuid` box of an encrypted part."""
    outer = next(children(hidden, 0, len(hidden)))
    body = Cursor(user_body(hidden, outer, boxes.U_ENCRYPTED))
    values = body.values([("epoch", "u32"), ("sequence", "u64")])
    known = boxes.whose(camera, values["epoch"], values["sequence"])
    try:
        return AESGCM(key).decrypt(boxes.sealed_nonce(values), body.data[body.at :], known)
    except InvalidTag:
        raise TornError(f"the tag of fragment {values['sequence']} is wrong") from None


def salvage(data: bytes, camera: str, key: bytes | None) -> Iterator[tuple[Record, int, int]]:
    """Find every whole fragment of a video without its index: record, place, size."""
    mark = b"uuid" + (boxes.U_ENCRYPTED if key else boxes.U_FRAGMENT)
    before = 4 if key else 4 + boxes.PRFT_SIZE
    found = data.find(mark)
    while found >= 0:
        at = found - before
        size = size_at(data, at, encrypted=key is not None)
        try:
            clear = decrypt(data[at : at + size], camera, key) if key else data[at : at + size]
            record, _ = open_fragment(clear)
        except (TornError, StopIteration):
            size = before + 1
        else:
            yield record, at, size
        found = data.find(mark, at + size)


def size_at(data: bytes, at: int, *, encrypted: bool) -> int:
    """Return how long the fragment is that begins at a place."""
    if encrypted:
        return int.from_bytes(data[at : at + 4], "big")
    record = records.record_at(data, at + boxes.PRFT_SIZE + 24)
    if record is None or record.type != records.FRAGMENT:
        return 0
    return int(record.values()["size"])


def rebuilt(record: Record, at: int, size: int, part: int) -> Record:
    """Return a fragment's record as an index made anew has it: where it lies now, and the flag."""
    values = record.values() | {"part": part, "offset": at, "size": size}
    payload = pack(records.FRAGMENT_FIELDS, values)
    extra = record.payload[len(payload) :]
    return Record(records.FRAGMENT, payload + extra, record.flags | records.REBUILT)


def rebuild(data: bytes, master_keys: dict[str, bytes]) -> bytes:
    """Make the index of a video anew, from nothing but the video."""
    whose = header(data)
    key = data_key(data, master_keys, whose["camera"])
    made = [records.index_record(records.HEADER, whose, records.REBUILT)]
    at = data.find(b"uuid" + boxes.U_DATAKEY)
    kept = records.record_at(data, at + 20) if at >= 0 else None
    if kept is not None:
        made.append(Record(kept.type, kept.payload, records.REBUILT))
    found = salvage(data, whose["camera"], key)
    made += [rebuilt(record, at, size, whose["part"]) for record, at, size in found]
    return records.MAGIC + b"".join(record.raw() for record in made)
