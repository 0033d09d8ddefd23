"""The door for other machines: they prove who they are before gRPC sees a byte of theirs.

The handshake of gRPC itself uses memory that it freed where certificates may change while many
call (https://github.com/grpc/grpc/issues/36693), and bounds no stranger. So TLS ends here. What a
machine that proved itself says goes on to a gRPC server at a Unix socket that is this user's
alone, over a connection whose end has a name that nobody can guess and that is used once. By that
name the certificate is found.
"""

import asyncio
import os
import secrets
import socket
import ssl
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Self

from vms.common import ForbiddenError, UnauthenticatedError, UnavailableError
from vms.telemetry import get_logger
from vms.trust.authority import peer_of
from vms.trust.identity import Identity
from vms.trust.model import Peer
from vms.trust.places import Places, caller_of
from vms.trust.secured import PIECE, Secured

log = get_logger(__name__)

HANDSHAKE_S = 10.0
# Connections that have proved nothing yet.
STRANGERS, STRANGERS_OF_ONE = 1024, 128
# Connections of machines; one needs two, and a few while it calls again.
KNOWN, KNOWN_OF_ONE = 4096, 32
BACKLOG = 512
# A machine without power says no goodbye, and its place must become free.
SILENT_S, ASK_EVERY_S, ASK_TIMES = 30, 10, 3
# Where the process has no handle left, nothing tells when there is one.
AGAIN_S = 1.0


class Door:
    """Listens on TCP, and leads whoever has a certificate of our authority to a Unix socket."""

    def __init__(
        self, listener: socket.socket, inside: Path, identity: Callable[[], Identity]
    ) -> None:
        self._listener = listener
        self._inside = inside
        self._identity = identity
        self._shown: tuple[Identity, ssl.SSLContext] | None = None
        self._callers: dict[str, Peer] = {}
        self._strangers = Places(STRANGERS, STRANGERS_OF_ONE)
        self._known = Places(KNOWN, KNOWN_OF_ONE)
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    def at(cls, address: str, inside: Path, identity: Callable[[], Identity]) -> Self:
        """Listen at ``ADDRESS:PORT``; nobody is let in before ``open``."""
        host, _, port = address.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            listener = socket.create_server(
                (host, int(port)), family=family, backlog=BACKLOG, dualstack_ipv6=host == "::"
            )
        except OSError as error:
            raise UnavailableError(
                f"{address} cannot be listened on: {error}",
                code="address_taken",
                values={"address": address},
            ) from None
        listener.setblocking(False)
        return cls(listener, inside, identity)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    def caller(self, end: str) -> Peer:
        """Return the machine whose connection has this end, in gRPC's words."""
        try:
            return self._callers[end]
        except KeyError:
            raise UnauthenticatedError(
                "a node comes by the door, and shows its certificate", code="certificate_missing"
            ) from None

    def open(self) -> None:
        """Let callers in from now on."""
        self._keep(self._accept())

    async def close(self) -> None:
        """Let nobody in any more, and break off whoever is there."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._listener.close()

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                taken, address = await loop.sock_accept(self._listener)
            except OSError as error:
                log.warning("node_not_accepted", detail=str(error))
                await asyncio.sleep(AGAIN_S)
                continue
            taken.setblocking(False)
            _ask_when_silent(taken)
            self._keep(self._serve(taken, caller_of(address[0])))

    async def _serve(self, taken: socket.socket, host: str) -> None:
        """Lead a connection inside, if it may; whatever it says ends only itself."""
        with taken:
            outside = Secured(taken, self._context())
            with self._strangers.place(host) as free:
                peer = await self._proved(outside, host) if free else None
            if peer is None:
                return
            with self._known.place(peer.node) as free:
                if free:
                    log.info("node_connected", node=peer.name, address=host)
                    await self._lead(outside, peer)

    async def _proved(self, outside: Secured, host: str) -> Peer | None:
        """Return which machine of ours it is; nothing where it proved to be none."""
        try:
            async with asyncio.timeout(HANDSHAKE_S):
                certificate = await outside.shake_hands()
        except OSError as error:
            # At a port that all reach this is no event: it would fill the log.
            log.debug("node_handshake_failed", detail=str(error), address=host)
            return None
        try:
            return peer_of(ssl.DER_cert_to_PEM_cert(certificate).encode())
        except ForbiddenError as error:
            log.warning("node_refused", code=error.code, detail=error.message, address=host)
            return None

    async def _lead(self, outside: Secured, peer: Peer) -> None:
        name = secrets.token_hex(16)
        end = f"unix-abstract:{name}"
        with socket.socket(socket.AF_UNIX) as inside:
            inside.setblocking(False)
            inside.bind(f"\0{name}")
            self._callers[end] = peer
            try:
                await asyncio.get_running_loop().sock_connect(inside, os.fspath(self._inside))
                await _carry(outside, inside)
            except OSError as error:
                log.info("node_broke_off", node=peer.name, detail=str(error))
            finally:
                del self._callers[end]

    def _context(self) -> ssl.SSLContext:
        """Return what is shown now, so that a renewed certificate is shown at once."""
        identity = self._identity()
        if self._shown is None or self._shown[0] is not identity:
            self._shown = (identity, _context_of(identity))
        return self._shown[1]


def _ask_when_silent(taken: socket.socket) -> None:
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        (socket.TCP_KEEPIDLE, SILENT_S),
        (socket.TCP_KEEPINTVL, ASK_EVERY_S),
        (socket.TCP_KEEPCNT, ASK_TIMES),
        # What is sent and not acknowledged counts from then on.
        (socket.TCP_USER_TIMEOUT, (SILENT_S + ASK_EVERY_S * ASK_TIMES) * 1000),
    ):
        taken.setsockopt(socket.IPPROTO_TCP, option, value)


def _context_of(identity: Identity) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=identity.authority)
    # RFC 9113, section 3.2.
    context.set_alpn_protocols(["h2"])
    # Who calls again shows its certificate again.
    context.num_tickets = 0
    # A key that lies on no disk is not to be put there.
    handle = os.memfd_create("pair")
    with os.fdopen(handle, "w", encoding="ascii") as pair:
        pair.write(identity.key + identity.certificate)
        pair.flush()
        context.load_cert_chain(f"/proc/self/fd/{handle}")
    return context


async def _carry(outside: Secured, inside: socket.socket) -> None:
    """Carry bytes both ways until one side has ended."""
    ways = [asyncio.create_task(way(outside, inside)) for way in (_inwards, _outwards)]
    try:
        done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in done:
            way.result()
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _inwards(outside: Secured, inside: socket.socket) -> None:
    while piece := await outside.read():
        await asyncio.get_running_loop().sock_sendall(inside, piece)


async def _outwards(outside: Secured, inside: socket.socket) -> None:
    while piece := await asyncio.get_running_loop().sock_recv(inside, PIECE):
        await outside.write(piece)
