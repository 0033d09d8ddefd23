"""Addresses of cameras: checked, and taken apart from their credentials.

A camera's address is kept and shown without user and password; those are kept
apart and joined to it only for the engine. Messages say what is wrong without
the text itself, which may hold a password; whoever raises them names the field.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import quote, unquote, urlsplit

from vms.common.errors import InvalidError

RTSP_PORT = 554
MOST_ADDRESS_LETTERS = 2048

_HOST_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")
_DIGITS_AND_DOTS = re.compile(r"[0-9.]+")


@dataclass(frozen=True, slots=True)
class Login:
    """User and password of a camera."""

    user: str
    password: str = ""

    def __repr__(self) -> str:
        return f"Login(user={self.user!r}, password=...)"


def check_address(text: str) -> str:
    """Return ``text`` as it stands if a camera can be called there."""
    # First, and without the parser's words: it would take part of a password for a port.
    if len(text) > MOST_ADDRESS_LETTERS:
        raise _refused(f"is longer than {MOST_ADDRESS_LETTERS} letters")
    if "#" in text:
        raise _refused("holds a #; in a password write it as %23")
    if any(char.isspace() or not char.isprintable() for char in text):
        raise _refused("holds a space or a control character; write it as %XX")
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise _refused(
            "is not an address; write rtsp://HOST[:PORT]/PATH, in a password / as %2F"
        ) from None
    if parts.scheme != "rtsp":
        raise _refused("must begin with rtsp://")
    if not host:
        raise _refused("names no host; write rtsp://HOST[:PORT]/PATH")
    return text


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


def split_login(address: str) -> tuple[str, Login | None]:
    """Return a checked address without its credentials, and them."""
    netloc = urlsplit(check_address(address)).netloc
    credentials, at, host = netloc.rpartition("@")
    if not at:
        return address, None
    scheme, mark, rest = address.partition("://")
    user, _, password = credentials.partition(":")
    try:
        login = Login(unquote(user, errors="strict"), unquote(password, errors="strict"))
    except UnicodeDecodeError:
        raise _refused("holds a %XX in user or password that is not UTF-8") from None
    if not login.user:
        raise _refused("holds an @ without a user before it")
    return f"{scheme}{mark}{host}{rest[len(netloc) :]}", login


def with_login(address: str, login: Login | None) -> str:
    """Return an address that has no credentials with those of ``login``."""
    if login is None or not login.user:
        return address
    scheme, mark, rest = address.partition("://")
    user, password = quote(login.user, safe=""), quote(login.password, safe="")
    return f"{scheme}{mark}{user}:{password}@{rest}"


def host_text(host: str) -> str:
    """Return a host as it stands in an address: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def place_of(address: str) -> tuple[str, int, str]:
    """Return host, port and path of an address: equal for spellings of the same stream."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    try:
        parsed: IPv4Address | IPv6Address | str = ip_address(host)
    except ValueError:
        parsed = host
    path = parts.path or "/"
    return str(parsed), parts.port or RTSP_PORT, f"{path}?{parts.query}" if parts.query else path


def _refused(message: str) -> InvalidError:
    return InvalidError(message, code="camera_url_invalid")
