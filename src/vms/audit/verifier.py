"""Checks a chain from its first line to its last, and says where it is broken.

Seals come in the order of their numbers, each after or before its lines, as
the source has them: whoever drives the verifier asks ``seal`` whether a seal
can be trusted, gives ``lines`` what stands up to its last line, then calls
``close``. A line is good when its hash follows from the line before it, as
that line is stored or as it ought to be: so one changed line is one fault,
not one for every line after it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import combinations

import msgspec

from vms.audit.keys import PublicKey
from vms.audit.model import (
    PERSON_ERASED,
    PERSON_NAMED,
    Head,
    Line,
    Mark,
    Person,
    Seal,
    canonical_seal,
    digest_of_person,
    hash_of_address,
    hash_of_line,
    is_hash,
)

# More are counted, but not told one by one.
MOST_FAULTS = 100
# Among so many broken lines a swapped pair is looked for.
MOST_SUSPECTS = 64


class FaultKind(StrEnum):
    """What can be wrong with a chain."""

    LINE_CHANGED = "line_changed"
    LINE_MISSING = "line_missing"
    LINES_SWAPPED = "lines_swapped"
    LINE_REPEATED = "line_repeated"
    LINE_UNSEALED = "line_unsealed"
    ADDRESS_CHANGED = "address_changed"
    ADDRESS_MISSING = "address_missing"
    PERSON_CHANGED = "person_changed"
    PERSON_MISSING = "person_missing"
    SEAL_FORGED = "seal_forged"
    SEAL_MISSING = "seal_missing"
    SEAL_KEY_UNKNOWN = "seal_key_unknown"
    HEAD_DIFFERS = "head_differs"
    TAIL_CUT = "tail_cut"
    END_MISSING = "end_missing"
    FILE_CHANGED = "file_changed"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, and where: numbers of lines, or of seals."""

    kind: FaultKind
    first: int = 0
    last: int = 0
    about: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification found."""

    city: str
    lines: int
    seals: int
    head: Head
    # Lines that wait for their seal.
    waiting: int
    # Fingerprints of the keys that sealed.
    keys: tuple[str, ...]
    # Whether every one of them is known to be ours.
    signer_known: bool
    faults: tuple[Fault, ...]
    fault_count: int

    @property
    def intact(self) -> bool:
        """Whether nothing is wrong."""
        return self.fault_count == 0


@dataclass(slots=True)
class _Suspect:
    line: Line
    number: int
    # The hash before it, as stored.
    before: str | None


@dataclass(slots=True)
class _People:
    """What the chain says of people's data; the newest word counts."""

    named: dict[str, str] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)
    # Actor -> his first line whose address is gone.
    addresses_gone: dict[str, int] = field(default_factory=dict)


