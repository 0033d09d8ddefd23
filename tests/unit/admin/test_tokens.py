"""Access tokens, and each way to forge one."""

import base64
import hashlib
import hmac
import json
from typing import Any

import joserfc.jwt
import pytest
from joserfc.jwk import OctKey, RSAKey

from vms.admin import tokens
from vms.admin.tokens import CheckedTokens, Claims, SigningKey, TokenSettings, UnknownKeyError
from vms.common import ManualClock, UnauthenticatedError

NOW = 1_700_000_000
SETTINGS = TokenSettings()
KEY = SigningKey("k1", RSAKey.generate_key(2048))
OTHER = RSAKey.generate_key(2048)
CLAIMS = Claims("u1", "s1", "sp", NOW + 600)


def find(kid: str) -> RSAKey | None:
    return KEY.key if kid == KEY.kid else None


def good() -> str:
    return tokens.issue(KEY, SETTINGS, CLAIMS, NOW)


def made(
    key: RSAKey = KEY.key,
    header: dict[str, Any] | None = None,
    typ: str = "at+jwt",
    **claims: object,
) -> str:
    payload = {
        "iss": "vms",
        "aud": "vms-api",
        "sub": "u1",
        "sid": "s1",
        "city": "sp",
        "iat": NOW,
        "exp": NOW + 600,
        **claims,
    }
    kept = {name: value for name, value in payload.items() if value is not None}
    full = {"alg": "RS256", "kid": "k1", **(header or {})}
    return joserfc.jwt.encode(full, kept, key, algorithms=[full["alg"]], default_type=typ)


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def refused(token: str, now: float = NOW) -> str:
    with pytest.raises(UnauthenticatedError) as error:
        tokens.verify(token, find, SETTINGS, now)
    assert len(token) < 20 or token not in str(error.value)
    return error.value.code


def test_a_token_says_what_was_signed() -> None:
    assert tokens.verify(good(), find, SETTINGS, NOW) == CLAIMS
    assert tokens.verify(made(), find, SETTINGS, NOW) == CLAIMS


@pytest.mark.parametrize("alg", ["none", "None", "NONE", ""])
def test_alg_none_is_refused(alg: str) -> None:
    _, payload, signature = good().split(".")
    header = part({"alg": alg, "kid": "k1", "typ": "at+jwt"})
    assert refused(f"{header}.{payload}.") == "token_invalid"
    assert refused(f"{header}.{payload}.{signature}") == "token_invalid"


@pytest.mark.parametrize("form", ["pem", "der", "jwk"])
def test_the_public_key_is_no_hmac_secret(form: str) -> None:
    public = {
        "pem": KEY.key.as_pem(private=False),
        "der": KEY.key.as_der(private=False),
        "jwk": json.dumps(KEY.key.as_dict(private=False)).encode(),
    }[form]
    _, payload, _ = good().split(".")
    signed = f"{part({'alg': 'HS256', 'kid': 'k1', 'typ': 'at+jwt'})}.{payload}"
    mac = hmac.digest(public, signed.encode(), hashlib.sha256)
    signature = base64.urlsafe_b64encode(mac).rstrip(b"=").decode()
    assert refused(f"{signed}.{signature}") == "token_invalid"


def test_another_rsa_algorithm_is_refused() -> None:
    assert refused(made(header={"alg": "RS512"})) == "token_invalid"
    assert refused(made(header={"alg": "PS256"})) == "token_invalid"


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another"},
        {"aud": ["vms-api", "another"]},
        {"aud": None},
        {"iss": "another"},
        {"iss": None},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sid": None},
        {"sid": ""},
        {"city": None},
        {"exp": None},
        {"exp": "1800000000"},
        {"exp": True},
        {"iat": None},
        {"iat": NOW + 31},
        {"nbf": NOW + 31},
        {"nbf": "soon"},
    ],
    ids=str,
)
def test_wrong_claims_are_refused(claims: dict[str, Any]) -> None:
    assert refused(made(**claims)) == "token_invalid"


def test_an_expired_token_is_said_to_be_expired() -> None:
    assert tokens.verify(good(), find, SETTINGS, NOW + 599.9) == CLAIMS
    assert refused(good(), NOW + 600) == "token_expired"


def test_clocks_of_two_machines_may_differ_a_little() -> None:
    assert tokens.verify(good(), find, SETTINGS, NOW - 30) == CLAIMS
    assert refused(good(), NOW - 31) == "token_invalid"


def test_an_unknown_key_is_asked_for() -> None:
    for header in ({"kid": "k2"}, {"kid": "../../etc/passwd"}):
        with pytest.raises(UnknownKeyError):
            tokens.verify(made(header=header), find, SETTINGS, NOW)


def test_a_key_that_the_token_brings_is_not_used() -> None:
    with pytest.raises((UnauthenticatedError, UnknownKeyError)):
        tokens.verify(
            made(OTHER, header={"kid": "k2", "jwk": OTHER.as_dict(private=False)}),
            find,
            SETTINGS,
            NOW,
        )
    assert refused(made(OTHER, header={"jwk": OTHER.as_dict(private=False)})) == "token_invalid"


def test_another_key_under_our_name_is_refused() -> None:
    assert refused(made(OTHER)) == "token_invalid"


def test_a_token_for_something_else_is_refused() -> None:
    assert refused(made(typ="JWT")) == "token_invalid"


def test_each_changed_letter_is_refused() -> None:
    token = good()
    for at in range(0, len(token), 7):
        letter = "A" if token[at] != "A" else "B"
        changed = token[:at] + letter + token[at + 1 :]
        with pytest.raises((UnauthenticatedError, UnknownKeyError)):
            tokens.verify(changed, find, SETTINGS, NOW)


@pytest.mark.parametrize(
    "token", ["", ".", "..", "a.b.c", "a.b.c.d.e", "\u00e9.b.c", "x" * 5000, "null.null.null"]
)
def test_what_is_no_token_is_refused(token: str) -> None:
    assert refused(token) == "token_invalid"


def test_an_encrypted_token_is_refused() -> None:
    _, payload, _ = good().split(".")
    oct_key = OctKey.generate_key(256)
    signed = joserfc.jwt.encode({"alg": "HS256", "kid": "k1"}, {"payload": payload}, oct_key)
    assert refused(signed) == "token_invalid"


def test_a_checked_token_is_kept_until_it_expires() -> None:
    clock = ManualClock(utc_us=NOW * 1_000_000)
    kept = CheckedTokens(clock)
    kept.keep("t", CLAIMS)
    assert kept.get("t") == CLAIMS
    assert kept.get("T") is None
    clock.advance(600)
    assert kept.get("t") is None
    assert len(kept) == 0


def test_kept_tokens_are_bounded() -> None:
    kept = CheckedTokens(ManualClock(utc_us=NOW * 1_000_000), most=2)
    for name in ("a", "b", "c"):
        kept.keep(name, CLAIMS)
    assert [kept.get(name) for name in ("a", "b", "c")] == [None, CLAIMS, CLAIMS]
    kept.clear()
    assert len(kept) == 0
