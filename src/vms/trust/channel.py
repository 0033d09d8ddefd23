"""TLS between machines: each shows a certificate of the installation's own authority."""

from collections.abc import Callable

import grpc

from vms.common import Clock, UnavailableError
from vms.trust.guard import Guard, IsRemoved
from vms.trust.identity import Identity

MOST_BYTES = 64 << 20
LISTENED = (
    ("grpc.max_receive_message_length", MOST_BYTES),
    # Else a second process would quietly share the port.
    ("grpc.so_reuseport", 0),
)
DIALLED = (
    # Whoever steers must notice at once that the other side is back, not after gRPC's default
    # of up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 250),
    ("grpc.enable_retries", 0),
    ("grpc.max_receive_message_length", MOST_BYTES),
    ("grpc.max_send_message_length", MOST_BYTES),
)


async def serve_nodes(
    address: str,
    add: Callable[[grpc.aio.Server], None],
    identity: Callable[[], Identity],
    is_removed: IsRemoved,
    clock: Clock,
) -> tuple[grpc.aio.Server, int]:
    """Serve what ``add`` adds on TCP to nodes alone; returns the server and its port.

    ``identity`` is asked at each handshake, so that a renewed certificate is shown at once.
    """
    server = grpc.aio.server(interceptors=(Guard(is_removed, clock),), options=LISTENED)
    add(server)
    try:
        port = server.add_secure_port(address, _credentials(identity))
    except RuntimeError as error:
        raise UnavailableError(
            f"{address} cannot be listened on: {error}",
            code="address_taken",
            values={"address": address},
        ) from None
    await server.start()
    return server, port


def _credentials(identity: Callable[[], Identity]) -> grpc.ServerCredentials:
    return grpc.dynamic_ssl_server_credentials(
        _shown(identity()), lambda: _shown(identity()), require_client_authentication=True
    )


def _shown(identity: Identity) -> grpc.ServerCertificateConfiguration:
    pair = (identity.key.encode(), identity.certificate.encode())
    return grpc.ssl_server_certificate_configuration([pair], identity.authority.encode())


def dial(address: str, host: str, identity: Identity, clock: Clock) -> grpc.aio.Channel:
    """Return a connection to the machine whose certificate names ``host``, and to no other."""
    identity.check_end(clock.utc_us())
    credentials = grpc.ssl_channel_credentials(
        identity.authority.encode(), identity.key.encode(), identity.certificate.encode()
    )
    options = (*DIALLED, ("grpc.ssl_target_name_override", host))
    return grpc.aio.secure_channel(address, credentials, options=options)
