"""A machine that has joined: renews its certificate, and hears who was removed."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import msgspec

from vms.common import Clock, InternalError, VmsError
from vms.telemetry import get_logger
from vms.trust.authority import check_issued, new_request
from vms.trust.channel import dial
from vms.trust.files import write_private
from vms.trust.identity import Identity, IdentityFile
from vms.trust.model import CONTROL_HOST, REMOVED, RENEW, Peer
from vms.trust.status import error_from
from vms.trust.wire import RemovedNodes, RemovedRequest, Renewed, RenewRequest

log = get_logger(__name__)

REMOVED_FILE = "removed.json"
TIMEOUT_S = 10.0
LOOK_EVERY_S = 3600.0
# The control machine is called again so soon after it was lost.
AGAIN_S = 5.0


class Member:
    """This machine among the others."""

    def __init__(self, data: Path, clock: Clock) -> None:
        self._file = IdentityFile(data)
        self._removed_file = self._file.folder / REMOVED_FILE
        self._clock = clock
        self._identity = self._file.load()
        self._removed = self._load_removed()

    def identity(self) -> Identity:
        """Return who this machine is now."""
        return self._identity

    async def is_removed(self, peer: Peer) -> bool:
        """Tell whether a node was removed, as far as this machine heard."""
        return peer.node in self._removed

    async def renew(self, *, due_only: bool = True) -> bool:
        """Get the next certificate, with a new key; tell whether there is one."""
        old = self._identity
        if due_only and not old.is_due(self._clock.utc_us()):
            return False
        key, request = new_request()
        async with dial(old.control, CONTROL_HOST, old, self._clock) as channel:
            ask = channel.unary_unary(
                RENEW, msgspec.json.encode, msgspec.json.Decoder(Renewed).decode
            )
            try:
                made = await ask(RenewRequest(request), timeout=TIMEOUT_S)
            except grpc.aio.AioRpcError as error:
                raise error_from(error, "the control machine", "control_down") from None
        check_issued(made.certificate, key, old.authority)
        new = msgspec.structs.replace(old, key=key, certificate=made.certificate)
        await asyncio.to_thread(self._file.save, new)
        self._identity = new
        log.info("certificate_renewed", node=new.peer.node)
        return True

    async def run(self) -> None:
        """Renew in time and listen to who is removed, for ever."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._keep_renewing())
            both.create_task(self._follow())

    async def _keep_renewing(self) -> None:
        while True:
            try:
                await self.renew()
            except (VmsError, OSError) as error:
                log.error("certificate_not_renewed", detail=str(error))  # noqa: TRY400
            await asyncio.sleep(LOOK_EVERY_S)

    async def _follow(self) -> None:
        while True:
            try:
                async for nodes in self._told():
                    await asyncio.to_thread(self._keep_removed, nodes)
            except (VmsError, OSError) as error:
                log.warning("removed_nodes_unheard", detail=str(error))
            await asyncio.sleep(AGAIN_S)

    async def _told(self) -> AsyncIterator[frozenset[str]]:
        now = self._identity
        async with dial(now.control, CONTROL_HOST, now, self._clock) as channel:
            ask = channel.unary_stream(
                REMOVED, msgspec.json.encode, msgspec.json.Decoder(RemovedNodes).decode
            )
            try:
                async for told in ask(RemovedRequest()):
                    yield frozenset(told.nodes)
            except grpc.aio.AioRpcError as error:
                raise error_from(error, "the control machine", "control_down") from None

    def _keep_removed(self, nodes: frozenset[str]) -> None:
        # In force first: a full disk must not let anybody in.
        self._removed = nodes
        write_private(self._removed_file, msgspec.json.encode(sorted(nodes)))

    def _load_removed(self) -> frozenset[str]:
        try:
            return msgspec.json.decode(self._removed_file.read_bytes(), type=frozenset[str])
        except FileNotFoundError:
            return frozenset()
        except msgspec.MsgspecError as error:
            raise InternalError(
                f"{self._removed_file} cannot be read: {error}; remove it while the control "
                "machine answers",
                code="node_file_broken",
            ) from None