class ChainVerifier:
    """Checks one city's chain. Memory does not grow with the lines."""

    def __init__(
        self,
        city: str,
        keys: Mapping[str, PublicKey],
        *,
        start: Head | None = None,
        mark: Mark | None = None,
    ) -> None:
        """Begin at ``start``, or at the first line; ``mark`` is a line known from elsewhere."""
        self.city = city
        self._mark = mark
        self._keys = keys
        self._head = start or Head.start(city)
        self._number = self._head.last
        # The last line's hash as stored, and as it ought to be.
        self._stored: str | None = self._head.hash
        self._expected: str | None = self._head.hash
        self._next_seal = self._head.seal + 1
        # Whether the seal before the next one was trusted.
        self._linked = True
        self._lines = 0
        self._waiting = 0
        self._seals = 0
        self._used: dict[str, None] = {}
        self._suspects: list[_Suspect] = []
        # The last line that was found broken.
        self._broken = 0
        self._people = _People()
        self._faults: list[Fault] = []
        self._count = 0

    @property
    def untouched(self) -> bool:
        """Whether nothing was given yet."""
        return self._lines == 0 and self._seals == 0 and self._count == 0

    @property
    def number(self) -> int:
        """The last line that was given."""
        return self._number

    @property
    def head(self) -> Head:
        """The last seal that was given."""
        return self._head

    def fault(self, kind: FaultKind, first: int = 0, last: int = 0, about: str = "") -> None:
        """Note that something is wrong."""
        self._count += 1
        if len(self._faults) < MOST_FAULTS:
            self._faults.append(Fault(kind, first, last or first, about))

    def seal(self, seal: Seal) -> bool:
        """Check a seal's signature and its place; say whether its numbers can be trusted."""
        self._seals += 1
        if seal.key not in self._keys:
            self.fault(FaultKind.SEAL_KEY_UNKNOWN, _as_int(seal.number), about=str(seal.key))
            return False
        if not self.signs(seal):
            self.fault(FaultKind.SEAL_FORGED, _as_int(seal.number))
            return False
        self._used[seal.key] = None
        if seal.number > self._next_seal:
            self.fault(FaultKind.SEAL_MISSING, self._next_seal, seal.number - 1)
        elif seal.number < self._next_seal or (self._linked and not self._follows(seal)):
            self.fault(FaultKind.SEAL_FORGED, seal.number)
        return True

    def signs(self, seal: Seal) -> bool:
        """Say whether a seal is of this city and of one of the keys."""
        key = self._keys.get(seal.key)
        if key is None or seal.city != self.city:
            return False
        try:
            return key.verifies(canonical_seal(seal), seal.signature)
        except UnicodeEncodeError:
            return False

    def _follows(self, seal: Seal) -> bool:
        return seal.previous == self._head.seal_hash and seal.first == self._head.last + 1

    def lines(self, lines: Iterable[Line]) -> None:
        """Check lines that follow the ones given before."""
        for line in lines:
            self._line(line)

    def close(self, seal: Seal) -> None:
        """Compare a trusted seal with the lines given so far."""
        if self._number < seal.last:
            self.fault(FaultKind.LINE_MISSING, self._number + 1, seal.last)
            self._stored = self._expected = seal.head
            self._number = seal.last
        elif not self._leads_to(seal.head) or self._number > seal.last:
            self.fault(FaultKind.HEAD_DIFFERS, seal.first, seal.last)
        # From here on, what the seal says is the truth.
        self._expected = seal.head
        self._head = Head.of(seal)
        self._next_seal = seal.number + 1
        self._linked = True

    def _leads_to(self, head: str) -> bool:
        """Say whether the last line has a hash; a line found broken is told once."""
        return head in {self._stored, self._expected} or self._broken == self._number

    def skip(self, seal: Seal) -> None:
        """Pass over a seal that cannot be trusted; its lines stand under the next one."""
        self._linked = False
        if seal.number == self._next_seal:
            self._next_seal += 1

    def unsealed(self, lines: Iterable[Line]) -> None:
        """Note lines that have a number, but no seal that can be trusted."""
        numbers = [_as_int(line.number) for line in lines]
        if numbers:
            self.fault(FaultKind.LINE_UNSEALED, min(numbers), max(numbers))

    def expect(self, mark: Mark) -> None:
        """Take the last line as someone else knows it: the chain must reach it."""
        if mark.number > self._number:
            self.fault(FaultKind.TAIL_CUT, self._number + 1, mark.number)
        elif mark.number == self._number and not self._leads_to(mark.hash):
            self.fault(FaultKind.HEAD_DIFFERS, mark.number)

    def erased(self, actors: Iterable[str]) -> None:
        """Take from elsewhere whose personal data is missing rightly."""
        self._people.erased.update(actors)

    def waiting(self, lines: Iterable[Line]) -> None:
        """Take what lines without a number say of people: their erasure may be the newest."""
        for line in lines:
            self._waiting += 1
            self._note_people(line, 0)

    def people(self, people: Iterable[Person]) -> None:
        """Compare the names that are still there with what the chain says of them."""
        missing = dict(self._people.named)
        for person in people:
            if missing.pop(person.id, None) != _digest(person):
                self.fault(FaultKind.PERSON_CHANGED, about=person.id)
        for gone in missing:
            self.fault(FaultKind.PERSON_MISSING, about=gone)

    def finish(self, *, signer_known: bool = True) -> Report:
        """Return what was found. The signer is known where every key given is known as ours."""
        if self._mark is not None and self._mark.number > self._number:
            self.expect(self._mark)
        for actor, number in self._people.addresses_gone.items():
            if actor not in self._people.erased:
                self.fault(FaultKind.ADDRESS_MISSING, number, about=actor)
        self._tell_suspects()
        return Report(
            city=self.city,
            lines=self._lines,
            seals=self._seals,
            head=self._head,
            waiting=self._waiting,
            keys=tuple(self._used),
            signer_known=signer_known,
            faults=tuple(sorted(self._faults, key=lambda fault: (fault.first, fault.kind))),
            fault_count=self._count,
        )

    def _line(self, line: Line) -> None:
        self._lines += 1
        number = _as_int(line.number)
        if number <= self._number:
            self.fault(FaultKind.LINE_REPEATED, number, about=line.id)
            return
        if number > self._number + 1:
            self.fault(FaultKind.LINE_MISSING, self._number + 1, number - 1)
            # What stood before this line is gone; the next one shows whether it is whole.
            self._trust(line, number)
            return
        self._follow(line, number)
        if self._mark is not None and number == self._mark.number:
            self.expect(self._mark)

    def _follow(self, line: Line, number: int) -> None:
        expected = _hash_after(self._expected, line)
        stored = expected if self._stored == self._expected else _hash_after(self._stored, line)
        if line.city != self.city or line.hash is None or line.hash not in {expected, stored}:
            self._suspect(line, number)
        else:
            self._note_people(line, number)
        self._stored = line.hash if is_hash(line.hash) else expected
        self._expected = stored if line.hash == stored else expected
        self._number = number

    def _trust(self, line: Line, number: int) -> None:
        self._note_people(line, number)
        self._stored = self._expected = line.hash
        self._number = number

    def _suspect(self, line: Line, number: int) -> None:
        self._broken = number
        if len(self._suspects) < MOST_SUSPECTS:
            self._suspects.append(_Suspect(line, number, self._stored))
        else:
            self.fault(FaultKind.LINE_CHANGED, number, about=line.id)

    def _note_people(self, line: Line, number: int) -> None:
        if line.address_hash is not None:
            self._note_address(line, number)
        elif line.address is not None:
            self.fault(FaultKind.ADDRESS_CHANGED, number, about=line.id)
        if line.action == PERSON_NAMED:
            self._people.named[line.object] = _detail(line, "digest")
        elif line.action == PERSON_ERASED:
            self._people.named.pop(line.object, None)
            self._people.erased.add(line.object)

    def _note_address(self, line: Line, number: int) -> None:
        if line.address is None and line.address_salt is None:
            self._people.addresses_gone.setdefault(line.actor, number)
            return
        if hash_of_address(str(line.address), str(line.address_salt)) != line.address_hash:
            self.fault(FaultKind.ADDRESS_CHANGED, number, about=line.id)

    def _tell_suspects(self) -> None:
        """Tell the broken lines; two that are whole in each other's place were swapped."""
        suspects = {suspect.number: suspect for suspect in self._suspects}
        for one, other in combinations(list(suspects.values()), 2):
            if one.number in suspects and other.number in suspects:
                self._try_swap(suspects, one, other)
        for number, suspect in suspects.items():
            self.fault(FaultKind.LINE_CHANGED, number, about=suspect.line.id)

    def _try_swap(self, suspects: dict[int, _Suspect], one: _Suspect, other: _Suspect) -> None:
        adjacent = other.number == one.number + 1
        # The hashes moved with the lines, or stayed where they were.
        for first, second in ((other, one), (one, other)):
            head, tail = first.line.hash, second.line.hash
            if (
                head is None
                or _hash_after(one.before, other.line, one.number) != head
                or _hash_after(head if adjacent else other.before, one.line, other.number) != tail
            ):
                continue
            self.fault(FaultKind.LINES_SWAPPED, one.number, other.number)
            del suspects[one.number], suspects[other.number]
            # The lines after them were only measured against the wrong neighbour.
            for number, before in ((one.number + 1, head), (other.number + 1, tail)):
                after = suspects.get(number)
                if after is not None and _hash_after(before, after.line) == after.line.hash:
                    del suspects[number]
            return


def _hash_after(previous: str | None, line: Line, number: int | None = None) -> str | None:
    """Return a line's hash; none when it cannot be hashed at all."""
    if not is_hash(previous):
        return None
    try:
        return hash_of_line(previous, line, number)
    except (TypeError, ValueError, msgspec.MsgspecError):
        return None


def _digest(person: Person) -> str:
    try:
        return digest_of_person(person)
    except UnicodeEncodeError:
        return "damaged"


def _as_int(number: object) -> int:
    """Return a number that a damaged row may hold as something else."""
    return number if isinstance(number, int) else 0


def _detail(line: Line, name: str) -> str:
    try:
        details = msgspec.json.decode(line.details, type=dict[str, object])
    except (msgspec.MsgspecError, TypeError):
        return ""
    return str(details.get(name, ""))
