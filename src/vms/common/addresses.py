"""Addresses of cameras: checked, and taken apart from their credentials.

``SCHEMES`` is the one table of the ways in which pictures come. A camera's
address is kept and shown without user, password and passphrase; those are kept
apart and joined to it only for the engine. Messages say what is wrong without
the text itself, which may hold a password; whoever raises them names the field.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

from vms.common.errors import InvalidError

RTSP_PORT = 554
MOST_ADDRESS_LETTERS = 2048
# What SRT takes as a passphrase, bytes (SRTO_PASSPHRASE).
LEAST_PASSPHRASE = 10
MOST_PASSPHRASE = 79

_HOST_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")
_DIGITS_AND_DOTS = re.compile(r"[0-9.]+")
# How cameras call user and password where they want them in the query.
_USER_KEYS = frozenset({"user", "usr", "username"})
_PASSWORD_KEYS = frozenset({"password", "passwd", "pass", "pwd"})
_PASSPHRASE_KEYS = frozenset({"passphrase"})


class Credentials(Enum):
    """What an address is opened with."""

    NONE = "none"
    # A user and, mostly, a password.
    LOGIN = "login"
    # A passphrase, or a password without a user.
    SECRET = "secret"  # noqa: S105 - a kind


@dataclass(frozen=True, slots=True)
class Scheme:
    """One way in which pictures come, and how its address is written."""

    name: str
    form: str
    # Where none is named; 0: it must be named.
    port: int = 0
    credentials: Credentials = Credentials.LOGIN

    @property
    def has_host(self) -> bool:
        """Whether we call somebody; else it is a file, or the camera calls us."""
        return "//" in self.form


SCHEMES: Mapping[str, Scheme] = {
    scheme.name: scheme
    for scheme in (
        Scheme("rtsp", "rtsp://HOST[:PORT]/PATH", RTSP_PORT),
        Scheme("rtsps", "rtsps://HOST[:PORT]/PATH", 322),
        Scheme("rtsp+http", "rtsp+http://HOST[:PORT]/PATH", 80),
        Scheme("rtsp+https", "rtsp+https://HOST[:PORT]/PATH", 443),
        Scheme(
            "srt",
            "srt://HOST:PORT[?streamid=NAME&passphrase=SECRET]",
            credentials=Credentials.SECRET,
        ),
        Scheme("rtmp", "rtmp://HOST[:PORT]/APP/STREAM", 1935),
        Scheme("rtmps", "rtmps://HOST[:PORT]/APP/STREAM", 443),
        Scheme("http", "http://HOST[:PORT]/PATH", 80),
        Scheme("https", "https://HOST[:PORT]/PATH", 443),
        Scheme("node", "node://HOST[:PORT]/CAMERA[/sub]", 8554),
        Scheme("file", "file:NAME", credentials=Credentials.NONE),
        Scheme("publish", "publish: or publish:replace", credentials=Credentials.NONE),
    )
}
# Passwords stand in the query of many cameras that speak these.
_WITH_QUERY_LOGIN = frozenset({"rtmp", "rtmps", "http", "https"})
PUBLISHED = frozenset({"publish:", "publish:replace"})


@dataclass(frozen=True, slots=True)
class Login:
    """User and password of a camera; a passphrase is a password without a user."""

    user: str
    password: str = ""

    def __repr__(self) -> str:
        return f"Login(user={self.user!r}, password=...)"


class Place(NamedTuple):
    """What an address leads to: equal for spellings of the same stream."""

    scheme: str
    host: str
    port: int
    path: str


def scheme_of(address: str) -> Scheme:
    """Return the table's line for a checked address."""
    return SCHEMES[address.partition(":")[0].lower()]


def is_published(address: str) -> bool:
    """Tell whether the camera calls us."""
    return address in PUBLISHED


def is_file(address: str) -> bool:
    """Tell whether an address names a file of this machine."""
    return address.startswith("file:")


