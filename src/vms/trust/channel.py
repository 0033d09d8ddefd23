"""TLS between machines: each shows a certificate of the installation's own authority."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import grpc

from vms.common import Clock
from vms.trust.door import Door
from vms.trust.guard import Guard, IsRemoved
from vms.trust.identity import Identity

MOST_BYTES = 64 << 20
# For both handshakes, over a satellite too.
CONNECT_MS = 5_000
# A line may end without a word. While a call waits for an answer it is asked whether it stands.
ALIVE_EVERY_MS, ALIVE_WITHIN_MS = 10_000, 5_000
LISTENED = (
    ("grpc.max_receive_message_length", MOST_BYTES),
    # More often than this is abuse; gRPC's default is five minutes.
    ("grpc.http2.min_recv_ping_interval_without_data_ms", ALIVE_EVERY_MS // 2),
)
DIALLED = (
    # Whoever steers must notice at once that the other side is back, not after gRPC's default
    # of up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 250),
    # Despite its name: how long one attempt may take.
    ("grpc.min_reconnect_backoff_ms", CONNECT_MS),
    ("grpc.keepalive_time_ms", ALIVE_EVERY_MS),
    ("grpc.keepalive_timeout_ms", ALIVE_WITHIN_MS),
    # A ping that measures the line counts as one that asks, and has a limit of its own.
    ("grpc.http2.ping_timeout_ms", ALIVE_WITHIN_MS),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.enable_retries", 0),
    ("grpc.max_receive_message_length", MOST_BYTES),
    ("grpc.max_send_message_length", MOST_BYTES),
)


class NodeServer:
    """Answers nodes until it is stopped."""

    def __init__(self, server: grpc.aio.Server, door: Door) -> None:
        self._server = server
        self._door = door

    async def stop(self, grace: float | None) -> None:
        """Take no new calls; those that run have so many seconds."""
        await self._server.stop(grace)
        await self._door.close()


async def serve_nodes(
    address: str,
    inside: Path,
    add: Callable[[grpc.aio.Server], None],
    identity: Callable[[], Identity],
    is_removed: IsRemoved,
    clock: Clock,
) -> tuple[NodeServer, int]:
    """Serve what ``add`` adds on TCP to nodes alone; returns the server and its port.

    ``identity`` is asked at each handshake, so that a renewed certificate is shown at once.
    ``inside`` is the Unix socket between handshake and methods.
    """
    door = Door.at(address, inside, identity)
    server = grpc.aio.server(
        interceptors=(Guard(door.caller, is_removed, clock),), options=LISTENED
    )
    add(server)
    await start_private(server, inside)
    door.open()
    return NodeServer(server, door), door.port


async def start_private(server: grpc.aio.Server, path: Path) -> None:
    """Start a server at a Unix socket that only this user can open."""
    server.add_insecure_port(await asyncio.to_thread(_freed, path))
    await server.start()
    await asyncio.to_thread(path.chmod, 0o600)


def _freed(path: Path) -> str:
    """Remove what a process before left there, and return its address."""
    path.unlink(missing_ok=True)
    return f"unix:{path.absolute()}"


def dial(address: str, host: str, identity: Identity, clock: Clock) -> grpc.aio.Channel:
    """Return a connection to the machine whose certificate names ``host``, and to no other."""
    identity.check_end(clock.utc_us())
    credentials = grpc.ssl_channel_credentials(
        identity.authority.encode(), identity.key.encode(), identity.certificate.encode()
    )
    options = (*DIALLED, ("grpc.ssl_target_name_override", host))
    return grpc.aio.secure_channel(address, credentials, options=options)
