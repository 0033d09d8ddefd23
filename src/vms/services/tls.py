"""Which listeners speak TLS, with which certificate, and how ours are asked by it."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from vms.proto import Launch
from vms.trust import CERTIFICATE_FILE, speaks_tls

KEY_FILE = CERTIFICATE_FILE.with_name("key.pem")


@dataclass(frozen=True, slots=True)
class Pair:
    """Where a certificate and its key are."""

    certificate: Path
    key: Path
    # Made here, not given by the operator.
    self_made: bool


def pair_of(launch: Launch) -> Pair | None:
    """Return the pair that is served, or nothing where no listener speaks TLS."""
    hosts = (launch.api.host, launch.webrtc.host, launch.hls.host)
    if not any(speaks_tls(launch.tls, host) for host in hosts):
        return None
    if launch.tls.certificate:
        return Pair(Path(launch.tls.certificate), Path(launch.tls.key), self_made=False)
    data = Path(launch.data)
    return Pair(data / CERTIFICATE_FILE, data / KEY_FILE, self_made=True)


def scheme(launch: Launch, host: str) -> str:
    """Return how an HTTP listener on ``host`` is asked."""
    return "https" if speaks_tls(launch.tls, host) else "http"


def any_certificate() -> ssl.SSLContext:
    """Return what asks a listener of our own: no matter for whom its certificate was made.

    What is asked so tells nothing, and its answer is only whether all is ready.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
