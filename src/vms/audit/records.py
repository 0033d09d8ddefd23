"""The records of an exported chain: one JSON object a line.

    header, [start], then batches of line ... line seal, then person ..., end

``start`` is the seal before the first batch, where the export does not begin
with the chain. ``end`` is signed: it holds how much there is, how far the
chain was sealed at that time, and the SHA-256 of every byte before it; so a
file without it, or with less, shows.
"""

import msgspec

from vms.audit.model import FORMAT, Line, Person, Seal

KIND = "kind"


class KeyRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key that sealed: 32 bytes in hex, and their SHA-256."""

    fingerprint: str
    public: str


class HeaderRecord(
    msgspec.Struct, frozen=True, tag_field=KIND, tag="header", forbid_unknown_fields=True
):
    """What the file is."""

    city: str
    keys: tuple[KeyRecord, ...]
    format: int = FORMAT


class LineRecord(
    msgspec.Struct, frozen=True, tag_field=KIND, tag="line", forbid_unknown_fields=True
):
    """A line; ``details`` as it was hashed."""

    number: int
    id: str
    time_us: int
    actor: str
    action: str
    object: str
    outcome: str
    address: str | None
    address_salt: str | None
    address_hash: str | None
    details: msgspec.Raw
    hash: str

    def line(self, city: str) -> Line:
        """Return the line as the chain knows it."""
        return Line(
            city=city,
            id=self.id,
            number=self.number,
            time_us=self.time_us,
            actor=self.actor,
            action=self.action,
            object=self.object,
            outcome=self.outcome,
            address=self.address,
            address_salt=self.address_salt,
            address_hash=self.address_hash,
            details=bytes(self.details).decode(errors="surrogateescape"),
            hash=self.hash,
        )


class _SealFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    number: int
    first: int
    last: int
    head: str
    previous: str
    time_us: int
    key: str
    signature: str

    def seal(self, city: str) -> Seal:
        """Return the seal as the chain knows it."""
        return Seal(city, *msgspec.structs.astuple(self))


class SealRecord(_SealFields, frozen=True, tag_field=KIND, tag="seal"):
    """The seal of the lines before it."""


class StartRecord(_SealFields, frozen=True, tag_field=KIND, tag="start"):
    """The seal under the line before the first."""


class PersonRecord(
    msgspec.Struct, frozen=True, tag_field=KIND, tag="person", forbid_unknown_fields=True
):
    """The name behind an actor of the lines."""

    id: str
    name: str
    login: str


class EndRecord(msgspec.Struct, frozen=True, tag_field=KIND, tag="end", forbid_unknown_fields=True):
    """The signed end. The signature is over this record with an empty signature."""

    city: str
    # The last line in the file, and its hash.
    last: int
    head: str
    # The last line of the chain at that time.
    sealed: int
    # Actors whose erased data are missing rightly.
    erased: tuple[str, ...]
    exported_us: int
    # SHA-256 of all bytes before this record.
    sha256: str
    key: str
    signature: str = ""

    def signed_form(self) -> bytes:
        """Return what the signature is over."""
        return msgspec.json.encode(msgspec.structs.replace(self, signature=""))


Record = HeaderRecord | LineRecord | SealRecord | StartRecord | PersonRecord | EndRecord

_encode = msgspec.json.Encoder().encode
decode_record = msgspec.json.Decoder(Record).decode


def encode_record(record: Record) -> bytes:
    """Return a record as a line of the file."""
    return _encode(record) + b"\n"


def line_record(line: Line) -> LineRecord:
    """Return the record of a sealed line."""
    return LineRecord(
        number=line.number or 0,
        id=line.id,
        time_us=line.time_us,
        actor=line.actor,
        action=line.action,
        object=line.object,
        outcome=line.outcome,
        address=line.address,
        address_salt=line.address_salt,
        address_hash=line.address_hash,
        details=msgspec.Raw(line.details),
        hash=line.hash or "",
    )


def person_record(person: Person) -> PersonRecord:
    """Return the record of a name."""
    return PersonRecord(person.id, person.name, person.login)
