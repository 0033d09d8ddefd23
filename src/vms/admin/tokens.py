"""Access tokens: JSON Web Tokens signed RS256 (RFC 7519, RFC 7515), and what refuses them.

A token proves a session for a few minutes, nothing more: what its user may do
is read from the database, at most a second old. So a token can be kept as
checked, by its hash, until it expires.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import joserfc.jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from vms.common import Clock, UnauthenticatedError

ALGORITHM = "RS256"
KEY_BITS = 2048
TOKEN_TYPE = "at+jwt"  # noqa: S105 - RFC 9068's name of the type, no secret
# A token is about 700 bytes; a longer one is not ours.
MOST_TOKEN_BYTES = 4096
MOST_KEPT = 50_000


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """Who signs for whom, and for how long."""

    issuer: str = "vms"
    audience: str = "vms-api"
    access_s: int = 600
    # Clocks of two machines may differ by so much.
    leeway_s: int = 30


@dataclass(frozen=True, slots=True)
class Claims:
    """What an access token says."""

    user: str
    session: str
    home: str
    expires_s: int


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and the id that tokens name it by."""

    kid: str
    key: RSAKey


FindKey = Callable[[str], RSAKey | None]


class UnknownKeyError(Exception):
    """A token names a key that is not known here: perhaps not yet."""


def issue(key: SigningKey, settings: TokenSettings, claims: Claims, now_s: int) -> str:
    """Return a signed token."""
    payload = {
        "iss": settings.issuer,
        "aud": settings.audience,
        "sub": claims.user,
        "sid": claims.session,
        "city": claims.home,
        "iat": now_s,
        "exp": claims.expires_s,
    }
    header = {"alg": ALGORITHM, "kid": key.kid}
    return joserfc.jwt.encode(
        header, payload, key.key, algorithms=[ALGORITHM], default_type=TOKEN_TYPE
    )


def verify(token: str, find: FindKey, settings: TokenSettings, now_s: float) -> Claims:
    """Return what a token says, once all of it is proved.

    The algorithm is ours, never the token's: ``none`` and HMAC with the public
    key as its secret find no way in. ``UnknownKeyError`` asks the caller to
    look whether there is a new key.
    """
    if len(token) > MOST_TOKEN_BYTES:
        raise _invalid("it is too long")

    def key_of(guest: Any) -> RSAKey:  # noqa: ANN401 - joserfc exports no type for it
        kid = guest.headers().get("kid")
        key = find(kid) if isinstance(kid, str) else None
        if key is None:
            raise UnknownKeyError
        return key

    try:
        decoded = joserfc.jwt.decode(token, key_of, algorithms=[ALGORITHM])
    except (JoseError, ValueError, TypeError) as error:
        raise _invalid(type(error).__name__) from None
    if decoded.header.get("typ") != TOKEN_TYPE:
        raise _invalid("it is of another type")
    return _checked(decoded.claims, settings, now_s)


def _checked(claims: dict[str, Any], settings: TokenSettings, now_s: float) -> Claims:
    if claims.get("iss") != settings.issuer:
        raise _invalid("another issuer")
    if claims.get("aud") != settings.audience:
        raise _invalid("another audience")
    texts = [claims.get(name) for name in ("sub", "sid", "city")]
    user, session, home = (text if isinstance(text, str) else None for text in texts)
    if user is None or session is None or home is None or not user or not session:
        raise _invalid("a claim is missing")
    issued, expires = (_seconds(claims.get(name)) for name in ("iat", "exp"))
    begins = _seconds(claims.get("nbf", issued))
    if max(issued, begins) > now_s + settings.leeway_s:
        raise _invalid("it is of the future")
    if expires <= now_s:
        raise UnauthenticatedError("the access token has expired", code="token_expired")
    return Claims(user, session, home, expires)


def _seconds(value: object) -> int:
    # To Python, True is a number too.
    if not isinstance(value, int) or isinstance(value, bool):
        raise _invalid("a time is missing")
    return value


def _invalid(why: str) -> UnauthenticatedError:
    return UnauthenticatedError(f"the access token is not valid: {why}", code="token_invalid")


class CheckedTokens:
    """Tokens that were found right, by their hash, until they expire."""

    def __init__(self, clock: Clock, most: int = MOST_KEPT) -> None:
        self._clock = clock
        self._most = most
        self._kept: OrderedDict[bytes, Claims] = OrderedDict()

    def get(self, token: str) -> Claims | None:
        """Return what a checked token says, unless it has expired since."""
        key = _digest(token)
        claims = self._kept.get(key)
        if claims is None:
            return None
        if claims.expires_s <= self._clock.utc_us() / 1_000_000:
            del self._kept[key]
            return None
        return claims

    def keep(self, token: str, claims: Claims) -> None:
        """Keep a token that was checked; the one kept for longest goes first."""
        self._kept[_digest(token)] = claims
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def clear(self) -> None:
        """Forget all of them: a key was withdrawn."""
        self._kept.clear()

    def __len__(self) -> int:
        return len(self._kept)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
