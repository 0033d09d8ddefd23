"""A small town hall: people of two cities and of the platform, over one database."""

import base64
import re
from dataclasses import dataclass, field
from typing import Any

import cameras
from vms.admin import (
    AcceptDraft,
    Function,
    Grant,
    GrantDraft,
    HashSettings,
    People,
    Principal,
    Scope,
    ScopeKind,
    SignInDraft,
    Ticket,
    Tokens,
    User,
    UserDraft,
    Visit,
    system_principal,
    totp,
)
from vms.admin.store import people as people_store
from vms.cameras import CameraServices
from vms.common import ForbiddenError, ManualClock, NotFoundError, TooManyError
from vms.database import PLATFORM, Database, Unit, Vault
from vms.proto.events import DomainEvent, decode_event

PASSWORD = "seven green bicycles"
CITIES = ("sp", "rj")
# Cheap, for tests that hash often.
HASHING = HashSettings(time_cost=1, memory_kib=64)
HERE = Visit(address="192.0.2.7", agent="a browser")
ELSEWHERE = Visit(address="198.51.100.7", agent="another browser")
SYSTEM = system_principal("test")


@dataclass
class FakePlaces:
    """Two cities with a camera ``gate`` each, in a group ``g1``, and one ``yard`` in none."""

    groups: dict[str, frozenset[str]] = field(
        default_factory=lambda: {"gate": frozenset({"g1"}), "yard": frozenset()}
    )

    suspended: set[str] = field(default_factory=set)

    def check_active(self, unit: Unit, city: str) -> None:  # noqa: ARG002
        if city in self.suspended:
            raise ForbiddenError("suspended", code="city_suspended", values={"city": city})

    def groups_of(self, unit: Unit, scope: Scope) -> frozenset[str]:  # noqa: ARG002
        known = scope.kind is ScopeKind.PLATFORM or scope.city in CITIES
        if scope.kind is ScopeKind.GROUP:
            known = known and scope.id == "g1"
        if scope.kind is ScopeKind.CAMERA:
            known = known and scope.id in self.groups
        if not known:
            raise NotFoundError(f"there is no {scope}", code="place_unknown")
        return self.groups[scope.id] if scope.kind is ScopeKind.CAMERA else frozenset()


@dataclass
class FakeQuota:
    """So many users a city may have."""

    most: int = 1_000

    def check(self, unit: Unit, city: str) -> None:
        [(used,)] = unit.rows("SELECT count(*) FROM users WHERE city = :city", {"city": city})
        if used >= self.most:
            values = {"limit": self.most, "used": used}
            raise TooManyError("no more users", code="quota_users", values=values)


