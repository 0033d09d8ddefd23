"""Lines, seals, names and keys in the database; `reading` reads whole chains."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    LargeBinary,
    String,
    Table,
    Text,
    bindparam,
    delete,
    insert,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

from vms.audit.model import Found, Head, Line, Person, Seal, Search
from vms.common import ConflictError
from vms.database import Unit, is_unique_violation, metadata

LEASE = "sealer"

lines_table = Table(
    "audit_lines",
    metadata,
    Column("city", String(63), primary_key=True),
    Column("id", String(23), primary_key=True),
    Column("number", BigInteger),
    Column("time_us", BigInteger, nullable=False),
    Column("actor", String(120), nullable=False),
    Column("action", String(140), nullable=False),
    Column("object", String(240), nullable=False),
    Column("outcome", String(8), nullable=False),
    Column("address", String(100)),
    Column("address_salt", String(32)),
    Column("address_hash", String(64)),
    Column("details", Text, nullable=False),
    Column("hash", String(64)),
    Index("uq_audit_lines_city_number", "city", "number", unique=True),
    Index("ix_audit_lines_city_time_us", "city", "time_us", "id"),
    Index("ix_audit_lines_time_us", "time_us", "id"),
    Index("ix_audit_lines_actor", "actor", "time_us", "id"),
    Index("ix_audit_lines_object", "object", "time_us", "id"),
    Index("ix_audit_lines_action", "action", "time_us", "id"),
    # What waits for its seal: small, whatever the chain has grown to.
    Index(
        "ix_audit_lines_waiting",
        "city",
        "time_us",
        "id",
        sqlite_where=text("number IS NULL"),
        postgresql_where=text("number IS NULL"),
    ),
)

seals_table = Table(
    "audit_seals",
    metadata,
    Column("city", String(63), primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("head", String(64), nullable=False),
    Column("previous", String(64), nullable=False),
    Column("time_us", BigInteger, nullable=False),
    Column("key", String(64), nullable=False),
    Column("signature", String(128), nullable=False),
)

people_table = Table(
    "audit_people",
    metadata,
    Column("city", String(63), primary_key=True),
    Column("id", String(120), primary_key=True),
    Column("name", Text, nullable=False),
    Column("login", Text, nullable=False),
    Column("salt", String(32), nullable=False),
)

keys_table = Table(
    "audit_keys",
    metadata,
    Column("fingerprint", String(64), primary_key=True),
    Column("public", String(64), nullable=False),
    Column("private", LargeBinary, nullable=False),
    Column("made_us", BigInteger, nullable=False),
)

lease_table = Table(
    "audit_lease",
    metadata,
    Column("name", String(23), primary_key=True),
    Column("holder", String(23), nullable=False),
    Column("until_us", BigInteger, nullable=False),
)

LINE_COLUMNS = tuple(field.name for field in fields(Line))
SEAL_COLUMNS = Seal.__struct_fields__
PERSON_COLUMNS = tuple(field.name for field in fields(Person))

_NUMBERS = frozenset({"number", "time_us", "first", "last"})
_FOUND = ", ".join(f"line.{name}" for name in LINE_COLUMNS)
_LIKE_SPECIAL = re.compile(r"([!%_])")

_insert_line = insert(lines_table)
_number_line = (
    update(lines_table)
    .where(
        lines_table.c.city == bindparam("of_city"),
        lines_table.c.id == bindparam("of_id"),
        lines_table.c.number.is_(None),
    )
    .values(number=bindparam("new_number"), hash=bindparam("new_hash"))
)
# PostgreSQL takes all of a batch in one statement: a fifth of the time of one each.
_number_at_once = text(
    "UPDATE audit_lines SET number = batch.number, hash = batch.hash "
    "FROM unnest(CAST(:ids AS text[]), CAST(:numbers AS bigint[]), CAST(:hashes AS text[])) "
    "AS batch(id, number, hash) "
    "WHERE audit_lines.city = :city AND audit_lines.id = batch.id AND audit_lines.number IS NULL"
)


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A sealing key as the database holds it; the private half is sealed by the vault."""

    fingerprint: str
    public: str
    private: bytes


