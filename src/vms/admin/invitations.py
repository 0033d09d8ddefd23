"""Invitations, and links to set a new password: 256 random bits, used once.

Role and scope are fixed by who invites. He must still hold them when the
invitation is accepted: a link does not outlive the right to make it.
"""

import hashlib
import secrets

from vms.admin import guard
from vms.admin.drafts import AcceptDraft, GrantDraft, InvitationDraft, Visit, checked_login
from vms.admin.errors import city_unknown, invitation_unknown
from vms.admin.model import (
    PLATFORM_HOME,
    CallerKind,
    Function,
    Principal,
    Scope,
    system_principal,
)
from vms.admin.passwords import Passwords, check_password
from vms.admin.ports import Places, UserQuota
from vms.admin.principals import present_principal
from vms.admin.store import keys as store
from vms.admin.store import people
from vms.admin.store.keys import InvitationRow
from vms.admin.trace import Trace, thing_of
from vms.admin.users import Users
from vms.admin.views import Invitation, NewInvitation, Offer, User
from vms.common import Clock, ForbiddenError, Page, Slice, UnauthenticatedError, new_id
from vms.database import PLATFORM, Database, Unit

DAY_US = 86_400_000_000
INVITATION_LASTS_US = 7 * DAY_US
RESET_LASTS_US = DAY_US
LONGEST_NOTE = 200


