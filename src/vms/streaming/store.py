"""The keys that sign addresses."""

from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, LargeBinary, String, Table, insert, update

from vms.database import Unit, metadata

signing_keys = Table(
    "stream_signing_keys",
    metadata,
    Column("id", String(23), primary_key=True),
    Column("private", LargeBinary, nullable=False),
    Column("public", String(64), nullable=False),
    Column("made_us", BigInteger, nullable=False),
    # It signs no more from here on; what it signed is good until it runs out.
    Column("retired_us", BigInteger, nullable=True),
)


@dataclass(frozen=True, slots=True)
class SigningKeyRow:
    """One key; the private half is sealed."""

    id: str
    private: bytes
    public: str
    made_us: int
    retired_us: int | None


def add_key(unit: Unit, row: SigningKeyRow) -> None:
    """Add a key and retire those before it."""
    unit.execute(
        update(signing_keys)
        .where(signing_keys.c.retired_us.is_(None))
        .values(retired_us=row.made_us)
    )
    unit.execute(
        insert(signing_keys).values(
            id=row.id, private=row.private, public=row.public, made_us=row.made_us
        )
    )


def keys_since(unit: Unit, retired_after_us: int) -> list[SigningKeyRow]:
    """Return the key that signs and those retired after a time, the newest first."""
    rows = unit.rows(
        "SELECT id, private, public, made_us, retired_us FROM stream_signing_keys"
        " WHERE retired_us IS NULL OR retired_us > :after ORDER BY made_us DESC, id DESC",
        {"after": retired_after_us},
    )
    return [SigningKeyRow(key, bytes(private), *rest) for key, private, *rest in rows]
