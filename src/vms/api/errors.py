"""Every failure becomes a problem body (RFC 9457), in one place.

The form is that of the engine's front, so a client reads both alike.
"""

import secrets
from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket

from vms.common import InternalError, InvalidError, Values, VmsError
from vms.telemetry import get_logger

log = get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 1

_CODE_OF_STATUS = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}
# Where HTTP has a status of its own for what our tree calls a conflict or a wrong request.
STATUS_OF_CODE = {
    "version_conflict": 412,
    "body_too_large": 413,
    "body_not_json": 415,
    "version_missing": 428,
}
_BEHIND = ("bus_", "database_", "disk_", "media_")
_BEHIND_DETAIL = "something that this server needs does not answer; try again in a moment"
# A quota does not pass by waiting.
_NO_WAIT = "quota_"


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a refusal."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    values: dict[str, str | int | float]


def problem_response(
    status: int,
    code: str,
    detail: str,
    values: Values | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a refusal as a response."""
    body = Problem(
        type=f"urn:vms:error:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        code=code,
        values=dict(values or {}),
    )
    all_headers = {"Cache-Control": "no-store", **(headers or {})}
    if status in {429, 503} and not code.startswith(_NO_WAIT):
        all_headers["Retry-After"] = str(body.values.get("wait_s", RETRY_AFTER_S))
    if status == HTTPStatus.UNAUTHORIZED:
        all_headers["WWW-Authenticate"] = "Bearer"
    return Response(msgspec.json.encode(body), status, all_headers, media_type=MEDIA_TYPE)


def response_of(error: VmsError) -> Response:
    """Return an error of our tree as a response.

    Of what is behind us nobody learns more than that it does not answer: the
    driver's own words name hosts, databases and files.
    """
    status = STATUS_OF_CODE.get(error.code, error.outcome.http_status)
    detail, values = error.message, error.values
    if error.code.startswith(_BEHIND):
        log.warning("request_not_served", code=error.code, detail=detail)
        detail, values = _BEHIND_DETAIL, {}
    return problem_response(status, error.code, detail, values)


def response_of_bug(method: str, path: str, error: BaseException) -> Response:
    """Return the answer to our own fault; the log holds the rest under its case."""
    case = secrets.token_hex(4)
    log.error("request_failed", case=case, method=method, path=path, exc_info=error)
    return response_of(
        InternalError(f"our own fault; the log says more under case {case}", values={"case": case})
    )


async def _on_vms_error(connection: HTTPConnection, error: Exception) -> Response:
    assert isinstance(error, VmsError)  # noqa: S101 - registered for this class
    response = response_of(error)
    if isinstance(connection, WebSocket):
        # Before it is accepted, a socket is refused by a plain answer.
        await connection.send_denial_response(response)
    return response


async def _on_http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    code = _CODE_OF_STATUS.get(error.status_code, f"http_{error.status_code}")
    return problem_response(error.status_code, code, str(error.detail), headers=error.headers)


async def _on_bad_request(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
    found = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()]
    return response_of(InvalidError("; ".join(found), code="request_invalid"))


def install(app: FastAPI) -> None:
    """Answer every failure of ``app`` with a problem body; bugs are answered by ``Edge``."""
    app.add_exception_handler(VmsError, _on_vms_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_bad_request)
