"""A media process over gRPC on a Unix socket."""

from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import Self, TypeVar

import grpc

from vms.engine import wire
from vms.engine.model import (
    Applied,
    Description,
    DesiredState,
    EventBatch,
    Revocation,
    StreamStatus,
)
from vms.proto.engine_v1 import messages as pb
from vms.proto.engine_v1 import stubs

CALL_TIMEOUT_S = 5.0

T = TypeVar("T")

# A media process that was killed is back within three seconds; whoever steers
# it must notice at once, not after gRPC's default of up to two minutes.
_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 250),
    ("grpc.enable_retries", 0),
    ("grpc.max_receive_message_length", 64 << 20),
    ("grpc.max_send_message_length", 64 << 20),
)


class EngineClient:
    """Steers one media process; survives its restarts."""

    def __init__(self, socket: Path) -> None:
        self._channel = grpc.aio.insecure_channel(f"unix:{socket.absolute()}", options=_OPTIONS)
        self._stub = stubs.EngineStub(self._channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End all calls and the connection."""
        await self._channel.close()

    async def describe(self) -> Description:
        """Return who answers and what it holds."""
        answer: pb.Description = await _call(
            self._stub.Describe(pb.DescribeRequest(), timeout=CALL_TIMEOUT_S)
        )
        return wire.description_from(answer)

    async def apply(self, desired: DesiredState) -> Applied:
        """Replace the desired state."""
        answer: pb.ApplyResult = await _call(
            self._stub.Apply(wire.desired_to(desired), timeout=CALL_TIMEOUT_S)
        )
        return wire.applied_from(answer)

    async def revoke(self, revocation: Revocation) -> int:
        """Cut running streams; returns how many."""
        answer: pb.RevokeResult = await _call(
            self._stub.Revoke(wire.revocation_to(revocation), timeout=CALL_TIMEOUT_S)
        )
        return answer.ended

    async def streams(self) -> tuple[StreamStatus, ...]:
        """Return the status of every stream."""
        answer: pb.StreamList = await _call(
            self._stub.Streams(pb.StreamsRequest(), timeout=CALL_TIMEOUT_S)
        )
        return wire.streams_from(answer)

    async def metrics(self) -> str:
        """Return the engine's metrics as Prometheus text."""
        answer: pb.MetricsText = await _call(
            self._stub.Metrics(pb.MetricsRequest(), timeout=CALL_TIMEOUT_S)
        )
        return answer.text

    async def events(self, epoch: str, cursor: int) -> AsyncIterator[EventBatch]:
        """Yield the journal from ``cursor`` on, then what happens."""
        call = self._stub.Events(pb.EventsRequest(epoch=epoch, cursor=cursor))
        try:
            async for message in call:
                yield wire.batch_from(message)
        except grpc.aio.AioRpcError as error:
            raise wire.error_from(error) from None
        finally:
            call.cancel()


async def _call(call: Awaitable[T]) -> T:
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        raise wire.error_from(error) from None
