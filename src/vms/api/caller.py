"""Who asks: ``who: Caller`` in a route's signature refuses whoever is not signed in.

A Bearer token (access token or API key) goes before cookies. Cookies prove
each unsafe request by a header that another site cannot set. Every request is
counted here: for its user or key, else for the browser that has signed in
before, else for its address.
"""

import hmac
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends
from starlette.requests import HTTPConnection

from vms.admin import CallerKind, Principal
from vms.api.limits import ANONYMOUS_PER_MINUTE, FILES_PER_MINUTE, network_of
from vms.api.state import state_of
from vms.api.visit import visit_of
from vms.common import ForbiddenError, UnauthenticatedError

ACCESS_COOKIE = "vms_access"
CSRF_COOKIE = "vms_csrf"
DEVICE_COOKIE = "vms_device"
CSRF_HEADER = "x-csrf-token"
LONGEST_TOKEN = 4096
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_KEY = "vms.caller"


async def caller(connection: HTTPConnection) -> Principal:
    """Return who asks, or refuse."""
    if _KEY in connection.scope:
        kept: Principal = connection.scope[_KEY]
        return kept
    try:
        who = await _known(connection)
    except UnauthenticatedError:
        await count(connection, None)
        raise
    await count(connection, who)
    if by_cookie(connection):
        check_same_site(connection)
    connection.scope[_KEY] = who
    return who


async def visitor(connection: HTTPConnection) -> None:
    """Let anybody in, counted."""
    try:
        who = await _known(connection)
    except UnauthenticatedError:
        who = None
    await count(connection, who)


async def onlooker(connection: HTTPConnection) -> None:
    """Let anybody in who wants a file or asks whether we are well, counted apart."""
    if state_of(connection).everyone is None:
        await _take(connection, f"files:{_anonymous(connection)}", FILES_PER_MINUTE)


Caller = Annotated[Principal, Depends(caller)]
# Declare a route that anybody may ask: put one into the route's `dependencies`.
Visitor = Annotated[None, Depends(visitor)]
Onlooker = Annotated[None, Depends(onlooker)]


async def _known(connection: HTTPConnection) -> Principal:
    """Return whom a request's token belongs to."""
    state, visit = state_of(connection), visit_of(connection)
    if state.everyone is not None:
        return state.everyone.seen_from(visit.address)
    token = bearer_of(connection) or connection.cookies.get(ACCESS_COOKIE)
    if not token or len(token) > LONGEST_TOKEN:
        raise UnauthenticatedError("sign in first", code="not_signed_in")
    return (await state.gate.principal(token)).seen_from(visit.address)


def bearer_of(connection: HTTPConnection) -> str | None:
    """Return the token of ``Authorization: Bearer``."""
    scheme, _space, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def by_cookie(connection: HTTPConnection) -> bool:
    """Tell whether the browser sent the proof by itself."""
    return state_of(connection).everyone is None and bearer_of(connection) is None


def check_same_site(connection: HTTPConnection) -> None:
    """Refuse what a page of another site may have made a browser send.

    A WebSocket is opened by GET and can carry no header of ours: its origin is the proof.
    """
    socket = connection.scope["type"] == "websocket"
    if not socket and connection.scope["method"] in SAFE_METHODS:
        return
    origin = connection.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != connection.headers.get("host"):
        raise ForbiddenError("this page belongs to another origin", code="origin_foreign")
    if socket and origin is not None:
        return
    cookie = connection.cookies.get(CSRF_COOKIE, "")
    told = connection.headers.get(CSRF_HEADER, "")
    if not cookie or not hmac.compare_digest(cookie.encode(), told.encode()):
        raise ForbiddenError(
            f"send the cookie {CSRF_COOKIE} as the header X-CSRF-Token too", code="csrf_failed"
        )


async def count(connection: HTTPConnection, who: Principal | None) -> None:
    """Take a request from whoever it is counted for; raise where nothing is left."""
    if who is None:
        await _take(connection, _anonymous(connection), ANONYMOUS_PER_MINUTE)
    elif who.kind is not CallerKind.SYSTEM:
        per_minute = state_of(connection).gate.per_minute(who)
        await _take(connection, f"{who.kind}:{who.id}", per_minute)


async def _take(connection: HTTPConnection, key: str, per_minute: int) -> None:
    visit = visit_of(connection)
    visit.allowance = await state_of(connection).limiter.take(key, per_minute)
    visit.allowance.check()


def _anonymous(connection: HTTPConnection) -> str:
    cookie = connection.cookies.get(DEVICE_COOKIE)
    device = state_of(connection).gate.device(cookie) if cookie else None
    if device is not None:
        return f"device:{device}"
    return f"address:{network_of(visit_of(connection).address)}"
