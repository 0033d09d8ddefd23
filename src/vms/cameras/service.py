"""Cameras: make, read, list, change, delete; and what the engine should run."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from vms.admin import PLATFORM_HOME, Function, Principal
from vms.cameras import access, store
from vms.cameras.editor import Editor, Seeded
from vms.cameras.model import (
    Camera,
    CameraItem,
    Change,
    NewCamera,
    RosterEntry,
    draft_of,
)
from vms.cameras.ports import CameraQuota, Places
from vms.cameras.store import Filter
from vms.cameras.validation import apply, checked
from vms.common import (
    Clock,
    InvalidError,
    Page,
    Slice,
)
from vms.database import PLATFORM, Database, Unit, Vault, version_conflict
from vms.engine import CameraWish
from vms.proto import CameraEntry

T = TypeVar("T")


class Cameras:
    """The use cases of cameras. Each is one transaction, with its audit line and event."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        clock: Clock,
        quota: CameraQuota,
        places: Places,
        *,
        files: bool = False,
    ) -> None:
        """``files`` tells whether this installation has a folder for ``file:`` addresses."""
        self._database = database
        self._clock = clock
        self._editor = Editor(vault, clock, quota, places, files=files)

    async def create(self, who: Principal, new: NewCamera) -> Camera:
        """Make a camera. Its id is chosen by the server, for the platform by itself if it likes."""
        city = city_of(who, new.city)
        draft = checked(new)

        def work(unit: Unit) -> Camera:
            return _reread(unit, self._editor.create(unit, who, city, new.id, draft))

        return await self._run(who, work)

    async def get(self, who: Principal, camera: str) -> Camera:
        """Return a camera."""
        found = await self._read(who, lambda unit: access.find(unit, who, camera, _READ))
        return found.camera

    async def list(self, who: Principal, wanted: Filter, page: Page) -> Slice[CameraItem]:
        """Return one page of the cameras that somebody sees, in the order of their names."""
        filtered = _visible(who, wanted)
        return await self._read(who, lambda unit: store.list_page(unit, filtered, page))

    async def update(
        self, who: Principal, camera: str, version: int | None, change: Change
    ) -> Camera:
        """Change a camera that still has ``version``; nothing to change is no new version."""

        def work(unit: Unit) -> Camera:
            held = access.find(unit, who, camera, _MANAGE)
            check_version(held.camera, version)
            draft = checked(apply(draft_of(held.camera), change))
            if not self._editor.change(unit, who, held, draft):
                return held.camera
            return _reread(unit, camera)

        return await self._run(who, work)

    async def delete(self, who: Principal, camera: str, version: int | None) -> None:
        """Delete a camera that still has ``version``; its id is never used again."""

        def work(unit: Unit) -> None:
            held = access.find(unit, who, camera, _MANAGE)
            check_version(held.camera, version)
            self._editor.delete(unit, who, held.camera)

        await self._run(who, work)

    async def seed(self, who: Principal, entries: Iterable[CameraEntry]) -> Seeded:
        """Import the cameras of the settings that were never imported, keeping their ids.

        From then on the database decides: one that was changed or deleted there
        does not come back as it stands in the settings.
        """
        asked = tuple(entries)
        return await self._run(who, lambda unit: self._editor.seed(unit, who, asked))

    async def wishes(self) -> tuple[CameraWish, ...]:
        """Return every camera as the engine should run it, with its passwords."""
        return await self._database.run(self._editor.wishes, PLATFORM, read=True)

    async def roster(self) -> Mapping[str, RosterEntry]:
        """Return every camera without its passwords, by id."""
        found = await self._database.run(store.roster, PLATFORM, read=True)
        return {entry.id: entry for entry in found}

    async def _run(self, who: Principal, work: Callable[[Unit], T]) -> T:
        return await self._database.run(work, who.scope)

    async def _read(self, who: Principal, work: Callable[[Unit], T]) -> T:
        return await self._database.run(work, who.scope, read=True)


_READ = Function.CAMERA_READ
_MANAGE = Function.CAMERA_MANAGE


def city_of(who: Principal, city: str | None) -> str:
    """Return the city that is meant: the named one, or one's own."""
    found = city or (None if who.home == PLATFORM_HOME else who.home)
    if found is None:
        raise InvalidError("city: say whose camera it is", code="camera_city_missing")
    return found


def check_version(camera: Camera, version: int | None) -> None:
    """Refuse a change that was made on another version; no version is whichever there is."""
    if version is not None and camera.version != version:
        raise version_conflict(f"camera {camera.id}", camera.version)


def _visible(who: Principal, wanted: Filter) -> Filter:
    seen = access.visible(who, wanted.city)
    return Filter(
        city=wanted.city,
        group=wanted.group,
        site=wanted.site,
        name=wanted.name,
        enabled=wanted.enabled,
        state=wanted.state,
        visible=seen,
    )


def _reread(unit: Unit, camera: str) -> Camera:
    found = store.find(unit, camera)
    assert found is not None  # noqa: S101 - written above, in this transaction
    return found.camera
