"""Clips, exports and archives, and the links to their files."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import delete, insert, update

from vms.common import NotFoundError, Page, Slice
from vms.database import Unit
from vms.recording.model import (
    ClipReason,
    Export,
    ExportFault,
    ExportGap,
    ExportKind,
    ExportPartDraft,
    ExportStep,
    Timelapse,
)
from vms.recording.store import tables
from vms.recording.store.common import page_of, within

_COLUMNS = (
    "id, city, kind, name, why, parts, timelapse, container, audio, locked, state, done_bytes, "
    "total_bytes, error, error_values, gaps, file, bytes, sha256, case_id, reason, made_by, "
    "created_us, finished_us, expires_us, version"
)
_parts = msgspec.json.Decoder(tuple[ExportPartDraft, ...])
_timelapse = msgspec.json.Decoder(Timelapse)
_gaps = msgspec.json.Decoder(tuple[ExportGap, ...])
_values = msgspec.json.Decoder(dict[str, str | int | float])
_encode = msgspec.json.Encoder().encode


def _export(row: tuple[Any, ...]) -> Export:
    (
        id_, city, kind, name, why, parts, timelapse, container, audio, locked, state, done, total,
        error, error_values, gaps, file, size, sha256, case, reason, by, created_us, finished_us,
        expires_us, version,
    ) = row  # fmt: skip
    return Export(
        id=id_,
        city=city,
        kind=ExportKind(kind),
        name=name,
        why=why,
        parts=_parts.decode(parts),
        timelapse=None if timelapse is None else _timelapse.decode(timelapse),
        container=container,
        audio=bool(audio),
        locked=bool(locked),
        state=ExportStep(state),
        done_bytes=done,
        total_bytes=total,
        error=None if error is None else ExportFault(error, _values.decode(error_values or "{}")),
        gaps=_gaps.decode(gaps),
        file=file,
        bytes=size,
        sha256=sha256,
        case=case,
        reason=None if reason is None else ClipReason(reason),
        by=by,
        created_us=created_us,
        finished_us=finished_us,
        expires_us=expires_us,
        version=version,
    )


def export(unit: Unit, name: str) -> Export:
    """Return an export of the unit's scope, or say that there is none."""
    where, values = within(unit, "id = :id", {"id": name})
    rows = unit.rows(f"SELECT {_COLUMNS} FROM recording_exports WHERE {where}", values)  # noqa: S608 - names
    if not rows:
        raise export_unknown(name)
    return _export(rows[0])


def export_unknown(name: str) -> NotFoundError:
    """Return the one answer for an export that is not there and for one of others."""
    return NotFoundError(f"there is no export {name!r}", code="export_unknown", values={"id": name})


def list_exports(
    unit: Unit, cities: Iterable[str] | None, page: Page, wanted: Mapping[str, str]
) -> Slice[Export]:
    """Return a page of exports, the newest first; ``wanted`` names columns and their values."""
    where = " AND ".join(f"{name} = :{name}" for name in wanted) or "1 = 1"
    rows = page_of(unit, _COLUMNS, "recording_exports", cities, page, where, dict(wanted))
    return Slice(tuple(map(_export, rows.items)), rows.next)


def of_case(unit: Unit, city: str, case: str) -> list[Export]:
    """Return the clips of a case that are done."""
    rows = unit.rows(
        f"SELECT {_COLUMNS} FROM recording_exports WHERE city = :city AND case_id = :case "  # noqa: S608
        "AND kind = 'clip' AND state = 'completed' ORDER BY id",
        {"city": city, "case": case},
    )
    return [_export(row) for row in rows]


def count_clips(unit: Unit, city: str) -> int:
    """Return how many clips a city keeps."""
    [(count,)] = unit.rows(
        "SELECT count(*) FROM recording_exports WHERE city = :city AND kind = 'clip' "
        "AND state <> 'cancelled' AND state <> 'error'",
        {"city": city},
    )
    return int(count)