class TownHall:
    """The services, and short ways to people who have signed in."""

    functions = Function
    here = HERE

    def __init__(self, database: Database, clock: ManualClock | None = None) -> None:
        self.database = database
        self.clock = clock or ManualClock()
        self.vault = Vault([bytes(range(32))])
        self.places = FakePlaces()
        self.quota = FakeQuota()
        self.people = self.another_worker()
        self.cameras = CameraServices.open(
            database, self.vault, self.clock, cameras.FakeQuota(), cameras.FakePlaces()
        )
        self.secrets: dict[str, bytes] = {}

    def another_worker(self) -> People:
        """The same services, as another process has them."""
        return People.open(
            self.database,
            self.vault,
            self.clock,
            places=self.places,
            quota=self.quota,
            hashing=HASHING,
        )

    async def user(self, login: str, role: str, scope: str, home: str | None = None) -> User:
        """Make a user with one role."""
        where = Scope.parse(scope).city if home is None else home
        grants = (GrantDraft(role=role, scope=scope),) if role else ()
        draft = UserDraft(login=login, name=login, password=PASSWORD, home=where, grants=grants)
        return await self.people.users.create(SYSTEM, draft)

    async def sign_in(
        self, login: str, visit: Visit = HERE, password: str = PASSWORD, city: str = ""
    ) -> Tokens:
        """Sign in, with the second factor where one is enrolled."""
        draft = SignInDraft(login=login, password=password, city=city)
        answer = await self.people.sign_in.sign_in(draft, visit)
        if isinstance(answer, Ticket):
            return await self.people.sign_in.second_factor(answer.ticket, self.code(login), visit)
        return answer

    async def who(self, login: str, city: str = "") -> Principal:
        """Sign in and return the principal, with a second factor where it is demanded."""
        tokens = await self.sign_in(login, city=city)
        who = await self.of(tokens)
        if who.must_enrol:
            await self.enrol(login, who)
            self.people.principals.forget_all()
            who = await self.of(tokens)
        return who

    async def of(self, tokens: Tokens) -> Principal:
        """Return whom tokens stand for."""
        return await self.people.principal(tokens.access)

    async def give(self, who: Principal, user: User, role: str, scope: str) -> Grant:
        """Give a user a role."""
        draft = GrantDraft(role=role, scope=scope)
        return await self.people.grants.give(who, "user", user.id, draft)

    def raw(self, sql: str) -> bytes:
        """Return what a column holds, joined: what a thief of the database sees."""
        rows = self.database.run_sync(lambda unit: unit.rows(sql), PLATFORM, read=True)
        return b"\n".join(
            bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
            for (value,) in rows
        )

    async def enrol(self, login: str, who: Principal) -> tuple[str, ...]:
        """Enrol a second factor and return the recovery codes."""
        enrolment = await self.people.second_factor.begin(who)
        self.secrets[login] = secret_of(enrolment.secret)
        return (await self.people.second_factor.confirm(who, self.code(login))).codes

    async def set_password_hash(self, user: User, hashed: str) -> None:
        """Put a hash where the password's is."""
        await self.database.run(
            lambda unit: people_store.set_secrets(unit, user.home, user.id, {"password": hashed}),
            PLATFORM,
        )

    async def password_hash(self, user: User) -> str:
        """Return the hash of a password."""
        return await self.database.run(
            lambda unit: people_store.account(unit, user.id).password or "", PLATFORM, read=True
        )

    def count_reads(self) -> list[str]:
        """Return a list that grows with each unit of work from now on."""
        found: list[str] = []
        run = self.database.run

        async def counted(*arguments: Any, **more: Any) -> Any:  # noqa: ANN401
            found.append("unit")
            return await run(*arguments, **more)

        self.database.run = counted  # type: ignore[method-assign]
        return found

    def hear_all(self) -> None:
        """Deliver every event to the services, as the bus does."""
        for event in self.told():
            self.people.heard(event)

    def told(self) -> list[DomainEvent]:
        """Return all events."""
        rows = self.database.run_sync(
            lambda unit: unit.rows("SELECT body FROM outbox ORDER BY seq"), PLATFORM, read=True
        )
        return [decode_event(body) for (body,) in rows]

    def code(self, login: str) -> str:
        """Return a one-time code that was not used yet: time passes until there is one."""
        self.clock.advance(totp.STEP_S)
        return self.code_now(login)

    def code_now(self, login: str) -> str:
        """Return the one-time code of this moment."""
        return totp.code_at(self.secrets[login], totp.step_of(self.clock.utc_us()))

    def lines(self, action: str | None = None) -> list[tuple[str, str, str, str, str]]:
        """Return the audit: actor, action, object, city, outcome."""
        rows = self.database.run_sync(
            lambda unit: unit.rows(
                "SELECT actor, action, object, city, outcome FROM audit_lines ORDER BY id"
            ),
            PLATFORM,
            read=True,
        )
        return [tuple(row) for row in rows if action is None or row[1] == action]

    def events(self) -> list[str]:
        """Return the names of all events, as they were written."""
        rows = self.database.run_sync(
            lambda unit: unit.rows("SELECT name FROM outbox ORDER BY seq"), PLATFORM, read=True
        )
        return [name for (name,) in rows]


def secret_of(text: str) -> bytes:
    """Read a secret as an authenticator app does."""
    return base64.b32decode(text + "=" * (-len(text) % 8))


def token_in(link: str) -> str:
    """Return the token in the fragment of a link."""
    found = re.search(r"#(.+)$", link)
    assert found is not None
    return found[1]


def accept(token: str, login: str, password: str = PASSWORD) -> AcceptDraft:
    """What an invited person fills in."""
    return AcceptDraft(token=token, login=login, name=login, password=password)
