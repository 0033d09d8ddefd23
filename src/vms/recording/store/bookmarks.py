"""Bookmarks in the database."""

import re
import unicodedata
from collections.abc import Collection
from typing import Any

from sqlalchemy import delete, insert

from vms.common import NotFoundError, Page, Slice
from vms.database import Unit, update_versioned, version_conflict
from vms.recording.model import Bookmark
from vms.recording.store import tables
from vms.recording.store.common import page_of, within

_COLUMNS = "id, city, camera, at_us, to_us, text, made_by, created_us, version"
_LIKE_SPECIAL = re.compile(r"([!%_])")


def text_key(text: str) -> str:
    """Return a text as it is searched: without case and accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(one for one in plain if not unicodedata.combining(one))


def _bookmark(row: tuple[Any, ...]) -> Bookmark:
    id_, city, camera, at_us, to_us, text, by, created_us, version = row
    return Bookmark(
        id=id_,
        city=city,
        camera=camera,
        at_us=at_us,
        to_us=to_us,
        text=text,
        by=by,
        created_us=created_us,
        version=version,
    )


def bookmark(unit: Unit, name: str) -> Bookmark:
    """Return a bookmark of the unit's scope, or say that there is none."""
    where, values = within(unit, "id = :id", {"id": name})
    rows = unit.rows(f"SELECT {_COLUMNS} FROM recording_bookmarks WHERE {where}", values)  # noqa: S608 - names
    if not rows:
        raise NotFoundError(
            f"there is no bookmark {name!r}", code="bookmark_unknown", values={"id": name}
        )
    return _bookmark(rows[0])


def list_bookmarks(
    unit: Unit,
    cities: Collection[str] | None,
    page: Page,
    *,
    camera: str | None,
    text: str | None,
) -> Slice[Bookmark]:
    """Return a page of the bookmarks of cities, or of a camera, the newest first."""
    wanted, values = [], {}
    if camera is not None:
        wanted.append("camera = :camera")
        values["camera"] = camera
    if text is not None:
        wanted.append("text_key LIKE :part ESCAPE '!'")
        part = _LIKE_SPECIAL.sub(r"!\1", text_key(text))
        values["part"] = f"%{part}%"
    where = " AND ".join(wanted) or "1 = 1"
    rows = page_of(unit, _COLUMNS, "recording_bookmarks", cities, page, where, values)
    return Slice(tuple(map(_bookmark, rows.items)), rows.next)


def add(unit: Unit, made: Bookmark) -> None:
    """Write a new bookmark."""
    unit.execute(
        insert(tables.bookmarks).values(
            city=made.city,
            id=made.id,
            camera=made.camera,
            at_us=made.at_us,
            to_us=made.to_us,
            text=made.text,
            text_key=text_key(made.text),
            made_by=made.by,
            created_us=made.created_us,
            version=made.version,
        )
    )


def change(unit: Unit, before: Bookmark, version: int, after: Bookmark) -> None:
    """Change a bookmark that still has ``version``."""
    values = {
        "at_us": after.at_us,
        "to_us": after.to_us,
        "text": after.text,
        "text_key": text_key(after.text),
    }
    key = {"city": before.city, "id": before.id}
    update_versioned(unit, tables.bookmarks, key, version, values)


def remove(unit: Unit, before: Bookmark, version: int) -> None:
    """Delete a bookmark that still has ``version``."""
    table = tables.bookmarks
    if before.version != version:
        raise version_conflict(f"bookmark {before.id}", before.version)
    unit.execute(delete(table).where(table.c.city == before.city, table.c.id == before.id))
