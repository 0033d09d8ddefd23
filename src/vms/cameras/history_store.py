"""How cameras are and were doing, in the database.

``camera_status`` has a row a stream, its newest state; ``camera_history`` a row a
change. Both are written by one process, in batches.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Table,
    Text,
    delete,
    select,
    text,
)

from vms.cameras.model import CameraState, StreamChange, Transition, Why
from vms.common import Page, Slice, StreamName
from vms.database import Unit, metadata

status_table = Table(
    "camera_status",
    metadata,
    Column("city", String(63), primary_key=True),
    Column("camera", String(63), primary_key=True),
    Column("stream", String(7), primary_key=True),
    Column("state", String(7), nullable=False),
    Column("reason", String(63)),
    Column("reason_values", Text),
    Column("since_us", BigInteger, nullable=False),
    ForeignKeyConstraint(
        ["city", "camera"],
        ["cameras.city", "cameras.id"],
        ondelete="CASCADE",
        name="fk_camera_status_camera",
    ),
)

history_table = Table(
    "camera_history",
    metadata,
    Column("city", String(63), primary_key=True),
    Column("camera", String(63), primary_key=True),
    Column("stream", String(7), primary_key=True),
    Column("at_us", BigInteger, primary_key=True),
    Column("state", String(7), nullable=False),
    Column("reason", String(63)),
    Column("reason_values", Text),
    ForeignKeyConstraint(
        ["city", "camera"],
        ["cameras.city", "cameras.id"],
        ondelete="CASCADE",
        name="fk_camera_history_camera",
    ),
    Index("ix_camera_history_at_us", "at_us"),
)

# One row: until when somebody watched, so that a crash leaves no state standing for ever.
watched_table = Table(
    "camera_watch",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("seen_us", BigInteger, nullable=False),
)

# More changes than this in one period are not a report but a flood.
MOST_CHANGES = 100_000

_TRANSITION = "at_us, state, reason, reason_values"
_OF_STREAM = "city = :city AND camera = :camera AND stream = :stream"

_values = msgspec.json.Decoder(dict[str, str | int | float])

# Of a camera that was deleted meanwhile nothing is written.
_PUT_STATUS = text(
    "INSERT INTO camera_status (city, camera, stream, state, reason, reason_values, since_us) "
    "SELECT c.city, c.id, :stream, :state, :reason, :reason_values, :at_us FROM cameras c "
    "WHERE c.city = :city AND c.id = :camera "
    "ON CONFLICT (city, camera, stream) DO UPDATE SET state = excluded.state, "
    "reason = excluded.reason, reason_values = excluded.reason_values, "
    "since_us = CASE WHEN camera_status.state = excluded.state "
    "THEN camera_status.since_us ELSE excluded.since_us END"
)
_PUT_HISTORY = text(
    "INSERT INTO camera_history (city, camera, stream, at_us, state, reason, reason_values) "
    "SELECT c.city, c.id, :stream, :at_us, :state, :reason, :reason_values FROM cameras c "
    "WHERE c.city = :city AND c.id = :camera "
    "ON CONFLICT (city, camera, stream, at_us) DO UPDATE SET state = excluded.state, "
    "reason = excluded.reason, reason_values = excluded.reason_values"
)
_CLOSE_HISTORY = text(
    "INSERT INTO camera_history (city, camera, stream, at_us, state) "
    "SELECT city, camera, stream, CASE WHEN since_us > :at_us THEN since_us ELSE :at_us END, "
    "'unknown' FROM camera_status WHERE state IN ('online', 'offline') "
    "ON CONFLICT (city, camera, stream, at_us) DO UPDATE SET state = excluded.state, "
    "reason = NULL, reason_values = NULL"
)
_CLOSE_STATUS = text(
    "UPDATE camera_status SET state = 'unknown', reason = NULL, reason_values = NULL, "
    "since_us = CASE WHEN since_us > :at_us THEN since_us ELSE :at_us END "
    "WHERE state IN ('online', 'offline')"
)
_BEAT = text(
    "INSERT INTO camera_watch (id, seen_us) VALUES (1, :at_us) "
    "ON CONFLICT (id) DO UPDATE SET seen_us = excluded.seen_us"
)


def append(unit: Unit, changes: Sequence[StreamChange]) -> None:
    """Write changes, in order."""
    if not changes:
        return
    values = [_change(change) for change in changes]
    unit.execute(_PUT_HISTORY, values)
    unit.execute(_PUT_STATUS, values)


def _change(change: StreamChange) -> dict[str, Any]:
    transition = change.transition
    why = transition.reason
    return {
        "city": change.city,
        "camera": change.camera,
        "stream": change.stream.value,
        "at_us": transition.at_us,
        "state": transition.state.value,
        "reason": None if why is None else why.code,
        "reason_values": None if why is None else msgspec.json.encode(why.values).decode(),
    }


def close_all(unit: Unit, at_us: int) -> None:
    """Say that from a time on nobody watched."""
    unit.execute(_CLOSE_HISTORY, {"at_us": at_us})
    unit.execute(_CLOSE_STATUS, {"at_us": at_us})


def beat(unit: Unit, now_us: int) -> None:
    """Note that somebody watches at this time."""
    unit.execute(_BEAT, {"at_us": now_us})


def last_beat(unit: Unit) -> int | None:
    """Return until when somebody watched."""
    rows = unit.rows("SELECT seen_us FROM camera_watch")
    return int(rows[0][0]) if rows else None


def transitions(
    unit: Unit, city: str, camera: str, stream: StreamName, from_us: int, to_us: int
) -> list[Transition]:
    """Return the changes of a period, and the one before it, in order.

    One more than ``MOST_CHANGES`` at most.
    """
    key = {"city": city, "camera": camera, "stream": stream.value}
    before = unit.rows(
        f"SELECT {_TRANSITION} FROM camera_history WHERE {_OF_STREAM} AND at_us < :from_us "  # noqa: S608 - only names below
        "ORDER BY at_us DESC LIMIT 1",
        {**key, "from_us": from_us},
    )
    inside = unit.rows(
        f"SELECT {_TRANSITION} FROM camera_history WHERE {_OF_STREAM} "  # noqa: S608 - only names below
        "AND at_us >= :from_us AND at_us < :to_us ORDER BY at_us LIMIT :limit",
        {**key, "from_us": from_us, "to_us": to_us, "limit": MOST_CHANGES + 1},
    )
    return [_transition(*row) for row in (*before, *inside)]


def page(unit: Unit, city: str, camera: str, stream: StreamName, wanted: Page) -> Slice[Transition]:
    """Return one page of changes, the newest first."""
    behind = "" if wanted.after is None else "AND at_us < :after "
    rows = unit.rows(
        f"SELECT {_TRANSITION} FROM camera_history WHERE {_OF_STREAM} {behind}"  # noqa: S608 - only names above
        "ORDER BY at_us DESC LIMIT :limit",
        {
            "city": city,
            "camera": camera,
            "stream": stream.value,
            "after": int(wanted.after or 0),
            "limit": wanted.limit + 1,
        },
    )
    shown = tuple(_transition(*row) for row in rows[: wanted.limit])
    return Slice(shown, str(shown[-1].at_us) if len(rows) > len(shown) else None)


def _transition(at_us: int, state: str, reason: str | None, values: str | None) -> Transition:
    why = None if reason is None else Why(reason, _values.decode(values or "{}"))
    return Transition(at_us, CameraState(state), why)


def prune(unit: Unit, before_us: int) -> int:
    """Remove what is older, but for each stream's last change; return how many."""
    old = history_table.alias("old")
    newer = (
        select(old.c.at_us)
        .where(
            old.c.city == history_table.c.city,
            old.c.camera == history_table.c.camera,
            old.c.stream == history_table.c.stream,
            old.c.at_us > history_table.c.at_us,
            old.c.at_us <= before_us,
        )
        .exists()
    )
    return unit.execute(
        delete(history_table).where(history_table.c.at_us < before_us, newer)
    ).rowcount


def statuses(unit: Unit) -> dict[tuple[str, StreamName], Transition]:
    """Return the newest state of every stream."""
    rows = unit.rows(
        "SELECT camera, stream, since_us, state, reason, reason_values FROM camera_status"
    )
    return {
        (camera, StreamName(stream)): _transition(*transition)
        for camera, stream, *transition in rows
    }


def last_lives(unit: Unit) -> dict[tuple[str, StreamName], bool]:
    """Return whether each stream was live when that was last known."""
    rows = unit.rows(
        "SELECT h.camera, h.stream, h.state FROM camera_history h JOIN ("
        "SELECT city, camera, stream, max(at_us) AS at_us FROM camera_history "
        "WHERE state <> 'unknown' GROUP BY city, camera, stream) AS newest "
        "ON h.city = newest.city AND h.camera = newest.camera AND h.stream = newest.stream "
        "AND h.at_us = newest.at_us WHERE h.state IN ('online', 'offline')"
    )
    return {
        (camera, StreamName(stream)): state == CameraState.ONLINE for camera, stream, state in rows
    }
