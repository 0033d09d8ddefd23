"""Bookmarks: instants of recorded video worth finding again."""

from collections.abc import Mapping
from typing import Any

import msgspec

from vms.admin import Function, Principal
from vms.cameras import camera_place
from vms.common import Clock, InvalidError, Page, Slice, new_id
from vms.database import Database, Unit
from vms.recording.access import Trace, cities_of, find
from vms.recording.model import Bookmark, BookmarkChange, BookmarkDraft
from vms.recording.store import bookmarks as store

_VIEW = Function.PLAYBACK_VIEW


class Bookmarks:
    """The use cases of bookmarks: who may look at recorded video may mark it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._trace = Trace(clock)

    async def create(self, who: Principal, draft: BookmarkDraft) -> Bookmark:
        """Mark an instant or a time."""
        _check(draft.at_us, draft.to_us)

        def work(unit: Unit) -> Bookmark:
            place = find(unit, who, draft.camera, _VIEW)
            made = Bookmark(
                id=new_id(),
                city=place.city,
                camera=place.camera,
                at_us=draft.at_us,
                to_us=draft.to_us,
                text=draft.text,
                by=who.actor,
                created_us=self._clock.utc_us(),
                version=1,
            )
            store.add(unit, made)
            self._line(unit, who, "bookmark.create", made)
            return made

        return await self._database.run(work, who.scope)

    async def get(self, who: Principal, name: str) -> Bookmark:
        """Return a bookmark."""
        return await self._database.run(lambda unit: _of(unit, who, name), who.scope, read=True)

    async def list(
        self, who: Principal, page: Page, *, camera: str | None = None, text: str | None = None
    ) -> Slice[Bookmark]:
        """Return a page of bookmarks of one camera, or of all that somebody may play.

        The newest come first; ``text`` finds a part. A page may have fewer lines
        than asked for, where cameras in between are not to be seen.
        """

        def of_one(unit: Unit, camera: str) -> Slice[Bookmark]:
            place = find(unit, who, camera, _VIEW)
            return store.list_bookmarks(unit, [place.city], page, camera=camera, text=text)

        def of_all(unit: Unit) -> Slice[Bookmark]:
            cities = cities_of(who, _VIEW, None)
            found = store.list_bookmarks(unit, cities, page, camera=None, text=text)
            seen = {name: _plays(unit, who, name) for name in {one.camera for one in found.items}}
            return Slice(tuple(one for one in found.items if seen[one.camera]), found.next)

        return await self._database.run(
            lambda unit: of_all(unit) if camera is None else of_one(unit, camera),
            who.scope,
            read=True,
        )

    async def change(
        self, who: Principal, name: str, version: int, change: BookmarkChange
    ) -> Bookmark:
        """Change a bookmark; a field that is not sent stays."""

        def work(unit: Unit) -> Bookmark:
            before = _of(unit, who, name)
            told: Mapping[str, Any] = msgspec.structs.asdict(change)
            values = {key: value for key, value in told.items() if value is not None}
            after = msgspec.structs.replace(before, **values)
            _check(after.at_us, after.to_us)
            store.change(unit, before, version, after)
            self._line(unit, who, "bookmark.update", before)
            return store.bookmark(unit, name)

        return await self._database.run(work, who.scope)

    async def delete(self, who: Principal, name: str, version: int) -> None:
        """Take a bookmark away."""

        def work(unit: Unit) -> None:
            before = _of(unit, who, name)
            store.remove(unit, before, version)
            self._line(unit, who, "bookmark.delete", before)

        await self._database.run(work, who.scope)

    def _line(self, unit: Unit, who: Principal, action: str, one: Bookmark) -> None:
        thing = f"bookmark:{one.id}"
        self._trace.line(unit, who, action, thing, one.city, camera=one.camera)


def _plays(unit: Unit, who: Principal, camera: str) -> bool:
    found = camera_place(unit, camera)
    return found is not None and found.allows(who, _VIEW)


def _of(unit: Unit, who: Principal, name: str) -> Bookmark:
    found = store.bookmark(unit, name)
    find(unit, who, found.camera, _VIEW)
    return found


def _check(at_us: int, to_us: int | None) -> None:
    if to_us is not None and to_us <= at_us:
        raise InvalidError("to_us must be after at_us", code="period_invalid")
