"""Exports: a chain as JSON lines that can be verified elsewhere, a search as CSV."""

import csv
import hashlib
import io
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import msgspec

from vms.audit import keyring, reading, store
from vms.audit.keys import SigningKey
from vms.audit.model import Found, Line, Seal, Search
from vms.audit.records import (
    EndRecord,
    HeaderRecord,
    KeyRecord,
    PersonRecord,
    Record,
    SealRecord,
    StartRecord,
    encode_record,
    line_record,
    person_record,
)
from vms.audit.service import Asker, chain_of, narrowed, note_look
from vms.common import Clock, NotFoundError, SystemClock
from vms.database import Database, Unit, Vault

# Lines of one piece; a piece is read in one transaction.
PIECE = 2_000
_SYSTEM_CLOCK = SystemClock()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# A spreadsheet takes a cell that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")

CSV_COLUMNS = (
    "time",
    "city",
    "number",
    "actor",
    "name",
    "login",
    "action",
    "object",
    "outcome",
    "address",
    "details",
    "id",
    "hash",
)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is going to be exported, and the key that signs it."""

    city: str
    # Seals.
    first: int
    last: int
    # The chain's last sealed line.
    sealed: int
    key: SigningKey
    opening: tuple[Record, ...]


class _File:
    """What was written so far of an exported chain."""

    def __init__(self, city: str) -> None:
        self._city = city
        self.digest = hashlib.sha256()
        self.actors: set[str] = set()
        self.last = 0
        self.head = ""

    def write(self, records: Iterable[Record]) -> bytes:
        """Return records as bytes, and count them in."""
        piece = b"".join(map(encode_record, records))
        self.digest.update(piece)
        return piece

    def add(self, seal: Seal, lines: Iterable[Line]) -> bytes:
        """Return a batch as bytes."""
        records: list[Record] = []
        for line in lines:
            self.actors.add(line.actor)
            records.append(line_record(line))
        records.append(msgspec.convert(seal, SealRecord, from_attributes=True))
        self.last, self.head = seal.last, seal.head
        return self.write(records)


class AuditExport:
    """Writes exports piece by piece. Whoever calls has checked that the asker may."""

    def __init__(self, database: Database, vault: Vault, clock: Clock = _SYSTEM_CLOCK) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock

    async def chain(
        self, by: Asker, city: str | None, from_us: int = 0, to_us: int = reading.FOREVER
    ) -> AsyncIterator[bytes]:
        """Yield the sealed batches that hold a period's lines, as JSON lines one can verify."""
        asked = Search(city=chain_of(by, city), from_us=from_us, to_us=to_us)
        plan = await self._database.run(lambda unit: self._begin(unit, by, asked), by.scope)
        file = _File(plan.city)
        yield file.write(plan.opening)
        next_seal = plan.first
        while next_seal <= plan.last:
            work = partial(_batches, city=plan.city, first=next_seal, last=plan.last)
            batches = await self._database.run(work, by.scope, read=True)
            yield b"".join(file.add(seal, lines) for seal, lines in batches)
            next_seal = batches[-1][0].number + 1
        closing = partial(_closing, city=plan.city, actors=file.actors)
        people, erased = await self._database.run(closing, by.scope, read=True)
        yield file.write(people)
        end = EndRecord(
            city=plan.city,
            last=file.last,
            head=file.head,
            sealed=plan.sealed,
            erased=tuple(erased),
            exported_us=self._clock.utc_us(),
            sha256=file.digest.hexdigest(),
            key=plan.key.fingerprint,
        )
        yield encode_record(
            msgspec.structs.replace(end, signature=plan.key.sign(end.signed_form()))
        )

    async def table(self, by: Asker, asked: Search) -> AsyncIterator[bytes]:
        """Yield what a search finds as CSV, the newest line first."""
        wanted = narrowed(by, asked)
        await self._database.run(
            lambda unit: note_look(unit, by, "audit.export", wanted, self._clock), by.scope
        )
        yield _csv([CSV_COLUMNS])
        after = None
        while True:
            work = partial(store.find, asked=wanted, most=PIECE, after=after)
            found = await self._database.run(work, by.scope, read=True)
            yield _csv(map(csv_row, found))
            if len(found) < PIECE:
                return
            after = (found[-1].line.time_us, found[-1].line.id)

    def _begin(self, unit: Unit, by: Asker, asked: Search) -> _Plan:
        """Write down who exports, and see what there is."""
        note_look(unit, by, "audit.export", asked, self._clock)
        city = asked.city or ""
        from_us, to_us = asked.from_us or 0, asked.to_us or reading.FOREVER
        first, last = reading.seals_of_period(unit, city, from_us, to_us) or (1, 0)
        keys = keyring.own_keys(unit, self._vault).values()
        opening: list[Record] = [
            HeaderRecord(city, tuple(KeyRecord(key.fingerprint, key.hex) for key in keys))
        ]
        opening += (
            msgspec.convert(seal, StartRecord, from_attributes=True)
            for seal in reading.seals(unit, city, first - 2, first - 1)
        )
        key = keyring.signing_key(unit, self._vault, self._clock)
        return _Plan(city, first, last, store.last_head(unit, city).last, key, tuple(opening))


def csv_row(found: Found) -> list[str]:
    """Return a line as the cells of a table that a spreadsheet shows as they are."""
    line = found.line
    time = _EPOCH + timedelta(microseconds=line.time_us)
    cells = (
        time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        line.city,
        line.number,
        line.actor,
        found.name,
        found.login,
        line.action,
        line.object,
        line.outcome,
        line.address,
        line.details,
        line.id,
        line.hash,
    )
    return ["" if cell is None else _safe_cell(str(cell)) for cell in cells]


def _safe_cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _csv(rows: Iterable[Iterable[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


def _batches(unit: Unit, city: str, first: int, last: int) -> list[tuple[Seal, list[Line]]]:
    """Return the next seals with their lines, some thousand lines at once."""
    batches: list[tuple[Seal, list[Line]]] = []
    count = 0
    for seal in reading.seals(unit, city, first - 1, last):
        lines = list(reading.lines(unit, city, seal.first - 1, seal.last))
        batches.append((seal, lines))
        count += len(lines)
        if count >= PIECE:
            break
    if not batches:
        raise NotFoundError(
            f"audit of {city}: seals {first} to {last} are gone; run vms audit verify",
            code="audit_seals_gone",
            values={"city": city, "first": first, "last": last},
        )
    return batches


def _closing(unit: Unit, city: str, actors: set[str]) -> tuple[list[PersonRecord], list[str]]:
    """Return the names behind some actors, and those whose data was erased."""
    people = [person_record(p) for p in reading.people(unit, city) if p.id in actors]
    return people, reading.erased_among(unit, city, actors)
