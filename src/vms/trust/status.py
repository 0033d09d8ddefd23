"""Errors of our tree as gRPC statuses, both ways."""

from typing import Any, NoReturn, cast

import grpc
import msgspec

from vms.common import OUTCOMES, ForbiddenError, Kind, UnavailableError, VmsError, error_of_kind

ERROR_KEY = "vms-error-bin"

_KIND_OF_CODE = {getattr(grpc.StatusCode, o.grpc_code): kind for kind, o in OUTCOMES.items()}
# What gRPC says where the other side is not whom we wanted to reach.
_STRANGER = ("CERTIFICATE_VERIFY_FAILED", "Hostname Verification Check failed")


class _ErrorDetail(msgspec.Struct, frozen=True):
    """What of an error the status code and its message do not carry."""

    kind: str
    code: str
    values: dict[str, str | int | float] = {}


def grpc_code(error: VmsError) -> grpc.StatusCode:
    """Return the status code of an error's kind."""
    return cast("grpc.StatusCode", getattr(grpc.StatusCode, error.outcome.grpc_code))


def error_metadata(error: VmsError) -> tuple[tuple[str, bytes], ...]:
    """Return code and values as trailing metadata."""
    detail = _ErrorDetail(error.kind.value, error.code, error.values)
    return ((ERROR_KEY, msgspec.json.encode(detail)),)


async def abort(context: grpc.aio.ServicerContext[Any, Any], error: VmsError) -> NoReturn:
    """End a call with an error."""
    await context.abort(grpc_code(error), error.message, error_metadata(error))


def error_from(error: grpc.aio.AioRpcError, who: str, code: str) -> VmsError:
    """Return the error of our tree that a failed call stands for.

    ``who`` and ``code`` tell of who should have answered, where nobody did.
    """
    message = error.details() or error.code().name
    for key, value in error.trailing_metadata() or ():
        if key == ERROR_KEY:
            detail = msgspec.json.decode(value, type=_ErrorDetail)
            return error_of_kind(detail.kind, message, code=detail.code, values=detail.values)
    if any(word in message for word in _STRANGER):
        return ForbiddenError(
            f"what answers there is not the node of this installation that was asked: {message}",
            code="node_strange",
        )
    kind = _KIND_OF_CODE.get(error.code())
    if kind in {None, Kind.UNAVAILABLE} or error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
        return UnavailableError(f"{who} does not answer: {message}", code=code)
    return error_of_kind(kind or Kind.INTERNAL, message)
