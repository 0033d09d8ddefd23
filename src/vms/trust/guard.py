"""Who may call which method: asked again for each message of a long answer."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from typing import Any, TypeAlias

import grpc

from vms.common import Clock, ForbiddenError, InternalError, UnauthenticatedError, VmsError
from vms.telemetry import get_logger
from vms.trust.model import RIGHTS, Peer
from vms.trust.status import abort

log = get_logger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]
# In words, as only the stubs know that it is generic.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"
IsRemoved = Callable[[Peer], Awaitable[bool]]

_CALLER: ContextVar[Peer] = ContextVar("caller")


def caller() -> Peer:
    """Return the machine whose call this task answers."""
    return _CALLER.get()


class Guard(grpc.aio.ServerInterceptor):
    """Stands before every method of a server that other machines reach."""

    def __init__(
        self, peer_of_end: Callable[[str], Peer], is_removed: IsRemoved, clock: Clock
    ) -> None:
        self._peer_of_end = peer_of_end
        self._is_removed = is_removed
        self._clock = clock

    async def admit(self, method: str, context: Context) -> None:
        """Refuse a caller who may not, or no more, call a method."""
        peer = self._peer_of_end(context.peer())
        if self._clock.utc_us() >= peer.ends_us:
            raise UnauthenticatedError(
                f"the certificate of node {peer.name} has ended", code="certificate_ended"
            )
        if await self._is_removed(peer):
            raise ForbiddenError(f"node {peer.name} was removed", code="node_removed")
        if peer.role not in RIGHTS.get(method, frozenset()):
            raise ForbiddenError(
                f"node {peer.name} is {peer.role}, which may not call {method}",
                code="role_not_allowed",
                values={"role": peer.role, "method": method},
            )
        _CALLER.set(peer)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """Put the question before the method; called by gRPC for each call."""
        handler: Any = await continuation(handler_call_details)
        if handler is None:
            # gRPC says that there is no such method.
            return None
        method = handler_call_details.method
        wire = (handler.request_deserializer, handler.response_serializer)
        if handler.unary_unary:
            answer = self._one(method, handler.unary_unary)
            return grpc.unary_unary_rpc_method_handler(answer, *wire)
        if handler.unary_stream:
            answers = self._many(method, handler.unary_stream)
            return grpc.unary_stream_rpc_method_handler(answers, *wire)
        raise InternalError(f"{method} takes a stream, which nobody guards")

    def _one(self, method: str, inner: Any) -> Callable[[Any, Context], Awaitable[Any]]:  # noqa: ANN401
        async def guarded(request: object, context: Context) -> object:
            try:
                await self.admit(method, context)
                return await inner(request, context)
            except VmsError as error:
                _tell(method, error)
                await abort(context, error)

        return guarded

    def _many(self, method: str, inner: Any) -> Callable[[Any, Context], AsyncIterator[Any]]:  # noqa: ANN401
        async def guarded(request: object, context: Context) -> AsyncIterator[object]:
            try:
                await self.admit(method, context)
                async for message in inner(request, context):
                    await self.admit(method, context)
                    yield message
            except VmsError as error:
                _tell(method, error)
                await abort(context, error)

        return guarded


def _tell(method: str, error: VmsError) -> None:
    log.warning("node_refused", method=method, code=error.code, detail=error.message)
