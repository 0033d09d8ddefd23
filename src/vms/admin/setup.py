"""The first start: a link by which the first admin is made.

The link is 256 random bits in the fragment of an address, which no server is
sent and no log keeps. It is used once, lasts half an hour, and is gone once an
admin exists.
"""

import hashlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from vms.admin.drafts import AcceptDraft, GrantDraft, Visit, checked_login
from vms.admin.errors import invitation_unknown
from vms.admin.model import ADMIN_ROLE, PLATFORM_HOME, Principal, system_principal
from vms.admin.passwords import Passwords, check_password
from vms.admin.platform_admins import admins
from vms.admin.store import keys as store
from vms.admin.trace import Trace
from vms.admin.users import Users
from vms.admin.views import User
from vms.common import Clock, ConflictError
from vms.database import PLATFORM, Database, Unit

LASTS_US = 30 * 60 * 1_000_000
FILE_NAME = "setup-link"


class Setup:
    """Makes the first admin."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        passwords: Passwords,
        users: Users,
    ) -> None:
        self._database = database
        self._clock = clock
        self._passwords = passwords
        self._users = users
        self._trace = Trace(clock)

    async def is_needed(self) -> bool:
        """Tell whether there is no admin yet."""
        return not await self._database.run(admins, PLATFORM, read=True)

    async def renew_link(self, data: Path, address: Callable[[str], str]) -> str | None:
        """Make a new link and keep it in the data folder; none where there is an admin.

        ``address`` makes the link of a token. The link before counts no more.
        """
        token = secrets.token_urlsafe(32)
        expires_us = self._clock.utc_us() + LASTS_US

        def work(unit: Unit) -> bool:
            if admins(unit):
                store.remove_setup_link(unit)
                return False
            store.put_setup_link(unit, _hash(token), expires_us)
            return True

        made = await self._database.run(work, PLATFORM)
        link = address(token) if made else None
        write_link(data / FILE_NAME, link)
        return link

    async def accept(self, draft: AcceptDraft, visit: Visit, data: Path) -> User:
        """Make the first admin by the link; he then enrols his second factor."""
        await self._database.run(lambda unit: self._check(unit, draft.token), PLATFORM, read=True)
        login = checked_login(draft.login)
        check_password(draft.password, login)
        hashed = await self._passwords.hash(draft.password)
        who = system_principal("setup").seen_from(visit.address)

        def work(unit: Unit) -> User:
            self._check(unit, draft.token)
            store.remove_setup_link(unit)
            user = self._users.new_user(
                PLATFORM_HOME, login, draft.name, draft.email, draft.language
            )
            return self._add_admin(unit, who, user, hashed)

        user = await self._database.run(work, PLATFORM)
        write_link(data / FILE_NAME, None)
        return user

    def _check(self, unit: Unit, token: str) -> None:
        expires_us = store.setup_expiry(unit, _hash(token))
        if expires_us is None or expires_us <= self._clock.utc_us():
            raise invitation_unknown()
        if admins(unit):
            raise ConflictError("there is an admin already; sign in", code="setup_done")

    def _add_admin(self, unit: Unit, who: Principal, user: User, hashed: str) -> User:
        grant = GrantDraft(role=ADMIN_ROLE, scope="platform")
        return self._users.add(unit, who, user, hashed, (grant,))


def write_link(path: Path, link: str | None) -> None:
    """Keep a link where only this user can read it, or remove what is there."""
    path.unlink(missing_ok=True)
    if link is None:
        return
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o600), "w", encoding="ascii") as file:
        file.write(link + "\n")


def _hash(token: str) -> str:
    return hashlib.sha256(f"setup\n{token}".encode("utf-8", "surrogatepass")).hexdigest()
