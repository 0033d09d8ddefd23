"""What others ask of the audit: to write, to search, to verify, to forget a person."""

import re
from dataclasses import dataclass, replace

from vms.audit import keyring, reading, store
from vms.audit.keys import PublicKey
from vms.audit.model import (
    PERSON_ERASED,
    PERSON_NAMED,
    PLATFORM_CHAIN,
    AuditEntry,
    Found,
    Line,
    Mark,
    Person,
    Search,
    digest_of_person,
    line_of,
    new_salt,
)
from vms.audit.ports import HeadKeeper
from vms.audit.verifier import ChainVerifier, Report
from vms.common import (
    MAX_PAGE,
    Clock,
    InternalError,
    InvalidError,
    NotFoundError,
    Page,
    Slice,
    SystemClock,
    new_id,
)
from vms.database import PLATFORM, Database, Scope, Unit, Vault

_SYSTEM_CLOCK = SystemClock()
_FIRST_PAGE = Page()
# Time and id of the last line seen.
_AFTER = re.compile(r"([0-9]{1,17})\.([0-9a-z]{1,23})")


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks the audit, as it writes him down; whether he may is decided before."""

    # As in an entry, such as "user:u1".
    actor: str
    scope: Scope
    address: str | None = None


def record(unit: Unit, entry: AuditEntry, clock: Clock = _SYSTEM_CLOCK) -> None:
    """Write a line, in the transaction of what it tells of."""
    _write(unit, line_of(entry, new_id(), clock.utc_us()))


def record_once(unit: Unit, entry: AuditEntry, line_id: str, clock: Clock = _SYSTEM_CLOCK) -> bool:
    """Write a line that may have been written before, under an id that is its own.

    Tells whether it was written now.
    """
    line = line_of(entry, line_id, clock.utc_us())
    if store.has_line(unit, line.city, line.id):
        return False
    _write(unit, line)
    return True


def _write(unit: Unit, line: Line) -> None:
    if unit.scope.city not in {None, line.city}:
        # PostgreSQL would refuse it, SQLite would not.
        raise InternalError(
            f"audit: a unit of work of {unit.scope.city} wrote a line of {line.city}",
            code="audit_city",
            values={"city": line.city},
        )
    store.insert_line(unit, line)


def name_person(
    unit: Unit,
    by: Asker,
    person: str,
    *,
    city: str | None,
    name: str,
    login: str,
    clock: Clock = _SYSTEM_CLOCK,
) -> None:
    """Keep whose the actor's id ``person`` is; to be called whenever name or login change."""
    chain = PLATFORM_CHAIN if city is None else city
    before = store.person(unit, chain, person)
    if before is not None and (before.name, before.login) == (name, login):
        return
    named = Person(chain, person, name, login, new_salt())
    entry = AuditEntry(
        actor=by.actor,
        action=PERSON_NAMED,
        object=person,
        city=city,
        address=by.address,
        details={"digest": digest_of_person(named)},
    )
    record(unit, entry, clock)
    store.write_person(unit, named)


def erase_person(unit: Unit, by: Asker, person: str, clock: Clock = _SYSTEM_CLOCK) -> None:
    """Erase name, login and addresses of an actor from every chain the unit may write.

    The lines stay, and the chains stay valid: they hold the id, and of the rest
    a hash whose salt is erased too.
    """
    own = unit.scope.city
    for chain in store.chains_of_person(unit, person):
        if own not in {None, chain}:
            continue
        store.delete_person(unit, chain, person)
        lines = store.erase_addresses(unit, chain, person)
        entry = AuditEntry(
            actor=by.actor,
            action=PERSON_ERASED,
            object=person,
            city=None if chain == PLATFORM_CHAIN else chain,
            # His own address would have to be erased again.
            address=None if by.actor == person else by.address,
            details={"lines": lines},
        )
        record(unit, entry, clock)


