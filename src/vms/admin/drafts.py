"""What the services take: typed drafts, so that nobody sets what was not offered."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from vms.admin.model import Function
from vms.common import InvalidError

LANGUAGES = ("en", "es", "pt")
LONGEST_NAME = 200
LONGEST_EMAIL = 254
MOST_KEY_DAYS = 3650
MOST_PER_MINUTE = 60_000

# The longest that are read at all; what they may be is checked by the services.
LoginText = Annotated[str, Meta(max_length=64, description="In lower case.")]
NameText = Annotated[str, Meta(max_length=LONGEST_NAME)]
EmailText = Annotated[str, Meta(max_length=LONGEST_EMAIL)]
PasswordText = Annotated[str, Meta(max_length=256, description="At least 12 characters.")]
LanguageText = Annotated[
    str, Meta(max_length=2, description="en, es or pt; empty: what the browser asks for.")
]
HomeText = Annotated[
    str, Meta(max_length=50, description="The city one belongs to; empty: one's own.")
]
RoleText = Annotated[str, Meta(max_length=63, description="The id of a role.")]
ScopeText = Annotated[
    str,
    Meta(
        max_length=150,
        description="platform, city:CITY, group:CITY/GROUP or camera:CITY/CAMERA.",
    ),
]
TokenText = Annotated[str, Meta(max_length=128, description="What stands behind # in the link.")]
IdText = Annotated[str, Meta(max_length=63)]
Days = Annotated[int, Meta(ge=1, le=MOST_KEY_DAYS, description="How long it lasts.")]
Rate = Annotated[int, Meta(ge=1, le=MOST_PER_MINUTE, description="Requests a minute.")]

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

    login: LoginText
    password: PasswordText
    city: HomeText = ""


class GrantDraft(_Draft, frozen=True):
    """A role in a scope for somebody."""

    role: RoleText
    scope: ScopeText


class UserDraft(_Draft, frozen=True):
    """A new user, with what he is granted from the first."""

    login: LoginText
    name: NameText
    password: PasswordText
    home: HomeText = ""
    email: EmailText = ""
    language: LanguageText = ""
    grants: Annotated[tuple[GrantDraft, ...], Meta(max_length=100)] = ()


class UserChange(_Draft, frozen=True):
    """What changes of a user; a field that is not given stays."""

    login: LoginText | UnsetType = UNSET
    name: NameText | UnsetType = UNSET
    email: EmailText | UnsetType = UNSET
    language: LanguageText | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class OwnChange(_Draft, frozen=True):
    """What one changes of oneself."""

    name: NameText | UnsetType = UNSET
    email: EmailText | UnsetType = UNSET
    language: LanguageText | UnsetType = UNSET


class GroupDraft(_Draft, frozen=True):
    """A group of users, as it should be."""

    name: NameText
    members: Annotated[tuple[IdText, ...], Meta(max_length=1000)] = ()
    home: HomeText = ""


class RoleDraft(_Draft, frozen=True):
    """A role, as it should be."""

    name: NameText
    functions: Annotated[tuple[IdText, ...], Meta(max_length=64)]
    home: HomeText = ""


class InvitationDraft(_Draft, frozen=True):
    """An invitation: role and scope are fixed by who makes it."""

    role: RoleText
    scope: ScopeText
    note: NameText = ""


class AcceptDraft(_Draft, frozen=True):
    """What the invited person, or the first admin, fills in."""

    token: TokenText
    login: LoginText
    name: NameText
    password: PasswordText
    email: EmailText = ""
    language: LanguageText = ""


class ApiKeyDraft(_Draft, frozen=True):
    """An API key."""

    name: NameText
    role: RoleText
    scope: ScopeText
    days: Days = 90
    per_minute: Rate = 600


class StreamKeyDraft(_Draft, frozen=True):
    """A stream key."""

    name: NameText
    scope: ScopeText
    audio: Annotated[
        bool, Meta(description="Whether one hears by it; a key that publishes never does.")
    ] = False
    playback: Annotated[
        bool,
        Meta(description="Whether recordings are played by it too; never by one that publishes."),
    ] = False
    publish: Annotated[
        bool,
        Meta(description="True: cameras send their pictures by it, and nobody views by it."),
    ] = False
    days: Days = 365


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
