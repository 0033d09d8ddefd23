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

from vms.common import InternalError, InvalidError, Values, VmsError
from vms.telemetry import get_logger

log = get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = "1"

_CODE_OF_STATUS = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}


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
    if status in {429, 503}:
        all_headers["Retry-After"] = RETRY_AFTER_S
    return Response(msgspec.json.encode(body), status, all_headers, media_type=MEDIA_TYPE)


def response_of(error: VmsError) -> Response:
    """Return an error of our tree as a response."""
    return problem_response(error.outcome.http_status, error.code, error.message, error.values)


async def _on_vms_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, VmsError)  # noqa: S101 - registered for this class
    return response_of(error)


async def _on_http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    code = _CODE_OF_STATUS.get(error.status_code, f"http_{error.status_code}")
    return problem_response(error.status_code, code, str(error.detail), headers=error.headers)


async def _on_bad_request(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
    found = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()]
    return response_of(InvalidError("; ".join(found), code="request_invalid"))


async def _on_bug(request: Request, error: Exception) -> Response:
    case = secrets.token_hex(4)
    log.error(
        "request_failed", case=case, method=request.method, path=request.url.path, exc_info=error
    )
    return response_of(
        InternalError(f"our own fault; the log says more under case {case}", values={"case": case})
    )


def install(app: FastAPI) -> None:
    """Answer every failure of ``app`` with a problem body."""
    app.add_exception_handler(VmsError, _on_vms_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_bad_request)
    app.add_exception_handler(Exception, _on_bug)
