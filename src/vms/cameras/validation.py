"""What a camera may be: every problem is told, each with its field. Pure."""

import math
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import msgspec
from msgspec import UNSET, UnsetType

from vms.cameras.makers import GENERIC, MAKERS
from vms.cameras.model import (
    LEAST_POINTS,
    MOST_AREAS,
    MOST_GROUPS,
    MOST_LOGIN,
    MOST_NAME,
    MOST_POINTS,
    MOST_PUSHES,
    MOST_TAG,
    MOST_TAGS,
    Area,
    Change,
    Draft,
    kind_of,
)
from vms.common import (
    LEAST_PASSPHRASE,
    MOST_PASSPHRASE,
    PUBLISHED,
    Credentials,
    InvalidError,
    Login,
    VmsError,
    camera_id,
    check_address,
    check_host,
    is_published,
    scheme_of,
    split_login,
)

# The fields of one way to say where streams come from, as they are for the other way.
_Empty = Mapping[str, object]
_DEVICE: _Empty = {"host": None, "port": None, "channel": 1, "sub_stream": True}
_ADDRESSES: _Empty = {"url": None, "sub_url": None, "sub_user": None}
# Of the fields of addresses and their logins: the camera's, the sub-stream's, the second ones'.
_PREFIXES = ("", "sub_", "backup_")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a field; the message goes after the field's name."""

    where: str
    code: str
    message: str
    values: dict[str, str | int | float] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


def apply(draft: Draft, change: Change) -> Draft:
    """Return a draft with a change made to it.

    Going from a maker to full addresses, or back, empties the fields of the other way.
    An address that names a user stands for a new user, and one that is opened with something else
    (a passphrase, or nothing) for a new login.
    """
    given = change.given()
    cleared: dict[str, object] = {}
    maker = given.get("maker", draft.maker)
    if (maker == GENERIC) != (draft.maker == GENERIC):
        cleared |= _DEVICE if maker == GENERIC else _ADDRESSES
    for prefix in _PREFIXES:
        address, user = f"{prefix}url", f"{prefix}user"
        if _names_a_user(given.get(address)):
            cleared[user] = None
        if address in given and _kind(given[address]) is not _kind(getattr(draft, address)):
            cleared |= {user: None, f"{prefix}password": None}
    if given.get("backup_url", UNSET) is None or given.get("url") in PUBLISHED:
        # Who calls us has no second address; a login goes with its address.
        cleared |= {"backup_url": None}
        cleared |= dict.fromkeys(("backup_sub_url", "backup_user", "backup_password"))
    if given.get("url") in PUBLISHED:
        cleared |= {"on_demand": None}
    return msgspec.structs.replace(draft, **{**cleared, **given})


def _names_a_user(address: str | None) -> bool:
    try:
        return address is not None and split_login(address.strip())[1] is not None
    except InvalidError:
        # Told when the draft is checked.
        return False


def _kind(address: str | None) -> Credentials:
    text = _blank(address)
    try:
        return kind_of(None if text is None else check_address(text))
    except InvalidError:
        return kind_of(None)


def checked(draft: Draft) -> Draft:
    """Return a draft as it is kept: trimmed, credentials taken out of the addresses.

    Raises one error that names everything that is wrong.
    """
    problems: list[Problem] = []
    tidy = _tidy(draft)
    tidy = _separate(tidy, problems)
    for check in _CHECKS:
        problems += check(tidy)
    if problems:
        raise refusal(problems)
    return tidy


def refusal(problems: list[Problem]) -> InvalidError:
    """Return the error for one or more problems; its code is that of the first."""
    first = problems[0]
    return InvalidError(
        "; ".join(str(problem) for problem in problems),
        code=first.code,
        values={"field": first.where, "count": len(problems), **first.values},
    )