def check_address(text: str) -> str:
    """Return ``text``, its scheme in lower case, if pictures can come from there."""
    # First, and without the parser's words: it would take part of a password for a port.
    if len(text) > MOST_ADDRESS_LETTERS:
        raise _refused(f"is longer than {MOST_ADDRESS_LETTERS} letters")
    name, colon, rest = text.partition(":")
    scheme = SCHEMES.get(name.lower()) if colon else None
    if scheme is None:
        raise _refused(f"must begin with one of {', '.join(map(_begin, SCHEMES.values()))}")
    address = f"{scheme.name}:{rest}"
    if scheme.has_host:
        _check_call(scheme, address)
    elif is_file(address):
        _check_file(rest)
    elif not is_published(address):
        raise _refused("must be publish:, or publish:replace where a second one may take over")
    return address


def _begin(scheme: Scheme) -> str:
    return f"{scheme.name}://" if scheme.has_host else f"{scheme.name}:"


def _check_file(name: str) -> None:
    if not name.isprintable():
        raise _refused("holds a control character")
    # A backslash is no separator here; whoever writes one means another file.
    if name.startswith("/") or "\\" in name:
        raise _refused("must be file:NAME, a file or folder under source.media_dir, with / alone")
    if any(part in {"", ".", ".."} for part in name.split("/")):
        raise _refused("must be file:NAME, without .., . or an empty part in it")


def _check_call(scheme: Scheme, address: str) -> None:
    if "#" in address:
        raise _refused("holds a #; write it as %23")
    if any(char.isspace() or not char.isprintable() for char in address):
        raise _refused("holds a space or a control character; write it as %XX")
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _refused(f"is not an address; write {scheme.form}, in a password / as %2F") from None
    if not host:
        raise _refused(f"names no host; write {scheme.form}")
    if port is None and not scheme.port:
        raise _refused(f"names no port; write {scheme.form}")
    if scheme.name == "srt":
        _check_srt(parts.netloc, parts.query)


def _check_srt(netloc: str, query: str) -> None:
    if "@" in netloc:
        raise _refused("has no user in SRT; write the passphrase as ?passphrase=SECRET")
    if "mode=listener" in query.lower().split("&"):
        raise _refused("waits for the camera; write publish: for one that calls us")


def check_host(text: str) -> str:
    """Return a host name or an IP address (IPv6 without brackets), in its shortest form."""
    bare = text.removeprefix("[").removesuffix("]")
    try:
        return str(ip_address(bare))
    except ValueError:
        if not _HOST_NAME.fullmatch(text) or _DIGITS_AND_DOTS.fullmatch(text):
            raise InvalidError(
                "is neither a host name nor an IP address, such as 192.0.2.10",
                code="camera_host_invalid",
            ) from None
    return text.lower()


def credentials_of(address: str) -> Credentials:
    """Return what a checked address is opened with."""
    scheme = scheme_of(address)
    if scheme.name in _WITH_QUERY_LOGIN:
        keys = _keys_of(address)
        if keys & _PASSWORD_KEYS and not keys & _USER_KEYS:
            return Credentials.SECRET
    return scheme.credentials


def split_login(address: str) -> tuple[str, Login | None]:
    """Return a checked address without its credentials, and them.

    A password that stood in a query leaves its key there, empty, so that it is put back.
    """
    address = check_address(address)
    scheme = scheme_of(address)
    if scheme.credentials is Credentials.NONE:
        return address, None
    if scheme.name == "srt":
        return _split_passphrase(address)
    bare, login = _split_authority(address)
    if scheme.name not in _WITH_QUERY_LOGIN:
        return bare, login
    if not _keys_of(bare) & _PASSWORD_KEYS:
        return bare, login
    if login is not None:
        raise _refused("names two logins, before the host and in the query")
    bare, password = _emptied(bare, _PASSWORD_KEYS)
    bare, user = _emptied(bare, _USER_KEYS)
    return bare, Login(user, password) if user or password else None


