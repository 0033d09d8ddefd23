"""The kind of route every operation is: repeats of a POST, and answers that have not changed."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from vms.api import idempotency
from vms.api.caller import caller
from vms.api.inputs import BODY_LIMIT, JsonBody, RawBody, entity_tags

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class OurRoute(APIRoute):
    """A route that honours ``Idempotency-Key`` and ``If-None-Match``."""

    def get_route_handler(self) -> Handler:
        """Return what answers a request."""
        answer = super().get_route_handler()
        called = [found.call for found in self.dependant.dependencies]
        if self.methods == {"GET"}:
            return _unchanged(answer)
        if self.methods == {"POST"} and caller in called:
            limits = [found.limit for found in called if isinstance(found, (JsonBody, RawBody))]
            return _once(answer, max(limits, default=BODY_LIMIT))
        return answer


def _once(answer: Handler, limit: int) -> Handler:
    async def handle(request: Request) -> Response:
        key = request.headers.get(idempotency.HEADER)
        if key is None:
            return await answer(request)
        return await idempotency.answer_once(request, key, limit, answer)

    return handle


def _unchanged(answer: Handler) -> Handler:
    async def handle(request: Request) -> Response:
        response = await answer(request)
        told = request.headers.get("if-none-match")
        tag = response.headers.get("etag") if told is not None else None
        if told is None or tag is None:
            return response
        # Weak comparison (RFC 9110, section 13.1.2).
        if told.strip() == "*" or tag.strip('"') in {found for _, found in entity_tags(told)}:
            kept = response.headers.get("cache-control", "no-store")
            return Response(status_code=304, headers={"ETag": tag, "Cache-Control": kept})
        return response

    return handle
