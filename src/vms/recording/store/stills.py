"""What is known of the pictures that cases keep."""

from sqlalchemy import insert

from vms.common import NotFoundError, StreamName
from vms.database import Unit
from vms.recording.model import Case, CaseStill
from vms.recording.store import tables

_STILL = "id, camera, stream, at_us, width, height, bytes, sha256, text, made_by, created_us"


def add(unit: Unit, of: Case, made: CaseStill) -> None:
    """Write a new one."""
    unit.execute(
        insert(tables.stills).values(
            city=of.city,
            id=made.id,
            case_id=of.id,
            camera=made.camera,
            stream=made.stream.value,
            at_us=made.at_us,
            width=made.width,
            height=made.height,
            bytes=made.bytes,
            sha256=made.sha256,
            text=made.text,
            made_by=made.by,
            created_us=made.created_us,
        )
    )


def of_case(unit: Unit, of: Case) -> list[CaseStill]:
    """Return those of a case, the oldest first."""
    rows = unit.rows(
        f"SELECT {_STILL} FROM recording_case_stills "  # noqa: S608 - names
        "WHERE city = :city AND case_id = :case ORDER BY id",
        {"city": of.city, "case": of.id},
    )
    return [
        CaseStill(
            id=id_,
            camera=camera,
            stream=StreamName(stream),
            at_us=at_us,
            width=width,
            height=height,
            bytes=size,
            sha256=sha256,
            text=text,
            by=by,
            created_us=created_us,
        )
        for (
            id_,
            camera,
            stream,
            at_us,
            width,
            height,
            size,
            sha256,
            text,
            by,
            created_us,
        ) in rows
    ]


def one(unit: Unit, of: Case, name: str) -> CaseStill:
    """Return one of a case, or say that there is none."""
    found = next((still for still in of_case(unit, of) if still.id == name), None)
    if found is None:
        raise NotFoundError(
            f"case {of.id} has no still {name!r}", code="still_unknown", values={"id": name}
        )
    return found