class Invitations:
    """Makes, lists, withdraws and accepts one-use links."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        passwords: Passwords,
        users: Users,
        places: Places,
        quota: UserQuota,
    ) -> None:
        self._database = database
        self._clock = clock
        self._passwords = passwords
        self._users = users
        self._places = places
        self._quota = quota
        self._trace = Trace(clock)

    async def create(self, who: Principal, draft: InvitationDraft) -> NewInvitation:
        """Invite somebody into a role; he belongs to the city of its scope."""
        scope = Scope.parse(draft.scope)
        home = scope.city or PLATFORM_HOME
        guard.require_for(who, Function.USER_MANAGE, home, lambda: city_unknown(home))

        def work(unit: Unit) -> NewInvitation:
            guard.giveable(unit, who, home, draft.role, scope, self._places)
            if home != PLATFORM_HOME:
                self._quota.check(unit, home)
            note = "".join(filter(str.isprintable, draft.note.strip()))[:LONGEST_NOTE]
            made = self._make(home, None, draft.role, str(scope), note, INVITATION_LASTS_US)
            return self._write(unit, who, made, "invitation.create")

        return await self._database.run(work, who.scope)

    async def create_reset(self, who: Principal, user_id: str) -> NewInvitation:
        """Make the link by which a user sets a new password; nobody else learns it."""

        def work(unit: Unit) -> NewInvitation:
            user = guard.manageable(unit, who, user_id)
            store.remove_resets(unit, user.home, user.id)
            made = self._make(user.home, user.id, "", "", "", RESET_LASTS_US)
            return self._write(unit, who, made, "user.reset_password")

        return await self._database.run(work, who.scope)

    async def list(
        self, who: Principal, page: Page, *, home: str | None = None
    ) -> Slice[Invitation]:
        """Return a page of the links that are open."""
        home = guard.home_for(who, Function.USER_READ, home)
        now_us = self._clock.utc_us()
        return await self._database.run(
            lambda unit: store.list_invitations(unit, page, home, now_us), who.scope, read=True
        )

    async def revoke(self, who: Principal, invitation_id: str) -> None:
        """Withdraw a link."""

        def work(unit: Unit) -> None:
            found = store.invitation(unit, invitation_id)
            if found is None:
                raise invitation_unknown()
            guard.require_for(who, Function.USER_MANAGE, found.home, invitation_unknown)
            store.remove_invitation(unit, found)
            self._trace.line(unit, who, "invitation.revoke", f"invitation:{found.id}", found.home)

        await self._database.run(work, who.scope)

    async def look(self, token: str) -> Offer:
        """Tell the holder of a token what it is for."""

        def work(unit: Unit) -> Offer:
            found = self._find(unit, token).invitation
            login = None if found.user is None else people.user(unit, found.user).login
            return Offer(home=found.home, role=found.role, login=login, expires_us=found.expires_us)

        return await self._database.run(work, PLATFORM, read=True)

    async def accept(self, draft: AcceptDraft, visit: Visit) -> User:
        """Become a user by an invitation."""
        # First, so that a token that is none costs no hash.
        await self._database.run(
            lambda unit: self._invitation(unit, draft.token), PLATFORM, read=True
        )
        check_password(draft.password, checked_login(draft.login))
        hashed = await self._passwords.hash(draft.password)

        def work(unit: Unit) -> User:
            row = self._invitation(unit, draft.token)
            found = row.invitation
            inviter = self._inviter(unit, row)
            user = self._users.new_user(
                found.home, draft.login, draft.name, draft.email, draft.language
            )
            store.remove_invitation(unit, found)
            grants = (GrantDraft(role=found.role, scope=found.scope),)
            self._users.add(unit, inviter.seen_from(visit.address), user, hashed, grants)
            thing = f"invitation:{found.id}"
            self._trace.line(unit, visit, "invitation.accept", thing, found.home, user=user.id)
            return user

        return await self._database.run(work, PLATFORM)

    async def accept_reset(self, token: str, password: str, visit: Visit) -> User:
        """Set a new password by a reset link; all sessions of the user end."""
        user = await self._database.run(
            lambda unit: self._user_of_reset(unit, token), PLATFORM, read=True
        )
        check_password(password, user.login)
        hashed = await self._passwords.hash(password)

        def work(unit: Unit) -> User:
            user = self._user_of_reset(unit, token)
            himself = Principal(
                kind=CallerKind.USER, id=user.id, rights=(), home=user.home, address=visit.address
            )
            self._users.put_password(unit, himself, user, hashed)
            return user

        return await self._database.run(work, PLATFORM)

    def _make(
        self, home: str, user: str | None, role: str, scope: str, note: str, lasts_us: int
    ) -> Invitation:
        now_us = self._clock.utc_us()
        return Invitation(
            id=new_id(),
            home=home,
            user=user,
            role=role,
            scope=scope,
            note=note,
            created_us=now_us,
            expires_us=now_us + lasts_us,
        )

    def _write(self, unit: Unit, who: Principal, made: Invitation, action: str) -> NewInvitation:
        if who.kind is CallerKind.API_KEY and who.user is None:
            # Nobody's rights would bound what comes of it.
            raise ForbiddenError("a key without an owner cannot invite", code="person_required")
        token = secrets.token_urlsafe(32)
        store.add_invitation(unit, InvitationRow(made, token_hash(token), who.home, who.user or ""))
        thing = f"invitation:{made.id}" if made.user is None else thing_of(made.user)
        self._trace.line(unit, who, action, thing, made.home, role=made.role, scope=made.scope)
        return NewInvitation(invitation=made, token=token)

    def _find(self, unit: Unit, token: str) -> InvitationRow:
        row = store.invitation_of_token(unit, token_hash(token), self._clock.utc_us())
        if row is None:
            raise invitation_unknown()
        return row

    def _invitation(self, unit: Unit, token: str) -> InvitationRow:
        row = self._find(unit, token)
        if row.invitation.user is not None:
            raise invitation_unknown()
        return row

    def _user_of_reset(self, unit: Unit, token: str) -> User:
        row = self._find(unit, token)
        if row.invitation.user is None:
            raise invitation_unknown()
        user = people.user(unit, row.invitation.user)
        held = people.held_by_user(unit, user.home, user.id)
        if not self._inviter(unit, row).covers(held):
            raise invitation_unknown()
        return user

    def _inviter(self, unit: Unit, row: InvitationRow) -> Principal:
        """Return who made a link, with what he may do now; void if he may no longer make it."""
        if not row.creator:
            return system_principal("invitation")
        try:
            inviter = present_principal(unit, row.creator)
        except UnauthenticatedError:
            raise invitation_unknown() from None
        home = row.invitation.home
        if not inviter.may(Function.USER_MANAGE, city=None if home == PLATFORM_HOME else home):
            raise invitation_unknown()
        return inviter


def token_hash(token: str) -> str:
    """Return what is stored of a link's token."""
    return hashlib.sha256(f"invitation\n{token}".encode("utf-8", "surrogatepass")).hexdigest()
