"""Which listeners speak TLS, with which certificate, and how ours are asked by it."""

import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from vms.proto import Launch, TlsSettings

FOLDER = "tls"
CERTIFICATE_FILE = "certificate.pem"
KEY_FILE = "key.pem"


@dataclass(frozen=True, slots=True)
class Pair:
    """Where a certificate and its key are."""

    certificate: Path
    key: Path
    # Made here, not given by the operator.
    self_made: bool


def speaks_tls(settings: TlsSettings, host: str) -> bool:
    """Tell whether a listener on ``host`` speaks TLS."""
    if settings.mode == "auto":
        return not ip_address(host).is_loopback
    return settings.mode == "on"


def pair_of(launch: Launch) -> Pair | None:
    """Return the pair that is served, or nothing where no listener speaks TLS."""
    hosts = (launch.api.host, launch.webrtc.host)
    if not any(speaks_tls(launch.tls, host) for host in hosts):
        return None
    if launch.tls.certificate:
        return Pair(Path(launch.tls.certificate), Path(launch.tls.key), self_made=False)
    folder = Path(launch.data) / FOLDER
    return Pair(folder / CERTIFICATE_FILE, folder / KEY_FILE, self_made=True)


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
