"""The CNPJ: the number under which a Brazilian organisation is registered.

Twelve characters and two check digits. Numbers given out from July 2026 on may
have capital letters among the first twelve (RFB Normative Instruction 2.229 of
2024): a character counts as its ASCII code less 48, so digits count as before.
"""

import re

from vms.common import InvalidError

_BARE = re.compile(r"[0-9A-Z]{12}[0-9]{2}")
# How people write it: XX.XXX.XXX/XXXX-XX.
_SHOWN = re.compile(r"[0-9A-Z]{2}\.?[0-9A-Z]{3}\.?[0-9A-Z]{3}/?[0-9A-Z]{4}-?[0-9]{2}")
_POINTS = str.maketrans("", "", "./-")

_FIRST_WEIGHTS = (5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
_SECOND_WEIGHTS = (6, *_FIRST_WEIGHTS)


def parse_cnpj(text: str) -> str:
    """Return a CNPJ bare, as it is stored; one that cannot be is refused."""
    given = text.strip().upper()
    bare = given.translate(_POINTS)
    if not _SHOWN.fullmatch(given) or not _BARE.fullmatch(bare):
        raise _invalid(text, "it has 14 characters, written XX.XXX.XXX/XXXX-XX or without points")
    # Passes the check digits, but stands for "none" in many a form.
    if len(set(bare)) == 1:
        raise _invalid(text, "it is the same digit 14 times")
    if bare[12:] != check_digits(bare[:12]):
        raise _invalid(text, "its check digits do not fit: a digit is wrong or two are exchanged")
    return bare


def format_cnpj(bare: str) -> str:
    """Return a CNPJ as people write it."""
    return f"{bare[:2]}.{bare[2:5]}.{bare[5:8]}/{bare[8:12]}-{bare[12:]}"


def check_digits(body: str) -> str:
    """Return the two check digits of the first twelve characters (modulo 11)."""
    first = _digit(body, _FIRST_WEIGHTS)
    return first + _digit(body + first, _SECOND_WEIGHTS)


def _digit(body: str, weights: tuple[int, ...]) -> str:
    total = sum((ord(char) - 48) * weight for char, weight in zip(body, weights, strict=True))
    rest = total % 11
    return "0" if rest < 2 else str(11 - rest)


def _invalid(text: str, why: str) -> InvalidError:
    return InvalidError(
        f"{text!r} is not a CNPJ: {why}", code="cnpj_invalid", values={"cnpj": text}
    )
