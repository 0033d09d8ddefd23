"""From a token to who asks: the proof is checked once, what he may do is at most a second old."""

import asyncio
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from vms.admin.api_keys import TOKEN_START, secret_hash, split_token
from vms.admin.errors import api_key_invalid, session_ended
from vms.admin.keyring import KeyRing
from vms.admin.model import (
    PLATFORM_HOME,
    CallerKind,
    Held,
    Principal,
    Rights,
    Scope,
    scope_of_home,
)
from vms.admin.ports import Places
from vms.admin.store import keys as key_store
from vms.admin.store import people
from vms.admin.store import sign_in as session_store
from vms.admin.tokens import Claims
from vms.admin.views import Allowed, ApiKey, Me, User
from vms.common import Clock, NotFoundError, UnauthenticatedError, VmsError
from vms.database import PLATFORM, Database, Unit
from vms.proto.events import (
    CityUpdated,
    DomainEvent,
    GrantChanged,
    SessionRevoked,
    UserDeleted,
    UserUpdated,
)

# How long a reading holds, seconds.
LASTS_S = 1.0
MOST_KEPT = 20_000
# When a key was used last is written so seldom.
NOTE_USE_US = 60_000_000


@dataclass(slots=True)
class _Kept:
    """A principal, or the refusal, and until when it holds."""

    until: float
    user: str | None
    answer: Principal | VmsError


class PrincipalCache:
    """Principals by session or key, each for a second; many who ask at once cause one reading."""

    def __init__(self, clock: Clock, most: int = MOST_KEPT) -> None:
        self._clock = clock
        self._most = most
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._reading: dict[str, asyncio.Task[Principal]] = {}

    async def get(self, key: str, read: Callable[[], Awaitable[Principal]]) -> Principal:
        """Return the principal of a key, reading it where it is not kept."""
        kept = self._kept.get(key)
        if kept is not None and kept.until > self._clock.monotonic():
            return _given(kept.answer)
        task = self._reading.get(key)
        if task is None:
            task = asyncio.create_task(self._read(key, read))
            self._reading[key] = task
            task.add_done_callback(lambda done: self._end(key, done))
        # Who stops waiting does not take the answer from the others.
        return await asyncio.shield(task)

    async def _read(self, key: str, read: Callable[[], Awaitable[Principal]]) -> Principal:
        # The time before reading: what changes meanwhile may not be in it.
        until = self._clock.monotonic() + LASTS_S
        try:
            found = await read()
        except UnauthenticatedError as error:
            self._keep(key, _Kept(until, None, error))
            raise
        self._keep(key, _Kept(until, found.user, found))
        return found

    def forget_user(self, user: str) -> None:
        """Forget what somebody may do."""
        for key in [key for key, kept in self._kept.items() if kept.user == user]:
            del self._kept[key]
        # Whose these are is known only when they are read.
        self._reading.clear()

    def _end(self, key: str, done: asyncio.Task[Principal]) -> None:
        if self._reading.get(key) is done:
            del self._reading[key]
        # Everybody who waited may have gone: then nobody else asks what went wrong.
        if not done.cancelled():
            done.exception()

    def _keep(self, key: str, kept: _Kept) -> None:
        if self._reading.get(key) is not asyncio.current_task():
            # It was to be forgotten while it was read.
            return
        self._kept[key] = kept
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def heard(self, event: DomainEvent) -> None:
        """Forget whom an event is about; what is being read now is read anew."""
        match event:
            case SessionRevoked(session=str() as session):
                self._forget(f"session:{session}")
                self._forget_api_key(session)
            case SessionRevoked(user=str() as user) | UserUpdated(user=user):
                self.forget_user(user)
            case UserDeleted(user=str() as user):
                self.forget_user(user)
            case GrantChanged(user=str() as user):
                self.forget_user(user)
            case GrantChanged() | CityUpdated():
                self.clear()
            case _:
                pass

    def clear(self) -> None:
        """Forget everybody."""
        self._kept.clear()
        self._reading.clear()

    def _forget(self, key: str) -> None:
        self._kept.pop(key, None)
        self._reading.pop(key, None)

    def _forget_api_key(self, key_id: str) -> None:
        for key in [key for key, kept in self._kept.items() if _is_api_key(kept, key_id)]:
            del self._kept[key]
        # By token it is known only once it is read whose it is.
        for key in [key for key in self._reading if key.startswith("token:")]:
            del self._reading[key]
        self._reading.pop(f"key:{key_id}", None)

    def __len__(self) -> int:
        return len(self._kept)