def search_key(text: str) -> str:
    """Return text as it is searched and sorted: without case and accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in plain if not unicodedata.combining(char))


def _tidy(draft: Draft) -> Draft:
    return msgspec.structs.replace(
        draft,
        name=draft.name.strip(),
        maker=draft.maker.strip().lower(),
        host=_tidy_host(_blank(draft.host)),
        url=_blank(draft.url),
        sub_url=_blank(draft.sub_url),
        user=_blank(draft.user),
        backup_url=_blank(draft.backup_url),
        backup_sub_url=_blank(draft.backup_sub_url),
        sub_user=_blank(draft.sub_user),
        backup_user=_blank(draft.backup_user),
        site=_blank(draft.site),
        push=_targets(draft.push),
        sub_push=_targets(draft.sub_push),
        groups=tuple(sorted(set(draft.groups))),
        tags=tuple(dict.fromkeys(tag.strip() for tag in draft.tags)),
    )


def _tidy_host(text: str | None) -> str | None:
    try:
        return text and check_host(text)
    except InvalidError:
        # Told by the check, with its field.
        return text


def _targets(addresses: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(address.strip() for address in addresses))


def _blank(text: str | None) -> str | None:
    return (text or "").strip() or None


def _separate(draft: Draft, problems: list[Problem]) -> Draft:
    """Take the credentials out of the addresses."""
    url, login = _split("url", draft.url, problems)
    sub_url, sub_login = _split("sub_url", draft.sub_url, problems)
    backup_url, backup_login = _split("backup_url", draft.backup_url, problems)
    backup_sub_url, backup_sub_login = _split("backup_sub_url", draft.backup_sub_url, problems)
    draft = msgspec.structs.replace(
        draft, url=url, sub_url=sub_url, backup_url=backup_url, backup_sub_url=backup_sub_url
    )
    draft = _take("", draft, login, problems)
    draft = _take("sub_", draft, None if sub_login == login else sub_login, problems)
    # Both second addresses have one login.
    for one in (backup_login, backup_sub_login):
        draft = _take("backup_", draft, None if one == login else one, problems)
    return _separate_targets(draft, problems)


def _separate_targets(draft: Draft, problems: list[Problem]) -> Draft:
    """Take the passphrases out of the addresses of push targets."""
    found: dict[str, str] = {}
    bare: dict[str, tuple[str, ...]] = {}
    for name in ("push", "sub_push"):
        parts = [_split(name, address, problems) for address in getattr(draft, name)]
        bare[name] = tuple(dict.fromkeys(address for address, _ in parts if address is not None))
        found |= {address: login.password for address, login in parts if address and login}
    given = draft.push_passphrases
    if isinstance(given, dict):
        given = _by_target(given, problems)
        if any(given.get(address, secret) != secret for address, secret in found.items()):
            problems.append(
                Problem("push_passphrases", "camera_login_twice", "an address holds another one")
            )
    if found:
        # Null removes those that no address holds anew.
        others = dict.fromkeys((*bare["push"], *bare["sub_push"]), "") if given is None else {}
        given = others | (given if isinstance(given, dict) else {}) | found
    return msgspec.structs.replace(
        draft, push=bare["push"], sub_push=bare["sub_push"], push_passphrases=given
    )


def _by_target(passphrases: dict[str, str], problems: list[Problem]) -> dict[str, str]:
    """Return passphrases by addresses written as those of targets are kept."""
    named = {}
    for address, passphrase in passphrases.items():
        bare, login = _split("push_passphrases", address.strip(), problems)
        if login is not None:
            problems.append(
                Problem("push_passphrases", "camera_login_twice", "an address holds one itself")
            )
        named[bare or address] = passphrase
    return named


def _pushes(draft: Draft) -> Iterator[Problem]:
    has_sub = draft.sub_url is not None if draft.maker == GENERIC else draft.sub_stream
    if draft.sub_push and not has_sub:
        yield Problem("sub_push", "camera_field_unused", "leave it empty without a sub-stream")
    for name in ("push", "sub_push"):
        targets = getattr(draft, name)
        if len(targets) > MOST_PUSHES:
            yield Problem(name, "camera_url_invalid", f"are more than {MOST_PUSHES}")
        # What cannot be read is told already.
        if any(not target.lower().startswith("srt://") for target in targets):
            yield Problem(name, "camera_url_invalid", "must be srt://HOST:PORT, which is called")
        # It separates addresses in files of cameras.
        if any("|" in target for target in targets):
            yield Problem(name, "camera_url_invalid", "holds a |; write it as %7C")
    if isinstance(draft.push_passphrases, dict):
        yield from _passphrases(draft, draft.push_passphrases)


def _passphrases(draft: Draft, by_target: dict[str, str]) -> Iterator[Problem]:
    targets = {*draft.push, *draft.sub_push}
    for target, passphrase in by_target.items():
        # Kept for nobody, it would leave its stream in the clear.
        if target not in targets:
            yield Problem("push_passphrases", "camera_field_unused", "one is of no push target")
        # An empty one removes what is kept.
        if passphrase:
            yield from _passphrase("push_passphrases", passphrase)


def _take(prefix: str, draft: Draft, login: Login | None, problems: list[Problem]) -> Draft:
    """Put credentials that stood in an address into their fields."""
    if login is None:
        return draft
    user, password = getattr(draft, f"{prefix}user"), getattr(draft, f"{prefix}password")
    other_user = bool(user and login.user) and user != login.user
    if other_user or (password and login.password and password != login.password):
        problems.append(
            Problem(f"{prefix}user", "camera_login_twice", "the address names another one")
        )
    fields = {f"{prefix}user": login.user or user}
    if login.password:
        fields[f"{prefix}password"] = login.password
    return msgspec.structs.replace(draft, **fields)


def _split(
    name: str, address: str | None, problems: list[Problem]
) -> tuple[str | None, Login | None]:
    if address is None:
        return None, None
    try:
        return split_login(address)
    except InvalidError as error:
        problems.append(Problem(name, error.code, error.message))
        return address, None


def _name(draft: Draft) -> Iterator[Problem]:
    if not draft.name:
        yield Problem("name", "camera_name_missing", "a camera needs a name")
    yield from _text("name", draft.name, MOST_NAME, "camera_name_invalid")


def _text(name: str, text: str | None, most: int, code: str) -> Iterator[Problem]:
    if text is not None and len(text) > most:
        yield Problem(name, code, f"is longer than {most} letters", {"most": most})
    elif text is not None and not text.isprintable():
        yield Problem(name, code, "holds a control character")


def _source(draft: Draft) -> Iterator[Problem]:
    maker = MAKERS.get(draft.maker)
    if maker is None:
        known = ", ".join(MAKERS)
        yield Problem("maker", "camera_maker_unknown", f"{draft.maker[:40]!r} is none of {known}")
    elif maker.path is None:
        yield from _needless(draft, _DEVICE, "the address names it already")
        if draft.url is None:
            yield Problem("url", "camera_url_missing", "give the address of the main stream")
    else:
        yield from _needless(draft, _ADDRESSES, f"{maker.title} has its own; use maker generic")
        yield from _device(draft, maker.channels)


def _backups(draft: Draft) -> Iterator[Problem]:
    has_sub = draft.sub_url is not None if draft.maker == GENERIC else draft.sub_stream
    needed = {
        "backup_sub_url": (
            (draft.backup_url is not None, "without a backup_url"),
            (has_sub, "without a sub-stream"),
        ),
        "backup_user": ((draft.backup_url is not None, "without a backup_url"),),
    }
    for name, conditions in needed.items():
        for there, without in conditions:
            if getattr(draft, name) is not None and not there:
                yield Problem(name, "camera_field_unused", f"leave it empty {without}")
    yield from _second("backup_url", draft.backup_url, draft.url)
    yield from _second("backup_sub_url", draft.backup_sub_url, draft.sub_url)


def _demand(draft: Draft) -> Iterator[Problem]:
    if draft.on_demand is not None and draft.url is not None and is_published(draft.url):
        yield Problem("on_demand", "camera_field_unused", "leave it empty: the camera calls us")


def _second(name: str, address: str | None, first: str | None) -> Iterator[Problem]:
    """Tell what is wrong with a second address beside the first; a maker's is not given."""
    if address is None:
        return
    if first is not None and is_published(first):
        yield Problem(name, "camera_field_unused", "leave it empty: the camera calls us")
    elif is_published(address):
        yield Problem(name, "camera_url_invalid", "is called when needed, so not publish:")
    elif address == first:
        yield Problem(name, "camera_url_invalid", "is the first address once more")


