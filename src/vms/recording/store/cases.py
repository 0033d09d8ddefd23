"""Cases, their notes, and holds."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import insert

from vms.common import NotFoundError, Page, Slice
from vms.database import Unit, update_versioned
from vms.recording.model import Case, CaseState, Hold, HoldState, Note
from vms.recording.store import tables
from vms.recording.store.common import page_of, within

_CASE = "id, city, title, number, text, state, made_by, created_us, updated_us, version"
_HOLD = (
    "id, city, camera, case_id, from_us, to_us, why, state, record, made_by, created_us, "
    "released_us, version"
)


def _case(row: tuple[Any, ...]) -> Case:
    id_, city, title, number, text, state, by, created_us, updated_us, version = row
    return Case(
        id=id_,
        city=city,
        title=title,
        number=number,
        text=text,
        state=CaseState(state),
        by=by,
        created_us=created_us,
        updated_us=updated_us,
        version=version,
    )


def _hold(row: tuple[Any, ...]) -> Hold:
    id_, city, camera, case, from_us, to_us, why, state, record, by, made, released, version = row
    return Hold(
        id=id_,
        city=city,
        camera=camera,
        case=case,
        from_us=from_us,
        to_us=to_us,
        why=why,
        state=HoldState(state),
        record=record,
        by=by,
        created_us=made,
        released_us=released,
        version=version,
    )


def case(unit: Unit, name: str) -> Case:
    """Return a case of the unit's scope, or say that there is none."""
    where, values = within(unit, "id = :id", {"id": name})
    rows = unit.rows(f"SELECT {_CASE} FROM recording_cases WHERE {where}", values)  # noqa: S608 - names
    if not rows:
        raise case_unknown(name)
    return _case(rows[0])


def case_unknown(name: str) -> NotFoundError:
    """Return the one answer for a case that is not there and for one of others."""
    return NotFoundError(f"there is no case {name!r}", code="case_unknown", values={"id": name})


def list_cases(
    unit: Unit, cities: Iterable[str] | None, page: Page, state: CaseState | None
) -> Slice[Case]:
    """Return a page of cases, the newest first."""
    more = ("state = :state", {"state": state.value}) if state is not None else ("1 = 1", {})
    rows = page_of(unit, _CASE, "recording_cases", cities, page, *more)
    return Slice(tuple(map(_case, rows.items)), rows.next)


def add_case(unit: Unit, made: Case) -> None:
    """Write a new case."""
    unit.execute(
        insert(tables.cases).values(
            city=made.city,
            id=made.id,
            title=made.title,
            number=made.number,
            text=made.text,
            state=made.state.value,
            made_by=made.by,
            created_us=made.created_us,
            updated_us=made.updated_us,
            version=made.version,
        )
    )


def change_case(unit: Unit, before: Case, version: int, values: Mapping[str, Any]) -> None:
    """Change a case that still has ``version``."""
    key = {"city": before.city, "id": before.id}
    update_versioned(unit, tables.cases, key, version, values)


def add_note(unit: Unit, of: Case, note: Note) -> None:
    """Write a note to a case."""
    unit.execute(
        insert(tables.notes).values(
            city=of.city,
            id=note.id,
            case_id=of.id,
            text=note.text,
            made_by=note.by,
            at_us=note.at_us,
        )
    )


def notes(unit: Unit, of: Case) -> list[Note]:
    """Return the notes of a case in their order."""
    rows = unit.rows(
        "SELECT id, text, made_by, at_us FROM recording_case_notes "
        "WHERE city = :city AND case_id = :case ORDER BY id",
        {"city": of.city, "case": of.id},
    )
    return [Note(id=id_, text=text, by=by, at_us=at_us) for id_, text, by, at_us in rows]


def hold(unit: Unit, name: str) -> Hold:
    """Return a hold of the unit's scope, or say that there is none."""
    where, values = within(unit, "id = :id", {"id": name})
    rows = unit.rows(f"SELECT {_HOLD} FROM recording_holds WHERE {where}", values)  # noqa: S608 - names
    if not rows:
        raise NotFoundError(f"there is no hold {name!r}", code="hold_unknown", values={"id": name})
    return _hold(rows[0])


def holds_of_case(unit: Unit, of: Case) -> list[Hold]:
    """Return the holds of a case."""
    rows = unit.rows(
        f"SELECT {_HOLD} FROM recording_holds WHERE city = :city AND case_id = :case ORDER BY id",  # noqa: S608
        {"city": of.city, "case": of.id},
    )
    return [_hold(row) for row in rows]


def list_holds(
    unit: Unit,
    cities: Iterable[str] | None,
    page: Page,
    wanted: Mapping[str, str],
) -> Slice[Hold]:
    """Return a page of holds, the newest first; ``wanted`` names columns and their values."""
    where = " AND ".join(f"{name} = :{name}" for name in wanted) or "1 = 1"
    rows = page_of(unit, _HOLD, "recording_holds", cities, page, where, dict(wanted))
    return Slice(tuple(map(_hold, rows.items)), rows.next)


def unfinished_holds(unit: Unit) -> list[Hold]:
    """Return holds of which it is not known whether the engine has heard."""
    rows = unit.rows(
        f"SELECT {_HOLD} FROM recording_holds WHERE state IN ('placing', 'releasing')"  # noqa: S608
    )
    return [_hold(row) for row in rows]


def add_hold(unit: Unit, made: Hold) -> None:
    """Write a new hold."""
    unit.execute(
        insert(tables.holds).values(
            city=made.city,
            id=made.id,
            camera=made.camera,
            case_id=made.case,
            from_us=made.from_us,
            to_us=made.to_us,
            why=made.why,
            state=made.state.value,
            record=made.record,
            made_by=made.by,
            created_us=made.created_us,
            released_us=made.released_us,
            version=made.version,
        )
    )


def change_hold(unit: Unit, before: Hold, version: int | None, values: Mapping[str, Any]) -> None:
    """Change a hold that still has ``version``."""
    key = {"city": before.city, "id": before.id}
    update_versioned(unit, tables.holds, key, version, values)