def _is_api_key(kept: _Kept, key_id: str) -> bool:
    found = kept.answer
    return isinstance(found, Principal) and found.kind is CallerKind.API_KEY and found.id == key_id


def _given(answer: Principal | VmsError) -> Principal:
    if isinstance(answer, VmsError):
        # A new one each time: an error that is raised again grows its traceback.
        raise type(answer)(answer.message, code=answer.code, values=answer.values)
    return answer


class Principals:
    """Knows callers by the token they carry: an access token or an API key."""

    def __init__(self, database: Database, keyring: KeyRing, clock: Clock, places: Places) -> None:
        self._database = database
        self._places = places
        self._keyring = keyring
        self._clock = clock
        self._cache = PrincipalCache(clock)

    async def of_token(self, token: str) -> Principal:
        """Return who carries a token, or raise ``UnauthenticatedError``."""
        if token.startswith(TOKEN_START):
            digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
            return await self._cache.get(f"token:{digest}", lambda: self._of_key(token))
        claims = await self._keyring.verify(token)
        return await self._cache.get(f"session:{claims.session}", lambda: self._of_session(claims))

    async def renewed(self, who: Principal) -> Principal:
        """Return a principal as of now: for who was let in a while ago and is still there."""
        if who.kind is CallerKind.SYSTEM:
            return who
        if who.kind is CallerKind.API_KEY:
            found = await self._cache.get(f"key:{who.id}", lambda: self._of_key_id(who.id))
        else:
            claims = Claims(who.id, who.session or "", who.home, 0)
            found = await self._cache.get(
                f"session:{claims.session}", lambda: self._of_session(claims)
            )
        return found.seen_from(who.address)

    def heard(self, event: DomainEvent) -> None:
        """Take an event from the bus: what it changes holds at once."""
        self._cache.heard(event)

    def forget_user(self, user: str) -> None:
        """Read somebody anew: what he has just changed here holds before the bus tells of it."""
        self._cache.forget_user(user)

    def forget_all(self) -> None:
        """Read everybody anew: what was heard from the bus had a gap."""
        self._cache.clear()

    async def me(self, who: Principal) -> Me:
        """Return who asks, and what he may do."""
        user = None
        if who.user is not None:
            user_id = who.user
            user = await self._database.run(
                lambda unit: people.user(unit, user_id), who.scope, read=True
            )
        held = who.rights[0].held() if who.rights else ()
        return Me(
            kind=who.kind.value,
            id=who.id,
            home=who.home,
            user=user,
            must_enrol=who.must_enrol,
            allowed=tuple(
                Allowed(scope=str(one.scope), functions=tuple(sorted(one.functions)))
                for one in held
            ),
        )

    def present(self, unit: Unit, who: Principal) -> Principal:
        """Return a principal as of this unit of work, or raise where it has ended."""
        if who.kind is CallerKind.SYSTEM:
            return who
        if who.kind is CallerKind.API_KEY:
            return self._key_of_id(unit, who.id)
        return self._of_claims(unit, Claims(who.id, who.session or "", who.home, 0))

    async def _of_session(self, claims: Claims) -> Principal:
        return await self._database.run(
            lambda unit: self._of_claims(unit, claims), scope_of_home(claims.home), read=True
        )

    def _of_claims(self, unit: Unit, claims: Claims) -> Principal:
        return self._active(unit, session_principal(unit, claims, self._clock.utc_us()))

    def _active(self, unit: Unit, who: Principal) -> Principal:
        """Refuse people and keys of a city that is suspended."""
        if who.home != PLATFORM_HOME:
            self._places.check_active(unit, who.home)
        return who

    async def _of_key(self, token: str) -> Principal:
        now_us = self._clock.utc_us()

        def work(unit: Unit) -> tuple[Principal, ApiKey]:
            key = key_of_token(unit, token, now_us)
            return self._active(unit, key_principal(unit, key)), key

        who, key = await self._database.run(work, PLATFORM, read=True)
        if key.used_us is None or now_us - key.used_us >= NOTE_USE_US:
            await self._database.run(
                lambda unit: key_store.use_api_key(unit, key, now_us), PLATFORM
            )
        return who

    async def _of_key_id(self, key_id: str) -> Principal:
        return await self._database.run(
            lambda unit: self._key_of_id(unit, key_id), PLATFORM, read=True
        )

    def _key_of_id(self, unit: Unit, key_id: str) -> Principal:
        row = key_store.api_key(unit, key_id)
        if row is None or row.key.expires_us <= self._clock.utc_us():
            raise api_key_invalid()
        return self._active(unit, key_principal(unit, row.key))