def _split_authority(address: str) -> tuple[str, Login | None]:
    netloc = urlsplit(address).netloc
    credentials, at, host = netloc.rpartition("@")
    if not at:
        return address, None
    scheme, mark, rest = address.partition("://")
    user, _, password = credentials.partition(":")
    login = Login(_plain(user), _plain(password))
    if not login.user:
        raise _refused("holds an @ without a user before it")
    return f"{scheme}{mark}{host}{rest[len(netloc) :]}", login


def _split_passphrase(address: str) -> tuple[str, Login | None]:
    bare, secret = _emptied(address, _PASSPHRASE_KEYS)
    before, _, _ = bare.partition("?")
    rest = [part for part in _query_of(bare) if _key_of(part) not in _PASSPHRASE_KEYS]
    bare = f"{before}?{'&'.join(rest)}" if rest else before
    return bare, Login("", secret) if secret else None


def _query_of(address: str) -> list[str]:
    _, mark, query = address.partition("?")
    return query.split("&") if mark else []


def _key_of(part: str) -> str:
    key, equals, _ = part.partition("=")
    return key.lower() if equals else ""


def _keys_of(address: str) -> set[str]:
    return {_key_of(part) for part in _query_of(address)}


def _emptied(address: str, keys: Collection[str]) -> tuple[str, str]:
    """Return an address with the value of the keys taken out, and that value."""
    before, mark, _ = address.partition("?")
    parts = _query_of(address)
    found = [at for at, part in enumerate(parts) if _key_of(part) in keys]
    if not found:
        return address, ""
    if len(found) > 1:
        raise _refused("names a user, password or passphrase twice")
    key, _, value = parts[found[0]].partition("=")
    parts[found[0]] = f"{key}="
    return f"{before}{mark}{'&'.join(parts)}", _plain(value)


def _plain(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise _refused("holds a %XX in user or password that is not UTF-8") from None


def with_login(address: str, login: Login | None) -> str:
    """Return an address that has no credentials with those of ``login``, as far as it takes any."""
    scheme, kind = scheme_of(address), credentials_of(address)
    address = f"{scheme.name}{address[len(scheme.name) :]}"
    if login is None or kind is Credentials.NONE or not (login.user or login.password):
        return address
    # A camera's password is no passphrase, nor the other way round.
    if bool(login.user) != (kind is Credentials.LOGIN):
        return address
    user, password = quote(login.user, safe=""), quote(login.password, safe="")
    if scheme.name == "srt":
        return f"{address}{'&' if '?' in address else '?'}passphrase={password}"
    if scheme.name in _WITH_QUERY_LOGIN and _keys_of(address) & _PASSWORD_KEYS:
        return _filled(address, user, password)
    begin, mark, rest = address.partition("://")
    return f"{begin}{mark}{user}:{password}@{rest}"


def _filled(address: str, user: str, password: str) -> str:
    """Return an address with user and password put where its query has their keys."""
    values = dict.fromkeys(_USER_KEYS, user) | dict.fromkeys(_PASSWORD_KEYS, password)
    before, mark, _ = address.partition("?")
    filled = [
        f"{part}{values.get(_key_of(part), '')}" if part.endswith("=") else part
        for part in _query_of(address)
    ]
    return f"{before}{mark}{'&'.join(filled)}"


def host_text(host: str) -> str:
    """Return a host as it stands in an address: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def place_of(address: str) -> Place:
    """Return what a checked address leads to; of those that are waited for all are alike."""
    scheme = scheme_of(address)
    if not scheme.has_host:
        return Place(scheme.name, "", 0, address.partition(":")[2])
    parts = urlsplit(address)
    host = parts.hostname or ""
    try:
        parsed: IPv4Address | IPv6Address | str = ip_address(host)
    except ValueError:
        parsed = host
    path = parts.path or "/"
    path = f"{path}?{parts.query}" if parts.query else path
    return Place(scheme.name, str(parsed), parts.port or scheme.port, path)


def _refused(message: str) -> InvalidError:
    return InvalidError(message, code="camera_url_invalid")
