"""What the services take: typed drafts, so that nobody sets what was not offered."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from vms.admin.model import Function
from vms.common import InvalidError

LANGUAGES = ("en", "es", "pt")
LONGEST_NAME = 200
LONGEST_EMAIL = 254
MOST_KEY_DAYS = 3650
MOST_PER_MINUTE = 60_000

# No colon, slash or space, so that a login fits into addresses and log lines.
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.][^@\s]*")


@dataclass(frozen=True, slots=True)
class Visit:
    """Where a request comes from."""

    address: str = ""
    # What the client calls itself.
    agent: str = ""
    # The device cookie it carries.
    device: str | None = None


class _Draft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base: a field that is not named is refused."""


class SignInDraft(_Draft, frozen=True):
    """Who signs in. The city only where a login lives in several homes."""

    login: str
    password: str
    city: str = ""


class GrantDraft(_Draft, frozen=True):
    """A role in a scope for somebody."""

    role: str
    scope: str


class UserDraft(_Draft, frozen=True):
    """A new user, with what he is granted from the first."""

    login: str
    name: str
    password: str
    home: str = ""
    email: str = ""
    language: str = ""
    grants: tuple[GrantDraft, ...] = ()


class UserChange(_Draft, frozen=True):
    """What changes of a user; a field that is not given stays."""

    login: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    language: str | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class OwnChange(_Draft, frozen=True):
    """What one changes of oneself."""

    name: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    language: str | UnsetType = UNSET


class GroupDraft(_Draft, frozen=True):
    """A group of users, as it should be."""

    name: str
    members: tuple[str, ...] = ()
    home: str = ""


class RoleDraft(_Draft, frozen=True):
    """A role, as it should be."""

    name: str
    functions: tuple[str, ...]
    home: str = ""


class InvitationDraft(_Draft, frozen=True):
    """An invitation: role and scope are fixed by who makes it."""

    role: str
    scope: str
    note: str = ""


class AcceptDraft(_Draft, frozen=True):
    """What the invited person, or the first admin, fills in."""

    token: str
    login: str
    name: str
    password: str
    email: str = ""
    language: str = ""


class ApiKeyDraft(_Draft, frozen=True):
    """An API key."""

    name: str
    role: str
    scope: str
    days: int = 90
    per_minute: int = 600


class StreamKeyDraft(_Draft, frozen=True):
    """A stream key."""

    name: str
    scope: str
    audio: bool = False
    days: int = 365


HolderKind = Literal["user", "group"]


def is_login(login: str) -> bool:
    """Tell whether there can be somebody of this login."""
    return _LOGIN.fullmatch(login) is not None


def checked_login(text: str) -> str:
    """Return a login as it is kept: in lower case."""
    login = text.strip().lower()
    if not is_login(login):
        raise InvalidError(
            "a login has 1 to 64 of a-z, 0-9, . _ @ + -, beginning with a letter or a digit",
            code="login_invalid",
        )
    return login


def checked_name(text: str) -> str:
    """Return a name that fits on one line."""
    name = " ".join(text.split())
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise InvalidError(
            f"a name has 1 to {LONGEST_NAME} printable characters", code="name_invalid"
        )
    return name


def checked_email(text: str) -> str:
    """Return an e-mail address, or nothing where none was given."""
    email = text.strip()
    good = len(email) <= LONGEST_EMAIL and email.isprintable() and _EMAIL.fullmatch(email)
    if email and not good:
        raise InvalidError("this is no e-mail address", code="email_invalid")
    return email


def checked_language(text: str) -> str:
    """Return a language that the screens speak; none: what the browser asks for."""
    if text and text not in LANGUAGES:
        raise InvalidError(
            f"{text!r} is not a language of the screens: {', '.join(LANGUAGES)}",
            code="language_unknown",
            values={"allowed": ", ".join(LANGUAGES)},
        )
    return text


def checked_functions(names: Iterable[str]) -> frozenset[Function]:
    """Return the functions of these names."""
    unknown = sorted(set(names) - set(Function))
    if unknown:
        raise InvalidError(
            f"there is no function {', '.join(map(repr, unknown))}",
            code="function_unknown",
            values={"functions": ", ".join(unknown)},
        )
    found = frozenset(Function(name) for name in names)
    if not found:
        raise InvalidError("a role has at least one function", code="role_empty")
    return found


def checked_number(what: str, value: int, most: int) -> int:
    """Return a number from 1 to ``most``."""
    if not 1 <= value <= most:
        raise InvalidError(
            f"{what}: from 1 to {most}",
            code="number_out_of_range",
            values={"field": what, "least": 1, "most": most},
        )
    return value