def _needless(draft: Draft, fields: _Empty, why: str) -> Iterator[Problem]:
    for name, empty in fields.items():
        if getattr(draft, name) != empty:
            yield Problem(name, "camera_field_unused", f"leave it empty: {why}")


def _device(draft: Draft, channels: int) -> Iterator[Problem]:
    if draft.host is None:
        yield Problem("host", "camera_host_missing", "give the address of the device")
    else:
        try:
            check_host(draft.host)
        except InvalidError as error:
            yield Problem("host", error.code, error.message)
    if draft.port is not None and not 1 <= draft.port <= 65535:
        yield Problem("port", "camera_port_invalid", "must be from 1 to 65535")
    if not 1 <= draft.channel <= channels:
        yield Problem(
            "channel",
            "camera_channel_invalid",
            f"must be from 1 to {channels}",
            {"most": channels},
        )


def _logins(draft: Draft) -> Iterator[Problem]:
    for prefix in _PREFIXES:
        user, password = getattr(draft, f"{prefix}user"), getattr(draft, f"{prefix}password")
        yield from _text(f"{prefix}user", user, MOST_LOGIN, "camera_user_invalid")
        if user is not None and ":" in user:
            # RFC 7617, 2: a user cannot hold a colon, for it ends there.
            yield Problem(f"{prefix}user", "camera_user_invalid", "holds a colon")
        if password is not UNSET and password:
            yield from _text(f"{prefix}password", password, MOST_LOGIN, "camera_password_invalid")
        yield from _login_fits(prefix, user, password or None, getattr(draft, f"{prefix}url"))