def session_principal(unit: Unit, claims: Claims, now_us: int) -> Principal:
    """Return who a session's claims stand for, as of now."""
    found = session_store.standing(unit, claims.home, claims.session, now_us)
    if found is None or found.user_id != claims.user:
        raise session_ended()
    held = people.held_by_user(unit, claims.home, claims.user)
    rights, must_enrol = rights_of(held, enrolled=found.enrolled, proved=found.proved)
    return Principal(
        kind=CallerKind.USER,
        id=claims.user,
        rights=rights,
        home=claims.home,
        user=claims.user,
        session=claims.session,
        must_enrol=must_enrol,
    )


def rights_of(held: list[Held], *, enrolled: bool, proved: bool) -> tuple[tuple[Rights, ...], bool]:
    """Return what a user may do now, and whether he must prove a second factor first."""
    rights = Rights(held)
    if not proved and (enrolled or rights.guarded):
        return (), True
    return (rights,), False


def key_of_token(unit: Unit, token: str, now_us: int) -> ApiKey:
    """Return the API key that a token is of, or raise."""
    key_id, secret = split_token(token)
    row = key_store.api_key(unit, key_id)
    good = hmac.compare_digest(secret_hash(secret), row.hash if row is not None else "")
    if row is None or not good or row.key.expires_us <= now_us:
        raise api_key_invalid()
    return row.key


def key_principal(unit: Unit, key: ApiKey) -> Principal:
    """Return who an API key stands for, as of now: what it and its owner both may."""
    role = people.role(unit, key.home, key.role)
    if role is None:
        raise api_key_invalid()
    rights: tuple[Rights, ...] = (Rights([Held(role.functions, Scope.parse(key.scope))]),)
    if key.user is not None:
        owner = present_principal(unit, key.user)
        rights = (*rights, *owner.rights) if owner.rights else ()
    return Principal(
        kind=CallerKind.API_KEY,
        id=key.id,
        rights=rights,
        home=key.home,
        user=key.user,
        per_minute=key.per_minute,
    )


def present_principal(unit: Unit, user_id: str) -> Principal:
    """Return a user with what he may do now, or raise ``UnauthenticatedError``.

    For what he made when he was signed in, such as a key: he proved his second
    factor then, and must still have one.
    """
    user = _enabled(unit, user_id)
    held = people.held_by_user(unit, user.home, user.id)
    proved = user.second_factor
    rights, must_enrol = rights_of(held, enrolled=proved, proved=proved)
    return Principal(
        kind=CallerKind.USER,
        id=user.id,
        rights=rights,
        home=user.home,
        user=user.id,
        must_enrol=must_enrol,
    )


def user_name(unit: Unit, user_id: str) -> str:
    """Return what a user is called; nothing where there is no such user in sight."""
    try:
        return people.user(unit, user_id).name
    except NotFoundError:
        return ""


def _enabled(unit: Unit, user_id: str) -> User:
    try:
        user = people.user(unit, user_id)
    except VmsError:
        raise session_ended() from None
    if not user.enabled:
        raise session_ended()
    return user
