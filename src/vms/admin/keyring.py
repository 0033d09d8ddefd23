"""The keys that sign: access tokens (RS256) and device cookies (HMAC), their rotation, JWKS.

A new key signs at once; the one before is kept for as long as what it signed
lasts. A worker that meets a key it does not know looks for it in the database,
at most once a second, so that forged key ids cost nothing.
"""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from joserfc.jwk import RSAKey

from vms.admin import tokens
from vms.admin.model import Principal
from vms.admin.store import keys as store
from vms.admin.store.keys import SigningKeyRow
from vms.admin.tokens import (
    ALGORITHM,
    KEY_BITS,
    CheckedTokens,
    Claims,
    SigningKey,
    TokenSettings,
    UnknownKeyError,
)
from vms.admin.trace import Trace
from vms.common import Clock, InternalError, UnauthenticatedError, new_id
from vms.database import PLATFORM, Database, Unit, Vault

ACCESS = "access"
DEVICE = "device"

DAY_US = 86_400_000_000
ROTATE_AFTER_US = 90 * DAY_US
# How long a device stays known without a sign-in.
DEVICE_LASTS_US = 400 * DAY_US
RELOAD_S = 60.0
UNKNOWN_KEY_PAUSE_S = 1.0
_MAC_BYTES = 16


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The keys of a moment. Of each purpose the newest signs, unless it was ended."""

    access: SigningKey | None = None
    device: tuple[str, bytes] | None = None
    public: Mapping[str, RSAKey] = field(default_factory=dict)
    devices: Mapping[str, bytes] = field(default_factory=dict)
    jwks: tuple[dict[str, Any], ...] = ()
    oldest_us: int = 0


class KeyRing:
    """Signs and checks with keys that the database holds, sealed."""

    def __init__(
        self, database: Database, vault: Vault, clock: Clock, settings: TokenSettings
    ) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._settings = settings
        self._trace = Trace(clock)
        self._checked = CheckedTokens(clock)
        self._keys = _Loaded()
        self._rows: list[SigningKeyRow] = []
        self._loaded_at = float("-inf")
        self._looking = asyncio.Lock()

    async def start(self) -> None:
        """Load the keys; make those that are missing."""
        await self._load()
        if self._keys.access is None or self._keys.device is None:
            await self._make(None, only_missing=True)

    async def issue(self, user: str, session: str, home: str) -> tuple[str, int]:
        """Return an access token and when it expires, in microseconds."""
        await self._refresh()
        key = self._keys.access
        if key is None:
            raise InternalError("the key ring has not been started")
        now_s = self._clock.utc_us() // 1_000_000
        claims = Claims(user, session, home, now_s + self._settings.access_s)
        token = tokens.issue(key, self._settings, claims, now_s)
        return token, claims.expires_s * 1_000_000

    async def verify(self, token: str) -> Claims:
        """Return what an access token says, or raise."""
        found = self._checked.get(token)
        if found is not None:
            return found
        await self._refresh()
        try:
            claims = self._verify(token)
        except UnknownKeyError:
            await self._look()
            try:
                claims = self._verify(token)
            except UnknownKeyError:
                raise UnauthenticatedError(
                    "the access token names a key that is not in use", code="token_invalid"
                ) from None
        self._checked.keep(token, claims)
        return claims

    def forget_checked(self) -> None:
        """Check each token anew: for measuring what that costs."""
        self._checked.clear()

    def _verify(self, token: str) -> Claims:
        now_s = self._clock.utc_us() / 1_000_000
        return tokens.verify(token, self._keys.public.get, self._settings, now_s)

    def jwks(self) -> dict[str, Any]:
        """Return the public keys as a JSON Web Key Set (RFC 7517)."""
        return {"keys": list(self._keys.jwks)}

    def device_cookie(self, device: str) -> str:
        """Return what proves a device to us."""
        if self._keys.device is None:
            raise InternalError("the key ring has not been started")
        kid, secret = self._keys.device
        return f"{kid}.{device}.{_mac(secret, kid, device)}"

    def device_of(self, cookie: str | None) -> str | None:
        """Return the device that a cookie proves."""
        parts = (cookie or "").split(".")
        if len(parts) != 3:
            return None
        kid, device, mac = parts
        secret = self._keys.devices.get(kid)
        if secret is None:
            return None
        good = hmac.compare_digest(_mac(secret, kid, device).encode(), mac.encode())
        return device if good else None

    async def maintain(self) -> bool:
        """Rotate keys that have signed for long enough; to be called now and then."""
        await self._load()
        if self._keys.oldest_us > self._clock.utc_us() - ROTATE_AFTER_US:
            return False
        await self._make(None, only_missing=False)
        return True

    async def rotate(self, who: Principal, *, withdraw: bool = False) -> None:
        """Make new keys now. ``withdraw``: what the old ones signed counts no more."""
        await self._make(who, only_missing=False, withdraw=withdraw)

    async def _make(
        self, who: Principal | None, *, only_missing: bool, withdraw: bool = False
    ) -> None:
        fresh = await asyncio.get_running_loop().run_in_executor(None, self._fresh_rows)
        await self._database.run(
            lambda unit: self._put(unit, who, fresh, only_missing=only_missing, withdraw=withdraw),
            PLATFORM,
        )
        await self._load()

    def _fresh_rows(self) -> list[SigningKeyRow]:
        now_us = self._clock.utc_us()
        kid = new_id()
        key = RSAKey.generate_key(KEY_BITS)
        public = {**key.as_dict(private=False), "kid": kid, "alg": ALGORITHM, "use": "sig"}
        access = SigningKeyRow(
            id=kid,
            purpose=ACCESS,
            secret=self._vault.seal(key.as_der(private=True), _where(kid)),
            public=msgspec.json.encode(public).decode(),
            created_us=now_us,
        )
        kid = new_id()
        secret = self._vault.seal(secrets.token_bytes(32), _where(kid))
        return [access, SigningKeyRow(kid, DEVICE, secret, "", now_us)]

    def _put(
        self,
        unit: Unit,
        who: Principal | None,
        fresh: list[SigningKeyRow],
        *,
        only_missing: bool,
        withdraw: bool,
    ) -> None:
        now_us = self._clock.utc_us()
        signing = [row for row in store.signing_keys(unit, now_us) if row.ends_us is None]
        lasts = {
            ACCESS: (self._settings.access_s + self._settings.leeway_s) * 1_000_000,
            DEVICE: DEVICE_LASTS_US,
        }
        for row in fresh:
            before = [old.id for old in signing if old.purpose == row.purpose]
            if before and only_missing:
                continue
            ends_us = now_us if withdraw else now_us + lasts[row.purpose]
            store.end_signing_keys(unit, before, ends_us)
            store.add_signing_key(unit, row)
            if who is not None:
                self._trace.line(unit, who, "signing_key.rotate", f"signing_key:{row.id}", "")

    async def _refresh(self) -> None:
        if self._clock.monotonic() - self._loaded_at >= RELOAD_S:
            await self._load()

    async def _look(self) -> None:
        """Load the keys because one is not known, but not again and again."""
        async with self._looking:
            if self._clock.monotonic() - self._loaded_at >= UNKNOWN_KEY_PAUSE_S:
                await self._load()

    async def _load(self) -> None:
        self._loaded_at = self._clock.monotonic()
        now_us = self._clock.utc_us()
        rows = await self._database.run(
            lambda unit: store.signing_keys(unit, now_us), PLATFORM, read=True
        )
        # Reading a private key takes milliseconds, and the keys seldom change.
        if rows == self._rows:
            return
        before = self._keys
        self._keys, self._rows = self._opened(rows), rows
        if before.public.keys() - self._keys.public.keys():
            self._checked.clear()

    def _opened(self, rows: list[SigningKeyRow]) -> _Loaded:
        access: SigningKey | None = None
        device: tuple[str, bytes] | None = None
        public, devices, jwks = {}, {}, []
        for row in rows:
            secret = self._vault.open(row.secret, _where(row.id))
            signs = row.ends_us is None
            if row.purpose == DEVICE:
                devices[row.id] = secret
                device = device or ((row.id, secret) if signs else None)
                continue
            described = msgspec.json.decode(row.public)
            public[row.id] = RSAKey.import_key(described)
            jwks.append(described)
            if signs and access is None:
                access = SigningKey(row.id, RSAKey.import_key(secret))
        oldest = min((row.created_us for row in rows if row.ends_us is None), default=0)
        return _Loaded(access, device, public, devices, tuple(jwks), oldest)


def _where(kid: str) -> tuple[str, ...]:
    return ("signing_keys", "secret", kid)


def _mac(secret: bytes, kid: str, device: str) -> str:
    digest = hmac.digest(secret, f"vms device\n{kid}\n{device}".encode(), hashlib.sha256)
    return digest[:_MAC_BYTES].hex()