def _login_fits(
    prefix: str, user: str | None, password: str | UnsetType | None, address: str | None
) -> Iterator[Problem]:
    """Tell what of a login its address has no use for, or lacks."""
    kind = _kind(address)
    if kind is Credentials.LOGIN:
        if password and user is None:
            yield Problem(f"{prefix}user", "camera_user_missing", "a password needs a user")
        return
    if user is not None:
        yield Problem(
            f"{prefix}user", "camera_field_unused", "leave it empty: this address has no user"
        )
    if password and kind is Credentials.NONE:
        yield Problem(
            f"{prefix}password",
            "camera_field_unused",
            "leave it empty: this address has no password",
        )
    elif password and address is not None and scheme_of(address).name == "srt":
        yield from _passphrase(f"{prefix}password", password)


def _passphrase(name: str, text: str) -> Iterator[Problem]:
    if not LEAST_PASSPHRASE <= len(text.encode()) <= MOST_PASSPHRASE:
        yield Problem(
            name,
            "camera_passphrase_invalid",
            f"a passphrase of SRT has {LEAST_PASSPHRASE} to {MOST_PASSPHRASE} characters",
            {"least": LEAST_PASSPHRASE, "most": MOST_PASSPHRASE},
        )


def _labels(draft: Draft) -> Iterator[Problem]:
    if len(draft.tags) > MOST_TAGS:
        yield Problem("tags", "camera_tags_invalid", f"are more than {MOST_TAGS}")
    for tag in draft.tags[:MOST_TAGS]:
        if not tag or "|" in tag:
            yield Problem("tags", "camera_tags_invalid", "one is empty or holds a |")
        yield from _text("tags", tag, MOST_TAG, "camera_tags_invalid")
    if len(draft.groups) > MOST_GROUPS:
        yield Problem("groups", "camera_groups_invalid", f"are more than {MOST_GROUPS}")
    for name, ids in (("groups", draft.groups[:MOST_GROUPS]), ("site", (draft.site,))):
        for one in ids:
            if one is not None and not _is_id(one):
                yield Problem(name, f"camera_{name}_invalid", f"{one[:64]!r} is not an id")


def _is_id(text: str) -> bool:
    # Ids of sites and groups have the letters of a camera's.
    try:
        camera_id(text)
    except VmsError:
        return False
    return True


def _place(draft: Draft) -> Iterator[Problem]:
    if (draft.latitude is None) != (draft.longitude is None):
        yield Problem(
            "latitude", "camera_place_invalid", "a place needs both latitude and longitude"
        )
    for name, most in (("latitude", 90), ("longitude", 180)):
        value = getattr(draft, name)
        # Written so that what is not a number fails too.
        if value is not None and not -most <= value <= most:
            yield Problem(name, "camera_place_invalid", f"must be from -{most} to {most}")


def _areas(draft: Draft) -> Iterator[Problem]:
    for name in ("masks", "zones"):
        areas: tuple[Area, ...] = getattr(draft, name)
        code = f"camera_{name}_invalid"
        if len(areas) > MOST_AREAS:
            yield Problem(name, code, f"are more than {MOST_AREAS}", {"most": MOST_AREAS})
        for number, area in enumerate(areas[:MOST_AREAS], 1):
            for message in _faults(area):
                yield Problem(name, code, f"number {number}: {message}", {"number": number})
        names = [area.name for area in areas]
        if len(set(names)) < len(names):
            yield Problem(name, code, "two have the same name")


def _faults(area: Area) -> Iterator[str]:
    if not area.name.strip() or len(area.name) > MOST_NAME or not area.name.isprintable():
        yield f"needs a name of at most {MOST_NAME} letters"
    if not LEAST_POINTS <= len(area.points) <= MOST_POINTS:
        yield f"needs {LEAST_POINTS} to {MOST_POINTS} points"
    if not all(math.isfinite(at) and 0 <= at <= 1 for point in area.points for at in point):
        yield "has a point outside the picture; both numbers go from 0 to 1"


_CHECKS: tuple[Callable[[Draft], Iterable[Problem]], ...] = (
    _name,
    _source,
    _backups,
    _demand,
    _pushes,
    _logins,
    _labels,
    _place,
    _areas,
)
