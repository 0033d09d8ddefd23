"""What an audit line is, the form in which it is hashed, and what seals it.

    hash of line n = SHA-256(hash of line n-1, canonical JSON of line n)

The hash before a city's first line is made of the city's name, so that no
chain can be passed off as another city's. A seal signs the hash of the last
line of a batch, and the seal before it.

A line holds ids. The address that a request came from is personal data: the
chain holds a salted hash of it, and address and salt may be erased. People's
names stand in rows of their own, whose salted hash is a line of the chain.
"""

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeGuard

import msgspec

from vms.common import InvalidError

# No slug of a city can be this: slugs have no "@".
PLATFORM_CHAIN = "@platform"

# Who acts where the audit itself does something.
SYSTEM = "system:audit"
ANONYMOUS = "anonymous"

# The lines that the audit writes about people's data.
PERSON_NAMED = "person.named"
PERSON_ERASED = "person.erased"

FORMAT = 1
MOST_DETAIL_BYTES = 4096
# Beyond this, readers of JSON that keep numbers as floats would see another one.
MOST_INTEGER = 2**53 - 1
NO_HASH = "0" * 64

AuditOutcome = Literal["ok", "denied", "failed"]
Detail = str | int | bool | Sequence[str] | None

_ACTOR = re.compile(r"[a-z][a-z_]{0,15}(?::[!-~]{1,100})?")
_ACTION = re.compile(r"[a-z][a-z0-9_]{0,31}(?:\.[a-z][a-z0-9_]{0,31}){0,3}")
_OBJECT = re.compile(r"[a-z][a-z0-9_]{0,31}(?::[!-~]{1,200})?")
_CITY = re.compile(r"[a-z0-9_-]{1,50}|" + PLATFORM_CHAIN)
_ADDRESS = re.compile(r"[!-~]{1,100}")
_DETAIL_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """What somebody did, as the one who did it tells the audit."""

    # "user:ID", "api_key:ID", "system:PART", or "anonymous" before anybody signed in.
    actor: str
    # "camera.create", "session.refuse", "clip.view", ...
    action: str
    # "KIND:ID", or a kind alone for a list.
    object: str
    # The city whose thing it is; none is the platform's chain.
    city: str | None = None
    outcome: AuditOutcome = "ok"
    # The network address of the request; a text that is none is left out.
    address: str | None = None
    # Ids, names of changed fields, numbers. Never names or texts of people.
    details: Mapping[str, Detail] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Line:
    """One stored line. ``number`` and ``hash`` are none until it is sealed."""

    city: str
    id: str
    number: int | None
    time_us: int
    actor: str
    action: str
    object: str
    outcome: str
    address: str | None
    address_salt: str | None
    address_hash: str | None
    # Canonical JSON, hashed as it is written.
    details: str
    hash: str | None


class Seal(msgspec.Struct, frozen=True):
    """The signature under lines ``first`` to ``last``, and under all before them."""

    city: str
    number: int
    first: int
    last: int
    # Hash of line ``last``.
    head: str
    # Hash of the seal before this one.
    previous: str
    time_us: int
    # Fingerprint of the key.
    key: str
    # Ed25519 over the seal's canonical form, hex.
    signature: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """How far a chain is sealed."""

    city: str
    seal: int = 0
    last: int = 0
    hash: str = ""
    seal_hash: str = NO_HASH

    @staticmethod
    def start(city: str) -> "Head":
        """Return the head of a chain that has no line yet."""
        return Head(city, hash=first_hash(city))

    @staticmethod
    def of(seal: Seal) -> "Head":
        """Return the head that a seal proves."""
        return Head(seal.city, seal.number, seal.last, seal.head, hash_of_seal(seal))


class Mark(NamedTuple):
    """One line of a chain, by its number and hash."""

    number: int
    hash: str


@dataclass(frozen=True, slots=True)
class Person:
    """The name behind an actor's id, as long as it is not erased."""

    city: str
    # As an actor, such as "user:u1".
    id: str
    name: str
    login: str
    salt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which lines are looked for; what is none is not asked for.

    ``actor``, ``object`` and ``action`` may end in ``*``: "camera.*".
    """

    city: str | None = None
    actor: str | None = None
    object: str | None = None
    action: str | None = None
    # From this time on, up to the moment before this one; microseconds of UTC.
    from_us: int | None = None
    to_us: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A line, and the actor's name where it is not erased."""

    line: Line
    name: str | None
    login: str | None


class _Chained(msgspec.Struct, frozen=True):
    """A line as it is hashed. The fields are in the order of their names."""

    action: str
    actor: str
    address_hash: str | None
    city: str
    details: msgspec.Raw
    format: int
    id: str
    number: int | None
    object: str
    outcome: str
    time_us: int


