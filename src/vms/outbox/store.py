"""The outbox's tables: events that were committed, and how far the relay is."""

import msgspec
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Identity,
    Index,
    Integer,
    String,
    Table,
    Text,
    bindparam,
    delete,
    insert,
    or_,
    text,
    update,
)

from vms.common import ConflictError
from vms.database import Unit, metadata
from vms.outbox.model import Posted
from vms.proto.events import DomainEvent, encode_event, event_name

# What wakes the relay in the process that committed.
MARK = "outbox"

outbox = Table(
    "outbox",
    metadata,
    Column(
        "seq",
        BigInteger().with_variant(Integer(), "sqlite"),
        Identity(always=True),
        primary_key=True,
    ),
    Column("city", String(63), nullable=True),
    Column("name", String(63), nullable=False),
    Column("body", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=True, unique=True),
    sqlite_autoincrement=True,
)
Index(
    "ix_outbox_waiting",
    outbox.c.seq,
    sqlite_where=text("position IS NULL"),
    postgresql_where=text("position IS NULL"),
)
Index(None, outbox.c.at_us)

# One row: the last position that was given, the last that was published, the last
# that was removed, and which relay is at work until when.
head = Table(
    "outbox_head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("published", BigInteger, nullable=False),
    Column("purged", BigInteger, nullable=False),
    Column("holder", String(23), nullable=False),
    Column("until_us", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="one"),
)


def emit(unit: Unit, event: DomainEvent) -> None:
    """Write an event down in the transaction of the change that it tells of."""
    unit.execute(
        insert(outbox).values(
            city=event.city,
            name=event_name(event),
            body=encode_event(event).decode(),
            at_us=event.at_us,
        )
    )
    unit.mark(MARK)


def last_position(unit: Unit) -> int:
    """Return the position of the newest event: where one begins who has just read everything."""
    [(position,)] = unit.rows("SELECT position FROM outbox_head")
    return int(position)


def read_after(unit: Unit, position: int, limit: int = 500) -> list[Posted]:
    """Return the events after ``position`` that the unit's scope may see, in order.

    A position that is too old, or from another database, is refused: who asked
    must read everything anew.
    """
    [(given, purged)] = unit.rows("SELECT position, purged FROM outbox_head")
    if not purged <= position <= given:
        raise ConflictError(
            f"events after {position} are not kept any more (kept: after {purged} to {given})",
            code="cursor_expired",
            values={"cursor": position, "oldest": purged, "newest": given},
        )
    city = "" if unit.scope.city is None else "AND city = :city "
    found = unit.rows(
        f"SELECT position, city, name, body FROM outbox WHERE position > :position {city}"  # noqa: S608
        "ORDER BY position LIMIT :limit",
        {"position": position, "city": unit.scope.city, "limit": limit},
    )
    return [_posted(*row) for row in found]


def _posted(position: int, city: str | None, name: str, body: str) -> Posted:
    return Posted(position, city, name, msgspec.Raw(body.encode()))


def has_work(unit: Unit) -> bool:
    """Say whether there is anything for a relay to do; it changes nothing."""
    [(behind, waiting)] = unit.rows(
        "SELECT published < position, "
        "EXISTS (SELECT 1 FROM outbox WHERE outbox.position IS NULL) FROM outbox_head"
    )
    return bool(behind or waiting)


def claim(unit: Unit, holder: str, now_us: int, until_us: int, limit: int) -> list[Posted] | None:
    """Take the lease, give positions to what waits and return what is to be published.

    Nothing at all: another relay is at work. What a relay before published or not
    when it was killed comes again.
    """
    free = or_(head.c.holder == holder, head.c.holder == "", head.c.until_us < now_us)
    taken = unit.execute(update(head).where(free).values(holder=holder, until_us=until_us))
    if not taken.rowcount:
        return None
    [(given, published)] = unit.rows("SELECT position, published FROM outbox_head")
    waiting = unit.rows(
        "SELECT seq FROM outbox WHERE position IS NULL ORDER BY seq LIMIT :limit",
        {"limit": limit},
    )
    if waiting:
        unit.execute(
            update(outbox).where(outbox.c.seq == bindparam("row")).values(position=bindparam("at")),
            [{"row": seq, "at": given + n} for n, (seq,) in enumerate(waiting, 1)],
        )
        unit.execute(update(head).values(position=given + len(waiting)))
    return [
        _posted(*row)
        for row in unit.rows(
            "SELECT position, city, name, body FROM outbox WHERE position > :published "
            "ORDER BY position",
            {"published": published},
        )
    ]


def finish(unit: Unit, holder: str, published: int | None) -> None:
    """Give the lease back; note the last position that was published, if any was."""
    values = {"holder": "", "until_us": 0}
    if published is not None:
        values["published"] = published
    unit.execute(update(head).where(head.c.holder == holder).values(values))


def purge(unit: Unit, before_us: int) -> int:
    """Remove published events from before; return how many."""
    [(last,)] = unit.rows(
        "SELECT max(outbox.position) FROM outbox, outbox_head "
        "WHERE at_us < :before AND outbox.position <= published",
        {"before": before_us},
    )
    if last is None:
        return 0
    unit.execute(update(head).values(purged=last))
    return unit.execute(delete(outbox).where(outbox.c.position <= last)).rowcount
