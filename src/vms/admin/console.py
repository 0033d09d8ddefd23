"""What whoever holds the data folder does without a browser: the first admin, a lost password."""

from vms.admin.drafts import GrantDraft, checked_login, is_login
from vms.admin.model import (
    ADMIN_ROLE,
    MANAGER_ROLE,
    PLATFORM_HOME,
    WHOLE_PLATFORM,
    Principal,
    Scope,
    is_city,
)
from vms.admin.passwords import Passwords, check_password
from vms.admin.platform_admins import admins
from vms.admin.ports import Places
from vms.admin.second_factor import clear, put_codes, put_secret
from vms.admin.store import keys as key_store
from vms.admin.store import people
from vms.admin.store import sign_in as session_store
from vms.admin.store.people import Account
from vms.admin.trace import Trace, thing_of
from vms.admin.users import Users
from vms.admin.views import Enrolled
from vms.common import Clock, ConflictError, NotFoundError
from vms.database import PLATFORM, Database, Unit, Vault


class Console:
    """Makes admins and managers, and lets those in who lost their way."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        clock: Clock,
        passwords: Passwords,
        users: Users,
        places: Places,
    ) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._passwords = passwords
        self._users = users
        self._places = places
        self._trace = Trace(clock)

    async def create_admin(
        self, who: Principal, login: str, name: str, password: str, city: str | None
    ) -> Enrolled:
        """Make an admin, or a city's manager, with a second factor enrolled at once."""
        scope = WHOLE_PLATFORM if city is None else Scope.parse(f"city:{city}")
        check_password(password, checked_login(login))
        hashed = await self._passwords.hash(password)
        role = ADMIN_ROLE if city is None else MANAGER_ROLE
        grant = GrantDraft(role=role, scope=str(scope))

        def work(unit: Unit) -> Enrolled:
            self._places.groups_of(unit, scope)
            user = self._users.new_user(scope.city or PLATFORM_HOME, login, name, "", "")
            self._users.add(unit, who, user, hashed, (grant,))
            if admins(unit):
                key_store.remove_setup_link(unit)
            return self._enrol(unit, people.account(unit, user.id))

        return await self._database.run(work, PLATFORM)

    async def reset_password(
        self,
        who: Principal,
        login: str,
        city: str | None,
        password: str,
        *,
        second_factor: bool,
    ) -> tuple[int, Enrolled | None]:
        """Set a password, and a new second factor where asked; return how many sessions ended."""
        check_password(password, login)
        hashed = await self._passwords.hash(password)

        def work(unit: Unit) -> tuple[int, Enrolled | None]:
            account = _account_of(unit, login, city)
            user = account.user
            lasting = session_store.sessions_of(unit, user.home, user.id, self._clock.utc_us())
            self._users.put_password(unit, who, user, hashed)
            if not second_factor:
                return len(lasting), None
            clear(unit, account)
            self._trace.line(unit, who, "second_factor.reset", thing_of(user.id), user.home)
            return len(lasting), self._enrol(unit, account)

        return await self._database.run(work, PLATFORM)

    def _enrol(self, unit: Unit, account: Account) -> Enrolled:
        enrolment = put_secret(unit, self._vault, account, enrolled=True)
        codes = put_codes(unit, account)
        return Enrolled(user=account.user, enrolment=enrolment, codes=codes.codes)


def _account_of(unit: Unit, login: str, city: str | None) -> Account:
    """Return whoever has a login: in a city, else on the platform, else anywhere alone."""
    name = login.strip().lower()
    possible = is_login(name) and (city is None or is_city(city))
    found = people.accounts_of_login(unit, name, city) if possible else []
    platform = [one for one in found if one.user.home == PLATFORM_HOME]
    if len(found) > 1 and not platform:
        raise ConflictError(
            f"the login {login!r} lives in several cities: name one",
            code="login_ambiguous",
            values={"login": login},
        )
    if not found:
        raise NotFoundError(
            f"nobody has the login {login!r} there", code="login_unknown", values={"login": login}
        )
    return (platform or found)[0]
