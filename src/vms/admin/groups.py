"""Groups of users: who is in one holds what it holds."""

from collections.abc import Iterable

from vms.admin import guard
from vms.admin.drafts import GroupDraft, checked_name
from vms.admin.errors import user_unknown
from vms.admin.model import Function, Principal
from vms.admin.platform_admins import require_one
from vms.admin.ports import Places
from vms.admin.store import people
from vms.admin.trace import Trace
from vms.admin.views import Group
from vms.common import Clock, Page, Slice, new_id
from vms.database import Database, Unit, version_conflict


class Groups:
    """Makes, changes and deletes groups."""

    def __init__(self, database: Database, clock: Clock, places: Places) -> None:
        self._database = database
        self._places = places
        self._clock = clock
        self._trace = Trace(clock)

    async def create(self, who: Principal, draft: GroupDraft) -> Group:
        """Make a group with its members; it holds nothing yet."""
        home = draft.home or who.home

        def work(unit: Unit) -> Group:
            guard.require_new_in(unit, who, Function.USER_MANAGE, home, self._places)
            members = self._members(unit, home, draft.members)
            group = Group(
                id=new_id(), home=home, name=checked_name(draft.name), members=members, version=1
            )
            people.add_group(unit, group, self._clock.utc_us())
            self._note(unit, who, "user_group.create", group)
            return group

        return await self._database.run(work, who.scope)

    async def get(self, who: Principal, group_id: str) -> Group:
        """Return a group."""
        return await self._database.run(
            lambda unit: guard.visible_group(unit, who, group_id), who.scope, read=True
        )

    async def list(
        self, who: Principal, page: Page, *, home: str | None = None, text: str | None = None
    ) -> Slice[Group]:
        """Return a page of groups, of a home or of all."""
        home = guard.home_for(who, Function.USER_READ, home)
        return await self._database.run(
            lambda unit: people.list_groups(unit, page, home, text), who.scope, read=True
        )

    async def change(
        self, who: Principal, group_id: str, version: int | None, draft: GroupDraft
    ) -> Group:
        """Rename a group and set its members; whoever does must hold what the group holds."""

        def work(unit: Unit) -> Group:
            before = guard.visible_group(unit, who, group_id, Function.USER_MANAGE)
            members = self._members(unit, before.home, draft.members)
            if set(members) != set(before.members):
                guard.require_covers(who, people.held_by_group(unit, before.home, group_id))
            people.change_group(unit, before, version, checked_name(draft.name))
            people.set_members(unit, before.home, group_id, members)
            require_one(unit, before.home)
            after = people.group(unit, group_id)
            self._note(unit, who, "user_group.update", after)
            return after

        return await self._database.run(work, who.scope)

    async def delete(self, who: Principal, group_id: str, version: int | None) -> None:
        """Delete a group; its members lose what they held through it."""

        def work(unit: Unit) -> None:
            group = guard.visible_group(unit, who, group_id, Function.USER_MANAGE)
            guard.require_covers(who, people.held_by_group(unit, group.home, group_id))
            if version not in {None, group.version}:
                raise version_conflict("user_groups", group.version)
            people.remove_group(unit, group)
            require_one(unit, group.home)
            self._note(unit, who, "user_group.delete", group)

        await self._database.run(work, who.scope)

    def _members(self, unit: Unit, home: str, members: Iterable[str]) -> tuple[str, ...]:
        """Return members, each of whom is of the group's home."""
        found = tuple(sorted(set(members)))
        for member in found:
            if people.user(unit, member).home != home:
                raise user_unknown(member)
        return found

    def _note(self, unit: Unit, who: Principal, action: str, group: Group) -> None:
        self._trace.line(
            unit, who, action, f"user_group:{group.id}", group.home, members=len(group.members)
        )
        self._trace.grant_changed(unit, group.home, None)
