"""A media process over gRPC: on a Unix socket, or on another machine."""

from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import Self, TypeVar

import grpc
import msgspec

from vms.common import Clock, InternalError, VmsError
from vms.engine import wire
from vms.engine.model import (
    Applied,
    Description,
    DesiredState,
    EventBatch,
    Revocation,
    StreamStatus,
)
from vms.engine.recording import Answer, Call, Request
from vms.proto.engine_v1 import messages as pb
from vms.proto.engine_v1 import stubs
from vms.trust import DIALLED, Identity, NodeRole, dial, error_from, host_of

CALL_TIMEOUT_S = 5.0

T = TypeVar("T")


class EngineClient:
    """Steers one media process; survives its restarts."""

    def __init__(self, to: Path | grpc.aio.Channel) -> None:
        if isinstance(to, Path):
            to = grpc.aio.insecure_channel(f"unix:{to.absolute()}", options=DIALLED)
        self._channel = to
        self._stub = stubs.EngineStub(self._channel)

    @classmethod
    def far(cls, address: str, name: str, identity: Identity, clock: Clock) -> Self:
        """Return a client of the media node ``name``, whatever machine answers at the address."""
        return cls(dial(address, host_of(name, NodeRole.MEDIA), identity, clock))

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

    async def recording(
        self, call: Call[Request, Answer], request: Request
    ) -> tuple[Answer, bytes]:
        """Ask something about recordings; returns the answer and the data that go with it."""
        said: pb.RecordingAnswer = await _call(
            self._stub.Recording(
                pb.RecordingRequest(call=call.name, request=msgspec.json.encode(request)),
                timeout=call.timeout_s,
            )
        )
        try:
            return msgspec.json.decode(said.answer, type=call.answer), said.data
        except msgspec.MsgspecError as error:
            raise InternalError(f"the answer to {call.name} cannot be read: {error}") from None

    async def events(self, epoch: str, cursor: int) -> AsyncIterator[EventBatch]:
        """Yield the journal from ``cursor`` on, then what happens."""
        call = self._stub.Events(pb.EventsRequest(epoch=epoch, cursor=cursor))
        try:
            async for message in call:
                yield wire.batch_from(message)
        except grpc.aio.AioRpcError as error:
            raise _told(error) from None
        finally:
            call.cancel()


async def _call(call: Awaitable[T]) -> T:
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        raise _told(error) from None


def _told(error: grpc.aio.AioRpcError) -> VmsError:
    return error_from(error, "the media process", "media_down")
