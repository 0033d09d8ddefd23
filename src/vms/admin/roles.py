"""Roles: shipped ones are fixed, a city or the platform adds its own."""

from vms.admin import guard
from vms.admin.drafts import RoleDraft, checked_functions, checked_name
from vms.admin.errors import role_taken, role_unknown
from vms.admin.model import (
    PLATFORM_FUNCTIONS,
    PLATFORM_HOME,
    SHIPPED_ROLES,
    Function,
    Held,
    Principal,
    Role,
    ScopeKind,
)
from vms.admin.platform_admins import require_one
from vms.admin.ports import Places
from vms.admin.store import people
from vms.admin.trace import Trace
from vms.admin.views import RoleView
from vms.common import Clock, ConflictError, InvalidError, Page, Slice, new_id
from vms.database import Database, Unit, version_conflict


class Roles:
    """Makes, changes and deletes roles."""

    def __init__(self, database: Database, clock: Clock, places: Places) -> None:
        self._database = database
        self._places = places
        self._clock = clock
        self._trace = Trace(clock)

    async def create(self, who: Principal, draft: RoleDraft) -> RoleView:
        """Make a role of functions that one holds oneself in all of its home."""
        home = draft.home or who.home
        guard.require_in(who, Function.ROLE_MANAGE, home)
        role = self._checked(who, Role(new_id(), "", frozenset(), home), draft)

        def work(unit: Unit) -> RoleView:
            guard.require_new_in(unit, who, Function.ROLE_MANAGE, home, self._places)
            people.add_role(unit, role, self._clock.utc_us())
            self._note(unit, who, "role.create", role)
            return shown(role)

        return await self._database.run(work, who.scope)

    async def get(self, who: Principal, role_id: str) -> RoleView:
        """Return a role."""
        if role_id in SHIPPED_ROLES:
            return shown(SHIPPED_ROLES[role_id])
        role = await self._database.run(
            lambda unit: self._find(unit, who, role_id, Function.USER_READ), who.scope, read=True
        )
        return shown(role)

    async def list(self, who: Principal, page: Page, *, home: str | None = None) -> Slice[RoleView]:
        """Return a page of roles: on the first the shipped ones too."""
        home = guard.home_for(who, Function.USER_READ, home)
        found = await self._database.run(
            lambda unit: people.list_roles(unit, page, home), who.scope, read=True
        )
        shipped = SHIPPED_ROLES.values() if page.after is None else ()
        return Slice((*map(shown, shipped), *map(shown, found.items)), found.next)

    async def change(
        self, who: Principal, role_id: str, version: int | None, draft: RoleDraft
    ) -> RoleView:
        """Change a role, and with it what everybody who has it may do."""

        def work(unit: Unit) -> RoleView:
            before = self._find(unit, who, role_id, Function.ROLE_MANAGE)
            guard.require_covers(who, [Held(before.functions, guard.whole(before.home))])
            after = self._checked(who, before, draft)
            scopes = people.scopes_of_role(unit, before)
            narrow = any(scope.kind is not ScopeKind.PLATFORM for scope in scopes)
            if after.platform_only and narrow:
                raise _in_use(before)
            people.change_role(unit, after, version)
            require_one(unit, after.home)
            self._note(unit, who, "role.update", after)
            changed = people.own_role(unit, role_id)
            assert changed is not None  # noqa: S101 - it was changed in this transaction
            return shown(changed)

        return await self._database.run(work, who.scope)

    async def delete(self, who: Principal, role_id: str, version: int | None) -> None:
        """Delete a role that nobody has."""

        def work(unit: Unit) -> None:
            role = self._find(unit, who, role_id, Function.ROLE_MANAGE)
            guard.require_covers(who, [Held(role.functions, guard.whole(role.home))])
            if version not in {None, role.version}:
                raise version_conflict("roles", role.version)
            if people.scopes_of_role(unit, role):
                raise _in_use(role)
            people.remove_role(unit, role)
            self._note(unit, who, "role.delete", role)

        await self._database.run(work, who.scope)

    def _find(self, unit: Unit, who: Principal, role_id: str, function: Function) -> Role:
        if role_id in SHIPPED_ROLES:
            raise ConflictError(
                f"the role {role_id} is shipped and cannot be changed; make one of your own",
                code="role_shipped",
                values={"role": role_id},
            )
        role = people.own_role(unit, role_id)
        if role is None:
            raise role_unknown(role_id)
        guard.require_for(who, function, role.home, lambda: role_unknown(role_id))
        return role

    def _checked(self, who: Principal, role: Role, draft: RoleDraft) -> Role:
        """Return a role as it should be; who makes it must hold all of it, everywhere it can be."""
        functions = checked_functions(draft.functions)
        name = checked_name(draft.name)
        if name.lower() in SHIPPED_ROLES:
            raise role_taken(name)
        if role.home != PLATFORM_HOME and functions & PLATFORM_FUNCTIONS:
            raise InvalidError(
                "a city's role cannot hold functions of the platform: "
                + ", ".join(sorted(functions & PLATFORM_FUNCTIONS)),
                code="role_platform_only",
                values={"role": name},
            )
        guard.require_covers(who, [Held(functions, guard.whole(role.home))])
        return Role(role.id, name, functions, role.home, version=role.version)

    def _note(self, unit: Unit, who: Principal, action: str, role: Role) -> None:
        functions = tuple(sorted(role.functions))
        self._trace.line(unit, who, action, f"role:{role.id}", role.home, functions=functions)
        self._trace.grant_changed(unit, role.home, None)


def shown(role: Role) -> RoleView:
    """Return a role as callers see it."""
    return RoleView(
        id=role.id,
        home=role.home,
        name=role.name,
        functions=tuple(sorted(role.functions)),
        shipped=role.shipped,
        version=role.version,
    )


def _in_use(role: Role) -> ConflictError:
    return ConflictError(
        f"the role {role.name} is in use: take it from those who have it first",
        code="role_in_use",
        values={"role": role.name},
    )
