"""All services about people, made once for a process."""

from dataclasses import dataclass

from vms.admin.api_keys import ApiKeys
from vms.admin.console import Console
from vms.admin.grants import Grants
from vms.admin.groups import Groups
from vms.admin.invitations import Invitations
from vms.admin.keyring import KeyRing
from vms.admin.lockout import FORGET_S
from vms.admin.model import Principal
from vms.admin.passwords import HashSettings, Passwords
from vms.admin.ports import Places, UserQuota
from vms.admin.principals import Principals
from vms.admin.roles import Roles
from vms.admin.second_factor import SecondFactor
from vms.admin.sessions import Sessions
from vms.admin.setup import Setup
from vms.admin.sign_in import SignIn
from vms.admin.store import keys as key_store
from vms.admin.store import sign_in as sign_in_store
from vms.admin.stream_keys import StreamKeys
from vms.admin.tokens import TokenSettings
from vms.admin.users import Users
from vms.common import Clock
from vms.database import PLATFORM, Database, Unit, Vault
from vms.proto.events import DomainEvent

DAY_US = 86_400_000_000
# A stolen refresh token that is older is refused all the same, but ends no session.
KEEP_USED_REFRESH_US = 7 * DAY_US
KEEP_ENDED_US = 30 * DAY_US


@dataclass(frozen=True, slots=True)
class People:
    """The services, and what the API's middleware asks of them."""

    database: Database
    clock: Clock
    passwords: Passwords
    keys: KeyRing
    principals: Principals
    sign_in: SignIn
    second_factor: SecondFactor
    sessions: Sessions
    users: Users
    groups: Groups
    roles: Roles
    grants: Grants
    invitations: Invitations
    api_keys: ApiKeys
    stream_keys: StreamKeys
    setup: Setup
    console: Console

    @classmethod
    def open(
        cls,
        database: Database,
        vault: Vault,
        clock: Clock,
        *,
        places: Places,
        quota: UserQuota,
        tokens: TokenSettings | None = None,
        hashing: HashSettings | None = None,
    ) -> "People":
        """Make every service; ``start`` makes them ready, ``close`` ends them."""
        passwords = Passwords(hashing)
        keys = KeyRing(database, vault, clock, tokens or TokenSettings())
        grants = Grants(database, clock, places)
        users = Users(database, clock, passwords, grants, quota)
        principals = Principals(database, keys, clock, places)
        return cls(
            database=database,
            clock=clock,
            passwords=passwords,
            keys=keys,
            principals=principals,
            sign_in=SignIn(database, vault, clock, keys, passwords, places),
            second_factor=SecondFactor(database, vault, clock, principals),
            sessions=Sessions(database, clock),
            users=users,
            groups=Groups(database, clock, places),
            roles=Roles(database, clock, places),
            grants=grants,
            invitations=Invitations(database, clock, passwords, users, places, quota),
            api_keys=ApiKeys(database, clock, places),
            stream_keys=StreamKeys(database, vault, clock, places),
            setup=Setup(database, clock, passwords, users),
            console=Console(database, vault, clock, passwords, users, places),
        )

    async def start(self) -> None:
        """Load the signing keys, or make the first ones."""
        await self.keys.start()

    def close(self) -> None:
        """End the threads that check passwords."""
        self.passwords.close()

    async def principal(self, token: str) -> Principal:
        """Return whom an access token or an API key belongs to."""
        return await self.principals.of_token(token)

    async def renewed(self, who: Principal) -> Principal:
        """Return a principal as of now, or raise where it has ended."""
        return await self.principals.renewed(who)

    def device(self, cookie: str) -> str | None:
        """Return the device that a cookie proves."""
        return self.keys.device_of(cookie)

    def per_minute(self, who: Principal) -> int:
        """Return how many requests a minute somebody may make."""
        return who.per_minute

    def heard(self, event: DomainEvent) -> None:
        """Take an event from the bus: a revoked session or a changed grant holds at once."""
        self.principals.heard(event)

    async def maintain(self) -> int:
        """Rotate old signing keys and delete what ran out; to be called each hour or so."""
        await self.keys.maintain()
        now_us = self.clock.utc_us()

        def work(unit: Unit) -> int:
            gone = sign_in_store.tidy(
                unit,
                now_us,
                refresh_us=KEEP_USED_REFRESH_US,
                tries_us=FORGET_S * 1_000_000,
                sessions_us=KEEP_ENDED_US,
            )
            return gone + key_store.tidy(unit, now_us, keep_us=KEEP_ENDED_US)

        return await self.database.run(work, PLATFORM)
