"""One-time codes (RFC 6238, RFC 4226) and recovery codes. Pure.

A code belongs to a step of 30 s; one step before and after are accepted too,
because clocks of telephones differ. Who accepts a code keeps its step, and no
step at or before it is accepted again.
"""

import base64
import hashlib
import hmac
import secrets
from urllib.parse import quote, urlencode

STEP_S = 30
TOLERATED_STEPS = 1
DIGITS = 6
SECRET_BYTES = 20

RECOVERY_CODES = 10
# 16 letters of 5 bits: too many for a thief of the hashes to try, so a plain hash will do.
_RECOVERY_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
_RECOVERY_LENGTH = 16
_RECOVERY_PART = 4


def new_secret() -> bytes:
    """Return a secret as long as RFC 4226 recommends."""
    return secrets.token_bytes(SECRET_BYTES)


def step_of(utc_us: int) -> int:
    """Return the step that a moment lies in."""
    return utc_us // (STEP_S * 1_000_000)


def code_at(secret: bytes, step: int) -> str:
    """Return the code of a step (RFC 4226, section 5.3)."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), hashlib.sha1)
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**DIGITS).zfill(DIGITS)


def matching_step(secret: bytes, code: str, utc_us: int, used_step: int) -> int | None:
    """Return the step that a code proves, later than the last one used; else nothing.

    Every step is compared, so that the time taken tells nothing.
    """
    given = "".join(code.split()).encode()
    now = step_of(utc_us)
    found = None
    for step in range(now - TOLERATED_STEPS, now + TOLERATED_STEPS + 1):
        same = hmac.compare_digest(code_at(secret, step).encode(), given)
        if same and step > used_step:
            found = step
    return found


def secret_text(secret: bytes) -> str:
    """Return a secret as people type it: base 32 without padding."""
    return base64.b32encode(secret).decode().rstrip("=")


def otpauth_url(secret: bytes, login: str, issuer: str) -> str:
    """Return the address that authenticator apps read from a QR code."""
    label = quote(f"{issuer}:{login}", safe="")
    query = urlencode(
        {
            "secret": secret_text(secret),
            "issuer": issuer,
            "algorithm": "SHA1",
            "digits": DIGITS,
            "period": STEP_S,
        },
        quote_via=quote,
    )
    return f"otpauth://totp/{label}?{query}"


def new_recovery_codes() -> tuple[str, ...]:
    """Return codes for the day the telephone is lost, such as ``7k2m-...``."""
    return tuple(_recovery_code() for _ in range(RECOVERY_CODES))


def _recovery_code() -> str:
    letters = [secrets.choice(_RECOVERY_LETTERS) for _ in range(_RECOVERY_LENGTH)]
    starts = range(0, _RECOVERY_LENGTH, _RECOVERY_PART)
    return "-".join("".join(letters[start : start + _RECOVERY_PART]) for start in starts)


def recovery_hash(code: str) -> str:
    """Return what is stored of a recovery code, however it was typed."""
    plain = "".join(code.split()).replace("-", "").lower()
    return hashlib.sha256(f"recovery\n{plain}".encode()).hexdigest()


def is_recovery_code(text: str) -> bool:
    """Tell a recovery code from a one-time code by its length."""
    return len("".join(text.split()).replace("-", "")) == _RECOVERY_LENGTH
