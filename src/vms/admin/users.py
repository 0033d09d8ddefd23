"""Users: make, see, change and delete them; their passwords."""

from msgspec import UNSET

from vms.admin import guard, throttle
from vms.admin.drafts import (
    GrantDraft,
    OwnChange,
    UserChange,
    UserDraft,
    checked_email,
    checked_language,
    checked_login,
    checked_name,
)
from vms.admin.errors import sign_in_failed
from vms.admin.grants import Grants
from vms.admin.model import PLATFORM_HOME, Function, Principal
from vms.admin.passwords import Passwords, check_password
from vms.admin.platform_admins import require_one
from vms.admin.ports import UserQuota
from vms.admin.sessions import end_sessions
from vms.admin.store import keys as key_store
from vms.admin.store import people
from vms.admin.store import sign_in as session_store
from vms.admin.trace import Trace, thing_of
from vms.admin.views import User
from vms.common import Clock, Page, Slice, new_id
from vms.database import Database, Unit


class Users:
    """Everything about one user, or a list of them."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        passwords: Passwords,
        grants: Grants,
        quota: UserQuota,
    ) -> None:
        self._database = database
        self._clock = clock
        self._passwords = passwords
        self._grants = grants
        self._quota = quota
        self._trace = Trace(clock)

    async def create(self, who: Principal, draft: UserDraft) -> User:
        """Make a user with a password and what he is granted from the first."""
        home = draft.home or who.home
        guard.require_in(who, Function.USER_MANAGE, home)
        login = checked_login(draft.login)
        check_password(draft.password, login)
        hashed = await self._passwords.hash(draft.password)
        user = self.new_user(home, login, draft.name, draft.email, draft.language)
        return await self._database.run(
            lambda unit: self.add(unit, who, user, hashed, draft.grants), who.scope
        )

    def new_user(self, home: str, login: str, name: str, email: str, language: str) -> User:
        """Return a new user, checked, that is not yet stored."""
        return User(
            id=new_id(),
            home=home,
            login=checked_login(login),
            name=checked_name(name),
            email=checked_email(email),
            language=checked_language(language),
            enabled=True,
            second_factor=False,
            created_us=self._clock.utc_us(),
            signed_in_us=None,
            version=1,
        )

    def add(
        self, unit: Unit, who: Principal, user: User, hashed: str, grants: tuple[GrantDraft, ...]
    ) -> User:
        """Write a new user with what he is granted."""
        if user.home != PLATFORM_HOME:
            self._quota.check(unit, user.home)
        people.add_user(unit, user, hashed)
        self._trace.line(unit, who, "user.create", thing_of(user.id), user.home)
        self._trace.name(unit, who, user)
        self._trace.user_created(unit, user)
        for draft in grants:
            self._grants.add(unit, who, user.home, "user", user.id, draft)
        return user

    async def get(self, who: Principal, user_id: str) -> User:
        """Return a user: oneself, or another whom one may see."""

        own = guard.is_self(who, user_id)

        def work(unit: Unit) -> User:
            if own:
                return people.user(unit, user_id)
            user = guard.visible_user(unit, who, user_id)
            self._trace.line(unit, who, "user.view", thing_of(user.id), user.home)
            return user

        return await self._database.run(work, who.scope, read=own)

    async def list(
        self, who: Principal, page: Page, *, home: str | None = None, text: str | None = None
    ) -> Slice[User]:
        """Return a page of users, of a home or of all; ``text`` is part of name or login."""
        home = guard.home_for(who, Function.USER_READ, home)

        def work(unit: Unit) -> Slice[User]:
            found = people.list_users(unit, page, home, text)
            # To look at people's data is a line too: whose, the page tells.
            self._trace.line(unit, who, "user.list", "user", home or "", count=len(found.items))
            return found

        return await self._database.run(work, who.scope)

    async def change(
        self, who: Principal, user_id: str, version: int | None, change: UserChange
    ) -> User:
        """Change a user; to disable one ends his sessions."""

        def work(unit: Unit) -> User:
            user = guard.manageable(unit, who, user_id)
            self._change(unit, who, user, version, change)
            if change.enabled is False:
                end_sessions(unit, self._trace, who, user.home, user.id, self._clock.utc_us())
                # What he opened by API keys ends too.
                self._trace.session_revoked(unit, user.home, user.id, None)
                require_one(unit, user.home)
            return people.user(unit, user_id)

        return await self._database.run(work, who.scope)

    async def change_self(self, who: Principal, version: int | None, change: OwnChange) -> User:
        """Change one's own name, address and language."""
        user_id = guard.require_user(who)

        def work(unit: Unit) -> User:
            user = people.user(unit, user_id)
            own = UserChange(name=change.name, email=change.email, language=change.language)
            self._change(unit, who, user, version, own)
            return people.user(unit, user_id)

        return await self._database.run(work, who.scope)

    def _change(
        self, unit: Unit, who: Principal, user: User, version: int | None, change: UserChange
    ) -> None:
        values: dict[str, object] = {}
        if change.login is not UNSET:
            values["login"] = checked_login(change.login)
        if change.name is not UNSET:
            values["name"] = checked_name(change.name)
        if change.email is not UNSET:
            values["email"] = checked_email(change.email)
        if change.language is not UNSET:
            values["language"] = checked_language(change.language)
        if change.enabled is not UNSET:
            values["enabled"] = change.enabled
        people.change_user(unit, user, version, values)
        self._trace.line(
            unit, who, "user.update", thing_of(user.id), user.home, fields=tuple(sorted(values))
        )
        self._trace.name(unit, who, people.user(unit, user.id))
        self._trace.user_updated(unit, user.home, user.id)

    async def delete(self, who: Principal, user_id: str, version: int | None) -> None:
        """Delete a user with his sessions, grants and keys."""

        def work(unit: Unit) -> None:
            user = guard.manageable(unit, who, user_id)
            # The version is checked by a change that changes nothing.
            people.change_user(unit, user, version, {"enabled": False})
            end_sessions(unit, self._trace, who, user.home, user.id, self._clock.utc_us())
            people.remove_user(unit, user)
            require_one(unit, user.home)
            self._trace.line(unit, who, "user.delete", thing_of(user.id), user.home)
            self._trace.user_deleted(unit, user)

        await self._database.run(work, who.scope)

    async def change_password(self, who: Principal, current: str, new: str) -> None:
        """Change one's own password; every other session ends."""
        session = guard.require_session(who)
        attempt = throttle.own_password_attempt(who.id, session)
        now_us = self._clock.utc_us()

        def begin(unit: Unit) -> tuple[people.Account, float]:
            return people.account(unit, who.id), throttle.begin(unit, attempt, now_us)

        account, wait = await self._database.run(begin, who.scope)
        if wait:
            raise throttle.refuse(wait)
        if not await self._passwords.matches(current, account.password):
            raise sign_in_failed()
        check_password(new, account.user.login)
        hashed = await self._passwords.hash(new)

        def work(unit: Unit) -> None:
            throttle.succeed(unit, attempt)
            if people.account(unit, who.id).password != account.password:
                raise sign_in_failed()
            self.put_password(unit, who, account.user, hashed, keep=session)

        await self._database.run(work, who.scope)

    def put_password(
        self, unit: Unit, who: Principal, user: User, hashed: str, *, keep: str | None = None
    ) -> None:
        """Set a password; the user's sessions, devices and open links end."""
        people.set_secrets(unit, user.home, user.id, {"password": hashed})
        end_sessions(unit, self._trace, who, user.home, user.id, self._clock.utc_us(), keep=keep)
        kept = None if keep is None else session_store.session(unit, keep)
        device = None if kept is None else kept.device_id
        session_store.forget_devices(unit, user.home, user.id, device)
        key_store.remove_resets(unit, user.home, user.id)
        self._trace.line(unit, who, "user.password", thing_of(user.id), user.home)
        self._trace.user_updated(unit, user.home, user.id)
