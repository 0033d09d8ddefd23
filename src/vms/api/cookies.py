"""The cookies of a browser that has signed in: it carries them, scripts read but one of them."""

import secrets

from starlette.requests import HTTPConnection
from starlette.responses import Response

from vms.admin import Tokens
from vms.api.caller import ACCESS_COOKIE, CSRF_COOKIE, DEVICE_COOKIE
from vms.api.visit import visit_of

REFRESH_COOKIE = "vms_refresh"
REFRESH_PATH = "/api/v1/auth"
DEVICE_LASTS_S = 400 * 86_400
SECOND_US = 1_000_000


def put_cookies(
    response: Response, connection: HTTPConnection, tokens: Tokens, now_us: int
) -> None:
    """Give a browser its session."""
    access_s = (tokens.access_expires_us - now_us) // SECOND_US
    refresh_s = (tokens.refresh_expires_us - now_us) // SECOND_US
    for name, value, lasts_s, path in (
        (ACCESS_COOKIE, tokens.access, access_s, "/"),
        (REFRESH_COOKIE, tokens.refresh, refresh_s, REFRESH_PATH),
        (DEVICE_COOKIE, tokens.device, DEVICE_LASTS_S, "/"),
    ):
        _put(response, connection, name, value, lasts_s, path=path, hidden=True)
    # Readable: our page sends it back as a header, which no other site's page can.
    _put(response, connection, CSRF_COOKIE, secrets.token_urlsafe(16), refresh_s, "/", hidden=False)


def take_cookies(response: Response) -> None:
    """Take the session away; the browser stays known."""
    for name, path in ((ACCESS_COOKIE, "/"), (CSRF_COOKIE, "/"), (REFRESH_COOKIE, REFRESH_PATH)):
        response.delete_cookie(name, path=path, samesite="strict")


def _put(
    response: Response,
    connection: HTTPConnection,
    name: str,
    value: str,
    lasts_s: int,
    path: str,
    *,
    hidden: bool,
) -> None:
    response.set_cookie(
        name,
        value,
        max_age=lasts_s,
        path=path,
        secure=visit_of(connection).secure,
        httponly=hidden,
        samesite="strict",
    )