def verify(unit: Unit, city: str, keys: dict[str, PublicKey], mark: Mark | None = None) -> Report:
    """Check a city's chain in the database; the unit should see one moment."""
    verifier = ChainVerifier(city, keys, mark=mark)
    for seal in reading.seals(unit, city):
        if verifier.seal(seal):
            verifier.lines(reading.lines(unit, city, verifier.number, seal.last))
            verifier.close(seal)
        else:
            verifier.skip(seal)
    verifier.unsealed(reading.lines(unit, city, verifier.number))
    verifier.unsealed(reading.lines(unit, city, reading.BEFORE_ALL, 0))
    verifier.waiting(reading.waiting(unit, city))
    verifier.people(reading.people(unit, city))
    return verifier.finish()


class AuditTrail:
    """Reads the audit. Whoever calls has checked that the asker may."""

    def __init__(
        self, database: Database, vault: Vault, heads: HeadKeeper, clock: Clock = _SYSTEM_CLOCK
    ) -> None:
        self._database = database
        self._vault = vault
        self._heads = heads
        self._clock = clock

    async def search(self, by: Asker, asked: Search, page: Page = _FIRST_PAGE) -> Slice[Found]:
        """Return one page of lines, the newest first. To look is a line too."""
        wanted = narrowed(by, asked)
        after = _read_after(page.after)
        if after is None:
            await self._database.run(
                lambda unit: note_look(unit, by, "audit.search", wanted, self._clock), by.scope
            )
        limit = max(1, min(page.limit, MAX_PAGE))
        found = await self._database.run(
            lambda unit: store.find(unit, wanted, limit + 1, after), by.scope, read=True
        )
        last = found[limit - 1].line if len(found) > limit else None
        following = None if last is None else f"{last.time_us}.{last.id}"
        return Slice(tuple(found[:limit]), following)

    async def verify(self, by: Asker, city: str | None) -> Report:
        """Check the chain of a city, or of the platform."""
        chain = chain_of(by, city)
        marks = self._heads.load()

        def work(unit: Unit) -> Report:
            keys = keyring.own_keys(unit, self._vault)
            return verify(unit, chain, keys, marks.get(chain))

        return await self._database.run(work, by.scope, read=True)

    async def erase(self, by: Asker, person: str) -> None:
        """Erase a person's data from the audit; the chains stay valid."""
        await self._database.run(lambda unit: erase_person(unit, by, person, self._clock), by.scope)

    async def chains(self, by: Asker) -> list[str]:
        """Return the chains that the asker's scope can see."""
        if by.scope.city is not None:
            return [by.scope.city]
        return await self._database.run(reading.chains, by.scope, read=True)

    async def public_keys(self) -> list[PublicKey]:
        """Return the keys that sealed so far."""
        keys = await self._database.run(
            lambda unit: keyring.own_keys(unit, self._vault), PLATFORM, read=True
        )
        return list(keys.values())


def note_look(unit: Unit, by: Asker, action: str, asked: Search, clock: Clock) -> None:
    """Write down that somebody looked: the audit tells of people."""
    names = ("actor", "object", "action", "from_us", "to_us")
    details = {name: getattr(asked, name) for name in names if getattr(asked, name) is not None}
    entry = AuditEntry(
        actor=by.actor,
        action=action,
        object="audit",
        city=None if asked.city == PLATFORM_CHAIN else asked.city,
        address=by.address,
        details={name: value for name, value in details.items() if value != reading.FOREVER},
    )
    record(unit, entry, clock)


def narrowed(by: Asker, asked: Search) -> Search:
    """Narrow a search to the asker's city."""
    if by.scope.city is None and asked.city is None:
        return asked
    return replace(asked, city=chain_of(by, asked.city))


def chain_of(by: Asker, city: str | None) -> str:
    """Return the chain that is meant: without a city the asker's own. Others' do not exist."""
    own = by.scope.city
    if city is None:
        return PLATFORM_CHAIN if own is None else own
    if own is not None and city != own:
        raise NotFoundError(
            f"there is no city {city!r}", code="city_unknown", values={"city": city}
        )
    return city


def _read_after(after: str | None) -> tuple[int, str] | None:
    if after is None:
        return None
    found = _AFTER.fullmatch(after)
    if found is None:
        raise InvalidError(f"{after!r} is not a place in this list", code="cursor_invalid")
    return int(found[1]), found[2]
