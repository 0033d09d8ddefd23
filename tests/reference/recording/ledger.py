"""The ledger: frames, bodies, chain; keys and what is signed; Merkle trees and seals."""

from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from .fields import Cursor, Fields, TornError, Values, pack, sha256
from .records import Record

CONFIG, GAP, CLOCK, SEAL, HOLD, REMOVED, KEY, RESERVE = range(16, 24)
FRAMED = range(16, 25)
WHOLE_CAMERA = 255
FINAL, INTERIM, AFTER_CRASH = 1, 2, 3
KEYS, OTHERS, AUDIO, ALL = 1, 2, 4, 7
SEALED = (CONFIG, GAP, CLOCK)

FRAME: Fields = [("number", "u64"), ("utc_us", "i64"), ("stream", "u8")]
SPAN: Fields = [("from_us", "i64"), ("to_us", "i64")]
TRACK: Fields = [
    ("id", "u8"), ("codec", "str"), ("timescale", "u32"), ("width", "u16"), ("height", "u16"),
    ("channels", "u8"),
]  # fmt: skip
SEAL_SIGNED: Fields = [
    ("seal", "u64"),
    ("hour", "u32"),
    ("hours", "u32"),
    ("first", "u64"),
    ("last", "u64"),
    ("fragments", "u32"),
    ("leaves", "u32"),
    ("root", "hash"),
    ("chain_last", "hash"),
    ("before", "hash"),
    ("kind", "u8"),
    ("key_id", "hash"),
]
REMOVED_SIGNED: Fields = [
    ("first", "u64"), ("last", "u64"), ("groups", "u8"), ("reason", "u16"), ("count", "u32"),
    ("bytes", "u64"), *SPAN, ("by", "str"), ("why", "text"), ("root", "hash"), ("key_id", "hash"),
]  # fmt: skip
KEY_SIGNED: Fields = [("key_id", "hash"), ("public", "hash"), ("signer", "hash")]
SIGNATURE: Fields = [("signature", "signature")]
BODIES: dict[int, Fields] = {
    CONFIG: [
        ("epoch", "u32"), ("part", "u16"), ("hour", "u32"), ("first", "u64"), ("origin_us", "i64"),
        ("tracks", TRACK), ("encrypted", "u8"), ("software", "str"),
    ],
    GAP: [*SPAN, ("before", "u64"), ("frames", "u32"), ("reason", "u16"), ("values", "text")],
    CLOCK: [
        ("reason", "u8"), ("before_us", "i64"), ("after_us", "i64"), ("error_us", "u32"),
        ("epoch", "u32"),
    ],
    SEAL: SEAL_SIGNED + SIGNATURE,
    HOLD: [("hold", "str"), ("on", "u8"), *SPAN, ("by", "str"), ("why", "text")],
    REMOVED: REMOVED_SIGNED + SIGNATURE,
    KEY: KEY_SIGNED + SIGNATURE,
    RESERVE: [("up_to", "u64")],
}  # fmt: skip
# What is signed: the word in front, whether the stream follows, the fields.
SIGNED: dict[int, tuple[bytes, bool, Fields]] = {
    SEAL: (b"vms seal 1", True, SEAL_SIGNED),
    REMOVED: (b"vms removed 1", True, REMOVED_SIGNED),
    KEY: (b"vms key 1", False, KEY_SIGNED),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of a ledger: frame, body, chain."""

    type: int
    values: Values
    middle: bytes  # number ... body, with what a newer version put behind
    chain: bytes
    at: int = 0

    @property
    def leaf(self) -> bytes:
        """Return its leaf in the tree of a seal; the chain is taken over the same bytes."""
        return bytes([self.type]) + self.middle


def start(city: str, camera: str) -> bytes:
    """Return what stands for the chain before the first record."""
    return sha256(b"vms ledger 1\0", city.encode(), b"\0", camera.encode())


def entry(record: Record) -> Entry:
    """Read one record of a ledger; its chain is the last 32 bytes, whatever stands before."""
    middle, chain = record.payload[:-32], record.payload[-32:]
    values = Cursor(middle).values(FRAME + BODIES.get(record.type, []))
    return Entry(record.type, values, middle, chain, record.at)


def make_entry(kind: int, values: Values, before: bytes) -> Entry:
    """Write one record of a ledger behind another one's chain."""
    middle = pack(FRAME + BODIES[kind], values)
    return Entry(kind, values, middle, sha256(before, bytes([kind]), middle))


def entries(records: list[Record]) -> list[Entry]:
    """Read all records of a ledger; unknown types are left out."""
    return [entry(record) for record in records if record.type in FRAMED]


def signed_bytes(kind: int, city: str, camera: str, values: Values) -> bytes:
    """Return what the signature of a SEAL, a REMOVED or a KEY is over."""
    word, with_stream, fields = SIGNED[kind]
    whose = b"\0".join([word, city.encode(), camera.encode(), b""])
    stream = bytes([values["stream"]]) if with_stream else b""
    return whose + stream + pack(fields, values)


@lru_cache(maxsize=4096)  # the tests read the same bytes thousands of times
def is_signed(public: bytes, signature: bytes, data: bytes) -> bool:
    """Say whether a signature is right."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except InvalidSignature:
        return False
    return True


def seal_hash(city: str, camera: str, values: Values) -> bytes:
    """Return what the next seal of the stream names as the one before."""
    return sha256(signed_bytes(SEAL, city, camera, values), values["signature"])


def known_keys(
    city: str, camera: str, found: list[Values], pinned: bytes | None
) -> dict[bytes, bytes]:
    """Return the public keys that count, by id: the pinned one and what it signed, step by step.

    Without a pinned key the first one counts as if it were.
    """
    keys: dict[bytes, bytes] = {} if pinned is None else {sha256(pinned): pinned}
    for values in found:
        own, signer = values["key_id"], values["signer"]
        trusted = (
            values["public"] if signer == own and pinned is None and not keys else keys.get(signer)
        )
        signed = signed_bytes(KEY, city, camera, values)
        if (
            sha256(values["public"]) == own
            and trusted
            and is_signed(trusted, values["signature"], signed)
        ):
            keys[own] = values["public"]
    return keys


def leaf_hash(leaf: bytes) -> bytes:
    """Return the hash of a leaf (RFC 6962, 2.1)."""
    return sha256(b"\0", leaf)


def split(count: int) -> int:
    """Return the largest power of two below a count."""
    return 1 << (count - 1).bit_length() - 1


def root(leaves: list[bytes]) -> bytes:
    """Return the Merkle tree hash of leaves (RFC 6962, 2.1)."""
    if not leaves:
        return sha256()
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    left = split(len(leaves))
    return sha256(b"\1", root(leaves[:left]), root(leaves[left:]))


def audit_path(index: int, leaves: list[bytes]) -> list[bytes]:
    """Return the hashes that prove one leaf, nearest first (RFC 6962, 2.1.1)."""
    if len(leaves) == 1:
        return []
    left = split(len(leaves))
    if index < left:
        return [*audit_path(index, leaves[:left]), root(leaves[left:])]
    return [*audit_path(index - left, leaves[left:]), root(leaves[:left])]


def root_by_path(leaf: bytes, index: int, count: int, path: list[bytes]) -> bytes:
    """Return the root that one leaf and its path lead to."""
    if not 0 <= index < count or (count == 1) != (not path):
        raise TornError(f"leaf {index} of {count} cannot have a path of {len(path)}")
    if count == 1:
        return leaf_hash(leaf)
    left = split(count)
    if index < left:
        return sha256(b"\1", root_by_path(leaf, index, left, path[:-1]), path[-1])
    return sha256(b"\1", path[-1], root_by_path(leaf, index - left, count - left, path[:-1]))


def held(entries_before: list[Entry], stream: int, from_us: int, to_us: int) -> bool:
    """Say whether any of a span is under a hold; a deleter asks this before it removes."""
    holds: dict[str, Values] = {}
    for each in entries_before:
        if each.type == HOLD:
            holds[each.values["hold"]] = each.values
    return any(
        hold["on"] == 1
        and hold["stream"] in (WHOLE_CAMERA, stream)
        and hold["from_us"] < to_us
        and from_us < hold["to_us"]
        for hold in holds.values()
    )