class _Signed(msgspec.Struct, frozen=True):
    """A seal as it is signed. The fields are in the order of their names."""

    city: str
    first: int
    format: int
    head: str
    key: str
    kind: str
    last: int
    number: int
    previous: str
    time_us: int


_encode = msgspec.json.Encoder().encode


def line_of(entry: AuditEntry, line_id: str, time_us: int) -> Line:
    """Check an entry and return the line that is to be stored."""
    city = PLATFORM_CHAIN if entry.city is None else entry.city
    _check(_CITY, "city", city)
    _check(_ACTOR, "actor", entry.actor)
    _check(_ACTION, "action", entry.action)
    _check(_OBJECT, "object", entry.object)
    address = salt = hashed = None
    if entry.address is not None and _ADDRESS.fullmatch(entry.address):
        address, salt = entry.address, new_salt()
        hashed = hash_of_address(address, salt)
    return Line(
        city=city,
        id=line_id,
        number=None,
        time_us=time_us,
        actor=entry.actor,
        action=entry.action,
        object=entry.object,
        outcome=entry.outcome,
        address=address,
        address_salt=salt,
        address_hash=hashed,
        details=canonical_details(entry.details),
        hash=None,
    )


def canonical_details(details: Mapping[str, Detail]) -> str:
    """Return details as JSON with sorted names and no spaces."""
    for name, value in details.items():
        _check(_DETAIL_NAME, "details", name)
        if isinstance(value, int) and abs(value) > MOST_INTEGER:
            raise _invalid("details", f"{name} = {value}")
        listed = isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
        # A float has no one way to be written; deeper things belong into their own tables.
        if not listed and not isinstance(value, str | int | None):
            raise _invalid("details", f"{name} = {value!r}")
    try:
        text = msgspec.json.encode(details, order="sorted")
    except (TypeError, UnicodeEncodeError) as error:
        raise _invalid("details", str(error)) from error
    if len(text) > MOST_DETAIL_BYTES:
        raise _invalid("details", f"{len(text)} bytes; at most {MOST_DETAIL_BYTES}")
    # PostgreSQL keeps no NUL in a text.
    if rb"\u0000" in text:
        raise _invalid("details", "a NUL")
    return text.decode()


def canonical_line(line: Line, number: int | None = None) -> bytes:
    """Return a line as it is hashed, under its own number or another."""
    return _encode(
        _Chained(
            line.action,
            line.actor,
            line.address_hash,
            line.city,
            msgspec.Raw(line.details),
            FORMAT,
            line.id,
            line.number if number is None else number,
            line.object,
            line.outcome,
            line.time_us,
        )
    )


def hash_of_line(previous: str, line: Line, number: int | None = None) -> str:
    """Return a line's hash after the line with the hash ``previous``."""
    return hashlib.sha256(bytes.fromhex(previous) + canonical_line(line, number)).hexdigest()


def first_hash(city: str) -> str:
    """Return what stands for the hash before a city's first line."""
    return hashlib.sha256(f"vms audit chain {FORMAT}\n{city}".encode()).hexdigest()


def canonical_seal(seal: Seal) -> bytes:
    """Return a seal as it is signed."""
    return _encode(
        _Signed(
            seal.city,
            seal.first,
            FORMAT,
            seal.head,
            seal.key,
            "seal",
            seal.last,
            seal.number,
            seal.previous,
            seal.time_us,
        )
    )


def hash_of_seal(seal: Seal) -> str:
    """Return what the next seal holds of this one."""
    return hashlib.sha256(canonical_seal(seal) + seal.signature.encode()).hexdigest()


def hash_of_address(address: str, salt: str) -> str:
    """Return what the chain holds of an address."""
    # Damaged texts hash to something too, never to what they were.
    return hashlib.sha256(f"{salt}\n{address}".encode(errors="surrogateescape")).hexdigest()


def digest_of_person(person: Person) -> str:
    """Return what the chain holds of a person's name and login."""
    text = _encode([person.salt, person.city, person.id, person.name, person.login])
    return hashlib.sha256(text).hexdigest()


def new_salt() -> str:
    """Return 128 random bits, so that a hash cannot be undone by trying all addresses."""
    return secrets.token_hex(16)


def is_hash(text: object) -> TypeGuard[str]:
    """Say whether something is a SHA-256 as this chain writes it."""
    return isinstance(text, str) and _HASH.fullmatch(text) is not None


def _check(pattern: re.Pattern[str], name: str, value: str) -> None:
    if pattern.fullmatch(value) is None:
        raise _invalid(name, repr(value))


def _invalid(name: str, found: str) -> InvalidError:
    return InvalidError(
        f"audit entry: {name}: {found} is not allowed",
        code="audit_entry_invalid",
        values={"field": name},
    )
