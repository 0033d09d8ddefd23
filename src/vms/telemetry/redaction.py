"""Take secrets out of whatever is about to be written down.

Two nets: the name of a field (``password``, ``token``, ...) hides its value
whole; in any text, passwords inside URLs and in ``key=value`` pairs are
replaced. The second runs over the finished line as well, so that a traceback
or a foreign library's message cannot carry one out.
"""

import re
from collections.abc import Mapping

MASK = "***"

_SECRET_NAME = re.compile(
    r"(?i)(?:^|_|-)(?:pass(?:word|wd|phrase)?s?|secret|token|authorization|cookie|api_?key|"
    r"private_?key|credentials?)(?:$|_|-)"
)
_WORD = re.compile(r"[^\s\"']+")
# Digits and a slash are a port, not a password.
_URL_USER = re.compile(r"(?i)[a-z0-9+.-]://[^\s/:@\"']*:(?!\d{1,5}[/?])")
_PAIR = re.compile(
    r"(?i)\b(pass(?:word|wd|phrase)?|pwd|secret|(?:access_|refresh_)?token|api_?key|response)"
    r"([\"']?\s*[=:]\s*[\"']?)(?!\*\*\*)([^\s&\"',;}]+)"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{6,}")


def redact_text(text: str) -> str:
    """Return ``text`` without the secrets it carries."""
    if "://" in text:
        text = _WORD.sub(_without_password, text)
    text = _BEARER.sub(rf"\1 {MASK}", text)
    return _PAIR.sub(rf"\1\2{MASK}", text)


def _without_password(word: re.Match[str]) -> str:
    """Return a word without the password of an address in it.

    The password reaches to the LAST @ of the word: cameras' passwords hold unescaped @
    and / more often than one would think, and hiding too much beats telling a part.
    """
    text = word[0]
    at = text.rfind("@")
    user = _URL_USER.search(text, 0, at) if at >= 0 else None
    return text if user is None else f"{text[: user.end()]}{MASK}{text[at:]}"


def redact(value: object, name: str = "") -> object:
    """Return ``value`` without secrets, looking into mappings and lists."""
    if name and _SECRET_NAME.search(name) and value is not None:
        return MASK
    match value:
        case None | bool() | int() | float():
            clean: object = value
        case bytes():
            clean = redact_text(value.decode(errors="replace"))
        case Mapping():
            clean = {key: redact(item, str(key)) for key, item in value.items()}
        case list() | tuple():
            clean = [redact(item) for item in value]
        case _:
            clean = redact_text(str(value))
    return clean
