"""Use cases of sites and camera groups."""

from collections.abc import Mapping

from vms.admin import Function, Principal
from vms.cities import store
from vms.cities.errors import group_unknown, in_use
from vms.cities.model import (
    CameraGroup,
    CameraGroupDraft,
    Site,
    SiteDraft,
    checked_name,
    checked_site,
)
from vms.cities.ports import PartCounter, Surroundings
from vms.cities.trace import Trace
from vms.common import Clock, Page, Slice, new_id
from vms.database import Database, Unit


class Sites:
    """Makes, changes and deletes the sites of cities."""

    def __init__(self, database: Database, clock: Clock, around: Surroundings) -> None:
        self._database = database
        self._around = around
        self._trace = Trace(clock)

    async def create(self, who: Principal, city: str, draft: SiteDraft) -> Site:
        """Make a site."""
        who.require(Function.GROUP_MANAGE, city=city)
        wanted = checked_site(draft)

        def work(unit: Unit) -> Site:
            store.city(unit, city)
            made = Site(
                city=city,
                id=new_id(),
                name=wanted.name,
                address=wanted.address,
                latitude=wanted.latitude,
                longitude=wanted.longitude,
                version=1,
            )
            store.add_site(unit, made)
            self._trace.line(unit, who, "site.create", f"site:{made.id}", city)
            return made

        return await self._database.run(work, who.scope)

    async def get(self, who: Principal, city: str, site: str) -> Site:
        """Return a site; whoever sees any camera of the city sees its sites."""
        _require_sight(who, city)
        return await self._database.run(
            lambda unit: store.site(unit, city, site), who.scope, read=True
        )

    async def list(
        self, who: Principal, city: str, page: Page, *, text: str | None = None
    ) -> Slice[Site]:
        """Return a page of a city's sites, by name."""
        _require_sight(who, city)

        def work(unit: Unit) -> Slice[Site]:
            store.city(unit, city)
            return store.list_sites(unit, city, page, text)

        return await self._database.run(work, who.scope, read=True)

    async def change(
        self, who: Principal, city: str, site: str, version: int | None, draft: SiteDraft
    ) -> Site:
        """Change what one may say about a site."""
        who.require(Function.GROUP_MANAGE, city=city)
        wanted = checked_site(draft)

        def work(unit: Unit) -> Site:
            store.change_site(unit, store.site(unit, city, site), version, wanted)
            self._trace.line(unit, who, "site.update", f"site:{site}", city)
            return store.site(unit, city, site)

        return await self._database.run(work, who.scope)

    async def delete(self, who: Principal, city: str, site: str, version: int | None) -> None:
        """Delete a site where nothing is."""
        who.require(Function.GROUP_MANAGE, city=city)

        def work(unit: Unit) -> None:
            before = store.site(unit, city, site)
            _refuse_used(unit, "site", before, self._around.at_site)
            store.remove_site(unit, before, version)
            self._trace.line(unit, who, "site.delete", f"site:{site}", city)

        await self._database.run(work, who.scope)


class CameraGroups:
    """Makes, changes and deletes the camera groups of cities."""

    def __init__(self, database: Database, clock: Clock, around: Surroundings) -> None:
        self._database = database
        self._around = around
        self._trace = Trace(clock)

    async def create(self, who: Principal, city: str, draft: CameraGroupDraft) -> CameraGroup:
        """Make a camera group."""
        who.require(Function.GROUP_MANAGE, city=city)
        name = checked_name(draft.name)

        def work(unit: Unit) -> CameraGroup:
            store.city(unit, city)
            made = CameraGroup(city=city, id=new_id(), name=name, version=1)
            store.add_group(unit, made)
            self._line(unit, who, "camera_group.create", made)
            return made

        return await self._database.run(work, who.scope)

    async def get(self, who: Principal, city: str, group: str) -> CameraGroup:
        """Return a camera group that one sees."""
        among = _visible_groups(who, city)

        def work(unit: Unit) -> CameraGroup:
            if among is not None and group not in among:
                raise group_unknown(group)
            return store.group(unit, city, group)

        return await self._database.run(work, who.scope, read=True)

    async def list(
        self, who: Principal, city: str, page: Page, *, text: str | None = None
    ) -> Slice[CameraGroup]:
        """Return a page of the camera groups that one sees, by name."""
        among = _visible_groups(who, city)

        def work(unit: Unit) -> Slice[CameraGroup]:
            store.city(unit, city)
            return store.list_groups(unit, city, page, text, among)

        return await self._database.run(work, who.scope, read=True)

    async def change(
        self,
        who: Principal,
        city: str,
        group: str,
        version: int | None,
        draft: CameraGroupDraft,
    ) -> CameraGroup:
        """Rename a camera group."""
        who.require(Function.GROUP_MANAGE, city=city, groups=(group,))
        wanted = CameraGroupDraft(checked_name(draft.name))

        def work(unit: Unit) -> CameraGroup:
            before = store.group(unit, city, group)
            store.change_group(unit, before, version, wanted)
            self._line(unit, who, "camera_group.update", before)
            return store.group(unit, city, group)

        return await self._database.run(work, who.scope)

    async def delete(self, who: Principal, city: str, group: str, version: int | None) -> None:
        """Delete a camera group that holds no camera and that nobody was granted."""
        who.require(Function.GROUP_MANAGE, city=city)

        def work(unit: Unit) -> None:
            before = store.group(unit, city, group)
            _refuse_used(unit, "camera_group", before, self._around.in_group)
            store.remove_group(unit, before, version)
            self._line(unit, who, "camera_group.delete", before)

        await self._database.run(work, who.scope)

    def _line(self, unit: Unit, who: Principal, action: str, group: CameraGroup) -> None:
        self._trace.line(unit, who, action, f"camera_group:{group.id}", group.city)


def _refuse_used(
    unit: Unit, what: str, part: Site | CameraGroup, counters: Mapping[str, PartCounter]
) -> None:
    counts = {name: count(unit, part.city, part.id) for name, count in counters.items()}
    if any(counts.values()):
        raise in_use(what, part.id, {name: count for name, count in counts.items() if count})


def _require_sight(who: Principal, city: str) -> None:
    """Refuse who sees no camera of a city and manages no place of it."""
    if who.may(Function.GROUP_MANAGE, city=city):
        return
    seen = who.cities(Function.CAMERA_READ)
    if seen is not None and city not in seen:
        who.require(Function.CAMERA_READ, city=city)


def _visible_groups(who: Principal, city: str) -> frozenset[str] | None:
    """Return the camera groups that one sees; none: all of the city."""
    _require_sight(who, city)
    if who.may(Function.GROUP_MANAGE, city=city):
        return None
    seen: frozenset[str] | None = None
    for part in who.parts(Function.CAMERA_READ, city):
        if not part.whole:
            seen = part.groups if seen is None else seen & part.groups
    return seen
