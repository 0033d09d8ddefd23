"""API keys: tokens for programs. A key never may more than its owner may at that moment."""

import hashlib
import secrets

from vms.admin import guard
from vms.admin.drafts import (
    MOST_KEY_DAYS,
    MOST_PER_MINUTE,
    ApiKeyDraft,
    checked_name,
    checked_number,
)
from vms.admin.errors import api_key_invalid, key_unknown
from vms.admin.model import PLATFORM_HOME, CallerKind, Function, Principal, Scope
from vms.admin.ports import Places
from vms.admin.store import keys as store
from vms.admin.trace import Trace
from vms.admin.views import ApiKey, NewApiKey
from vms.common import Clock, Page, Slice, new_id
from vms.database import Database, Unit

TOKEN_START = "vms_"  # noqa: S105 - what every key begins with, no secret
DAY_US = 86_400_000_000


def split_token(token: str) -> tuple[str, str]:
    """Return id and secret of ``vms_ID_SECRET``; the secret may hold underscores."""
    parts = token.split("_", 2)
    if len(parts) != 3 or not parts[1] or not parts[2]:
        raise api_key_invalid()
    return parts[1], parts[2]


def secret_hash(secret: str) -> str:
    """Return what is stored of a key: 256 random bits need no slow hash."""
    return hashlib.sha256(f"api key\n{secret}".encode("utf-8", "surrogatepass")).hexdigest()


class ApiKeys:
    """Makes, lists and withdraws API keys."""

    def __init__(self, database: Database, clock: Clock, places: Places) -> None:
        self._database = database
        self._clock = clock
        self._places = places
        self._trace = Trace(clock)

    async def create(self, who: Principal, draft: ApiKeyDraft) -> NewApiKey:
        """Make a key of one's own; the product itself makes keys without an owner."""
        return await self._database.run(lambda unit: self.add(unit, who, draft), who.scope)

    def add(self, unit: Unit, who: Principal, draft: ApiKeyDraft) -> NewApiKey:
        """Make a key within a unit of work."""
        guard.refuse_keys(who)
        scope = Scope.parse(draft.scope)
        home = _home_of(who, scope)
        guard.giveable(unit, who, home, draft.role, scope, self._places)
        now_us = self._clock.utc_us()
        days = checked_number("days", draft.days, MOST_KEY_DAYS)
        key = ApiKey(
            id=new_id(),
            home=home,
            name=checked_name(draft.name),
            user=who.user,
            role=draft.role,
            scope=str(scope),
            per_minute=checked_number("per_minute", draft.per_minute, MOST_PER_MINUTE),
            created_us=now_us,
            expires_us=now_us + days * DAY_US,
            used_us=None,
        )
        secret = secrets.token_urlsafe(32)
        store.add_api_key(unit, store.ApiKeyRow(key, secret_hash(secret)))
        self._trace.line(
            unit,
            who,
            "api_key.create",
            f"api_key:{key.id}",
            home,
            role=key.role,
            scope=key.scope,
            days=days,
        )
        return NewApiKey(key=key, token=f"{TOKEN_START}{key.id}_{secret}")

    async def list(
        self, who: Principal, page: Page, *, home: str | None = None, everybodys: bool = False
    ) -> Slice[ApiKey]:
        """Return one's own keys, or everybody's of a home or of all that one manages."""
        if everybodys:
            home = guard.home_for(who, Function.KEY_MANAGE, home)
        else:
            guard.require_user(who)
        owner = None if everybodys else who.user
        return await self._database.run(
            lambda unit: store.list_api_keys(unit, page, home, owner), who.scope, read=True
        )

    async def revoke(self, who: Principal, key_id: str) -> None:
        """Withdraw a key: one's own, or with ``key.manage`` another's."""
        await self._database.run(lambda unit: self.remove(unit, who, key_id), who.scope)

    def remove(self, unit: Unit, who: Principal, key_id: str) -> None:
        """Withdraw a key within a unit of work."""
        row = store.api_key(unit, key_id)
        if row is None:
            raise key_unknown(key_id)
        key = row.key
        guard.may_touch_key(who, key.home, key.user, lambda: key_unknown(key_id))
        store.remove_api_key(unit, key)
        self._trace.line(unit, who, "api_key.revoke", f"api_key:{key.id}", key.home)
        self._trace.session_revoked(unit, key.home, key.user or key.id, key.id)


def _home_of(who: Principal, scope: Scope) -> str:
    """A key belongs where its owner does; one without an owner where its scope lies."""
    if who.kind is CallerKind.SYSTEM:
        return scope.city or PLATFORM_HOME
    return who.home
