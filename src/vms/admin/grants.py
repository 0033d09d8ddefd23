"""Grants: a role in a scope for a user or a group. Nobody gives more than he holds."""

from vms.admin import guard
from vms.admin.drafts import GrantDraft, HolderKind
from vms.admin.errors import grant_unknown
from vms.admin.model import Function, Held, Principal, Scope
from vms.admin.platform_admins import require_one
from vms.admin.ports import Places
from vms.admin.store import people
from vms.admin.trace import Trace
from vms.admin.views import Grant
from vms.common import Clock, new_id
from vms.database import Database, Unit


class Grants:
    """Gives and takes roles."""

    def __init__(self, database: Database, clock: Clock, places: Places) -> None:
        self._database = database
        self._clock = clock
        self._places = places
        self._trace = Trace(clock)

    async def give(self, who: Principal, kind: HolderKind, holder: str, draft: GrantDraft) -> Grant:
        """Give a role to a user or a group; the same twice is once."""

        def work(unit: Unit) -> Grant:
            home = self._home_of(unit, who, kind, holder)
            return self.add(unit, who, home, kind, holder, draft)

        return await self._database.run(work, who.scope)

    def add(
        self,
        unit: Unit,
        who: Principal,
        home: str,
        kind: HolderKind,
        holder: str,
        draft: GrantDraft,
    ) -> Grant:
        """Give a role within a unit of work, to a holder that the asker may manage."""
        scope = Scope.parse(draft.scope)
        role = guard.giveable(unit, who, home, draft.role, scope, self._places)
        for standing in people.grants_of(unit, home, kind, holder):
            if (standing.role, standing.scope) == (role.id, str(scope)):
                return standing
        grant = Grant(
            id=new_id(),
            home=home,
            holder_kind=kind,
            holder=holder,
            role=role.id,
            scope=str(scope),
            created_us=self._clock.utc_us(),
        )
        people.add_grant(unit, grant)
        self._note(unit, who, "grant.give", grant, given=True)
        return grant

    async def take(self, who: Principal, grant_id: str) -> None:
        """Take a role away; whoever takes it must hold it himself."""

        def work(unit: Unit) -> None:
            grant = people.grant(unit, grant_id)
            if grant is None:
                raise grant_unknown(grant_id)
            guard.require_for(
                who, Function.USER_MANAGE, grant.home, lambda: grant_unknown(grant_id)
            )
            scope = Scope.parse(grant.scope)
            role = people.role(unit, grant.home, grant.role)
            if role is not None:
                guard.require_covers(who, [Held(role.functions, scope)])
            people.remove_grant(unit, grant)
            require_one(unit, grant.home)
            self._note(unit, who, "grant.take", grant, given=False)

        await self._database.run(work, who.scope)

    async def list(self, who: Principal, kind: HolderKind, holder: str) -> tuple[Grant, ...]:
        """Return what a user or a group holds itself; one may always see one's own."""

        def work(unit: Unit) -> tuple[Grant, ...]:
            if kind == "user" and guard.is_self(who, holder):
                home = who.home
            elif kind == "user":
                home = guard.visible_user(unit, who, holder).home
            else:
                home = guard.visible_group(unit, who, holder).home
            return tuple(people.grants_of(unit, home, kind, holder))

        return await self._database.run(work, who.scope, read=True)

    def _home_of(self, unit: Unit, who: Principal, kind: HolderKind, holder: str) -> str:
        if kind == "user":
            return guard.visible_user(unit, who, holder, Function.USER_MANAGE).home
        return guard.visible_group(unit, who, holder, Function.USER_MANAGE).home

    def _note(self, unit: Unit, who: Principal, action: str, grant: Grant, *, given: bool) -> None:
        self._trace.line(
            unit,
            who,
            action,
            f"grant:{grant.id}",
            grant.home,
            holder=f"{grant.holder_kind}:{grant.holder}",
            role=grant.role,
            scope=grant.scope,
        )
        user = grant.holder if grant.holder_kind == "user" else None
        self._trace.grant_changed(unit, grant.home, user, given=given)