def add(unit: Unit, made: Export, password: bytes | None) -> None:
    """Write a new export; its password is sealed."""
    shown = made.parts[0] if made.kind is ExportKind.CLIP else None
    unit.execute(
        insert(tables.exports).values(
            city=made.city,
            id=made.id,
            kind=made.kind.value,
            name=made.name,
            why=made.why,
            parts=_encode(made.parts).decode(),
            timelapse=None if made.timelapse is None else _encode(made.timelapse).decode(),
            container=made.container,
            audio=made.audio,
            password=password,
            locked=made.locked,
            state=made.state.value,
            done_bytes=0,
            total_bytes=0,
            gaps="[]",
            case_id=made.case,
            reason=None if made.reason is None else made.reason.value,
            camera=None if shown is None else shown.camera,
            from_us=None if shown is None else shown.from_us,
            to_us=None if shown is None else shown.to_us,
            made_by=made.by,
            created_us=made.created_us,
            expires_us=made.expires_us,
            version=made.version,
        )
    )


def password(unit: Unit, name: str) -> bytes | None:
    """Return the sealed password of an export."""
    rows = unit.rows("SELECT password FROM recording_exports WHERE id = :id", {"id": name})
    return bytes(rows[0][0]) if rows and rows[0][0] is not None else None


def next_pending(unit: Unit) -> Export | None:
    """Return the export that is to be made next."""
    rows = unit.rows(
        f"SELECT {_COLUMNS} FROM recording_exports WHERE state = 'pending' ORDER BY id LIMIT 1"  # noqa: S608
    )
    return _export(rows[0]) if rows else None


def move(unit: Unit, name: str, states: Iterable[ExportStep], values: Mapping[str, Any]) -> bool:
    """Change an export that is in one of some states; say whether it was."""
    table = tables.exports
    where = (table.c.id == name, table.c.state.in_([state.value for state in states]))
    changed = unit.execute(
        update(table).where(*where).values(**values, version=table.c.version + 1)
    )
    return bool(changed.rowcount)


def progress(unit: Unit, name: str, done: int, total: int) -> ExportStep:
    """Note how far an export is, which is no new version; return its state."""
    table = tables.exports
    unit.execute(update(table).where(table.c.id == name).values(done_bytes=done, total_bytes=total))
    [(state,)] = unit.rows("SELECT state FROM recording_exports WHERE id = :id", {"id": name})
    return ExportStep(state)


def resume(unit: Unit) -> int:
    """Put back what was being made when a process ended; return how much."""
    table = tables.exports
    changed = unit.execute(
        update(table)
        .where(table.c.state == ExportStep.PROCESSING.value)
        .values(state=ExportStep.PENDING.value)
    )
    return int(changed.rowcount)


def expired(unit: Unit, now_us: int) -> list[str]:
    """Return exports whose time is over."""
    rows = unit.rows(
        "SELECT id FROM recording_exports WHERE expires_us < :now "
        "AND state IN ('completed', 'error', 'cancelled')",
        {"now": now_us},
    )
    return [str(name) for (name,) in rows]


def remove(unit: Unit, name: str) -> None:
    """Delete an export and the links to it."""
    unit.execute(delete(tables.links).where(tables.links.c.export == name))
    unit.execute(delete(tables.exports).where(tables.exports.c.id == name))


def gap_text(gaps: Iterable[ExportGap]) -> str:
    """Return gaps as they are kept."""
    return _encode(tuple(gaps)).decode()


def add_link(unit: Unit, of: Export, hashed: str, by: str, expires_us: int) -> None:
    """Write a link; what it is opened by is kept hashed."""
    unit.execute(
        insert(tables.links).values(
            city=of.city, hash=hashed, export=of.id, made_by=by, expires_us=expires_us
        )
    )


def linked(unit: Unit, hashed: str, now_us: int) -> Export | None:
    """Return the export that a link opens now."""
    rows = unit.rows(
        "SELECT export FROM recording_links WHERE hash = :hash AND expires_us > :now",
        {"hash": hashed, "now": now_us},
    )
    return export(unit, str(rows[0][0])) if rows else None


def forget_links(unit: Unit, now_us: int) -> None:
    """Delete links that have run out."""
    unit.execute(delete(tables.links).where(tables.links.c.expires_us <= now_us))