def damaged_too(unit: Unit, columns: Iterable[str]) -> str:
    """Return columns such that a damaged text can be read, by ``readable``.

    SQLite keeps whatever bytes stand in its file, and its driver would refuse
    a text that is not UTF-8 instead of showing it.
    """
    if unit.store != "sqlite":
        return ", ".join(columns)
    return ", ".join(name if name in _NUMBERS else f"CAST({name} AS BLOB)" for name in columns)


def readable(row: Sequence[Any]) -> list[Any]:
    """Return a row's values, texts as texts whatever bytes they hold."""
    return [
        value.decode(errors="surrogateescape") if isinstance(value, bytes) else value
        for value in row
    ]


def has_line(unit: Unit, city: str, line_id: str) -> bool:
    """Tell whether a chain holds a line of this id."""
    rows = unit.rows(
        "SELECT 1 FROM audit_lines WHERE city = :city AND id = :id", {"city": city, "id": line_id}
    )
    return bool(rows)


def insert_line(unit: Unit, line: Line) -> None:
    """Write a line that waits for its seal."""
    unit.execute(_insert_line, {name: getattr(line, name) for name in LINE_COLUMNS})


def chains_waiting(unit: Unit) -> list[str]:
    """Return the chains that have lines without a seal."""
    rows = unit.rows("SELECT DISTINCT city FROM audit_lines WHERE number IS NULL ORDER BY city")
    return [city for (city,) in rows]


def waiting_lines(unit: Unit, city: str, most: int) -> list[Line]:
    """Return the oldest lines that wait for their seal."""
    rows = unit.rows(
        f"SELECT {damaged_too(unit, LINE_COLUMNS)} FROM audit_lines "  # noqa: S608 - columns
        "WHERE city = :city AND number IS NULL ORDER BY time_us, id LIMIT :most",
        {"city": city, "most": most},
    )
    return [Line(*readable(row)) for row in rows]


def last_head(unit: Unit, city: str) -> Head:
    """Return how far a chain is sealed."""
    rows = unit.rows(
        f"SELECT {damaged_too(unit, SEAL_COLUMNS)} FROM audit_seals "  # noqa: S608 - columns
        "WHERE city = :city ORDER BY number DESC LIMIT 1",
        {"city": city},
    )
    return Head.of(Seal(*readable(rows[0]))) if rows else Head.start(city)


def hash_at(unit: Unit, city: str, number: int) -> str | None:
    """Return the stored hash of one line."""
    rows = unit.rows(
        "SELECT hash FROM audit_lines WHERE city = :city AND number = :number",
        {"city": city, "number": number},
    )
    return rows[0][0] if rows else None


def write_batch(unit: Unit, seal: Seal, hashed: Sequence[tuple[str, int, str]]) -> None:
    """Write a seal, and number and hash of its lines (id, number, hash)."""
    try:
        _number_lines(unit, seal.city, hashed)
        unit.execute(insert(seals_table), msgspec.structs.asdict(seal))
    except IntegrityError as error:
        if not is_unique_violation(error):
            raise
        raise ConflictError(
            f"audit of {seal.city}: something stands where seal {seal.number} or lines "
            f"{seal.first} to {seal.last} belong; run vms audit verify",
            code="audit_chain_blocked",
            values={"city": seal.city, "first": seal.first},
        ) from error


def _number_lines(unit: Unit, city: str, hashed: Sequence[tuple[str, int, str]]) -> None:
    if unit.store == "postgresql":
        ids, numbers, hashes = (list(column) for column in zip(*hashed, strict=True))
        values = {"city": city, "ids": ids, "numbers": numbers, "hashes": hashes}
        unit.execute(_number_at_once, values)
        return
    unit.execute(
        _number_line,
        [
            {"of_city": city, "of_id": line, "new_number": number, "new_hash": line_hash}
            for line, number, line_hash in hashed
        ],
    )


def take_lease(unit: Unit, holder: str, now_us: int, until_us: int) -> bool:
    """Take or keep the one writer's lease; say whether it is ours until then.

    In the transaction that writes: whoever lost the lease meanwhile writes nothing.
    """
    free = (lease_table.c.holder == holder) | (lease_table.c.until_us < now_us)
    taken = unit.execute(
        update(lease_table)
        .where(lease_table.c.name == LEASE, free)
        .values(holder=holder, until_us=until_us)
    )
    return taken.rowcount == 1


