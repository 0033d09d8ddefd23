"""What is known of a request before anybody reads it: where it came from, its number.

The front alone may say for whom it asks. It reaches us by the Unix socket,
which only our user can open; what a TCP client writes into the same headers is
not read. Where the front's client is a proxy that the settings trust, its word for
where the request came from is taken.
"""

import secrets
from dataclasses import dataclass
from typing import cast

from starlette.requests import HTTPConnection
from starlette.types import Scope

from vms.api.forwarded import NOBODY, TrustedProxies
from vms.api.limits import Allowance

CLIENT_HEADER = b"x-vms-client"
SCHEME_HEADER = b"x-vms-scheme"
KEY = "vms.visit"
UNKNOWN = "unknown"


@dataclass(slots=True)
class Visit:
    """One request or one socket."""

    number: str
    address: str
    secure: bool
    # What is left to whom this request was counted for.
    allowance: Allowance | None = None


def begin(scope: Scope, proxies: TrustedProxies = NOBODY) -> Visit:
    """Make the visit of ``scope`` and keep it there."""
    client = scope.get("client")
    address = UNKNOWN if client is None else str(client[0])
    scheme = scope.get("scheme", "http").encode()
    if client is None:
        for name, value in scope["headers"]:
            if name == CLIENT_HEADER:
                address = value.decode("latin-1")
            elif name == SCHEME_HEADER:
                scheme = value
        address = proxies.client(address, scope["headers"])
    visit = Visit(secrets.token_hex(8), address, scheme in {b"https", b"wss"})
    scope[KEY] = visit
    return visit


def visit_of(connection: HTTPConnection) -> Visit:
    """Return the visit that ``begin`` made."""
    return cast("Visit", connection.scope[KEY])