def person(unit: Unit, city: str, person_id: str) -> Person | None:
    """Return the name behind an id."""
    rows = unit.rows(
        f"SELECT {', '.join(PERSON_COLUMNS)} FROM audit_people "  # noqa: S608 - columns
        "WHERE city = :city AND id = :id",
        {"city": city, "id": person_id},
    )
    return Person(*rows[0]) if rows else None


def write_person(unit: Unit, named: Person) -> None:
    """Write a name, in place of the one before."""
    delete_person(unit, named.city, named.id)
    unit.execute(insert(people_table), asdict(named))


def delete_person(unit: Unit, city: str, person_id: str) -> None:
    """Delete a name."""
    unit.execute(
        delete(people_table).where(people_table.c.city == city, people_table.c.id == person_id)
    )


def chains_of_person(unit: Unit, actor: str) -> list[str]:
    """Return the chains that hold personal data of somebody."""
    rows = unit.rows(
        "SELECT city FROM audit_lines WHERE actor = :actor AND address IS NOT NULL "
        "UNION SELECT city FROM audit_people WHERE id = :actor",
        {"actor": actor},
    )
    return sorted(city for (city,) in rows)


def erase_addresses(unit: Unit, city: str, actor: str) -> int:
    """Erase the addresses that somebody's requests came from; return how many."""
    return unit.execute(
        update(lines_table)
        .where(
            lines_table.c.city == city,
            lines_table.c.actor == actor,
            lines_table.c.address.is_not(None),
        )
        .values(address=None, address_salt=None)
    ).rowcount


def stored_keys(unit: Unit) -> list[StoredKey]:
    """Return the sealing keys, the newest first."""
    rows = unit.rows(
        f"SELECT {damaged_too(unit, ('fingerprint', 'public'))}, private "  # noqa: S608 - columns
        "FROM audit_keys ORDER BY made_us DESC, fingerprint"
    )
    keys = []
    for *names, private in rows:
        fingerprint, public = readable(names)
        keys.append(StoredKey(fingerprint, public, bytes(private)))
    return keys


def write_key(unit: Unit, key: StoredKey, made_us: int) -> None:
    """Keep a new sealing key."""
    unit.execute(insert(keys_table), {**asdict(key), "made_us": made_us})


def find(unit: Unit, asked: Search, most: int, after: tuple[int, str] | None = None) -> list[Found]:
    """Return lines, the newest first, with the names that are not erased.

    ``after`` is time and id of the line that they come behind.
    """
    conditions, values = _conditions(asked)
    if after is not None:
        conditions.append("(line.time_us, line.id) < (:after_us, :after_id)")
        values["after_us"], values["after_id"] = after
    where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
    rows = unit.rows(
        f"SELECT {_FOUND}, person.name, person.login FROM audit_lines AS line "  # noqa: S608 - fixed
        "LEFT JOIN audit_people AS person ON person.city = line.city AND person.id = line.actor "
        f"{where}ORDER BY line.time_us DESC, line.id DESC LIMIT :most",
        {**values, "most": most},
    )
    return [Found(Line(*row[:-2]), *row[-2:]) for row in rows]


def _conditions(asked: Search) -> tuple[list[str], dict[str, object]]:
    """Return what a search means in SQL: fixed texts, and values beside them."""
    conditions = []
    values: dict[str, object] = {}
    for name in ("city", "actor", "object", "action"):
        wanted = getattr(asked, name)
        if wanted is None:
            continue
        if wanted.endswith("*"):
            conditions.append(f"line.{name} LIKE :{name} ESCAPE '!'")
            values[name] = _LIKE_SPECIAL.sub(r"!\1", wanted[:-1]) + "%"
        else:
            conditions.append(f"line.{name} = :{name}")
            values[name] = wanted
    if asked.from_us is not None:
        conditions.append("line.time_us >= :from_us")
        values["from_us"] = asked.from_us
    if asked.to_us is not None:
        conditions.append("line.time_us < :to_us")
        values["to_us"] = asked.to_us
    return conditions, values
