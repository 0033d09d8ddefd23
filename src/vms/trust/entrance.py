"""Where other machines reach this one, and how they know it."""

from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from vms.common import ConflictError
from vms.proto import Launch, TlsSettings
from vms.trust.authority import fingerprint

CERTIFICATE_FILE = Path("tls") / "certificate.pem"


class Entrance(msgspec.Struct, frozen=True):
    """What a token tells, and where the joined renew."""

    url: str
    pin: str
    # HOST:PORT.
    control: str


def speaks_tls(settings: TlsSettings, host: str) -> bool:
    """Tell whether a listener on ``host`` speaks TLS."""
    if settings.mode == "auto":
        return not ip_address(host).is_loopback
    return settings.mode == "on"


def entrance_of(launch: Launch) -> Entrance:
    """Return how machines join by these settings, or say which are missing."""
    nodes, tls, api = launch.nodes, launch.tls, launch.api
    if not nodes.listen:
        raise _missing("nodes.listen, such as 0.0.0.0:50052, is where those who joined renew")
    url = nodes.address
    if not url:
        if ip_address(api.host).is_unspecified:
            raise _missing(f"nodes.address: others cannot call this machine by {api.host}")
        host = f"[{api.host}]" if ":" in api.host else api.host
        url = f"https://{host}:{api.port}"
    if not tls.behind_proxy and not speaks_tls(tls, api.host):
        raise _missing("tls.mode: the front speaks no TLS, and a token must not cross the net")
    host = urlsplit(url).netloc.rpartition("@")[2]
    host = host[: host.rindex("]") + 1] if "]" in host else host.partition(":")[0]
    return Entrance(url, _pin(launch), f"{host}:{nodes.listen.rpartition(':')[2]}")


def _pin(launch: Launch) -> str:
    """Return what the front shows; a proxy in front of it shows a certificate of its own."""
    if launch.tls.behind_proxy:
        return ""
    file = Path(launch.tls.certificate or Path(launch.data) / CERTIFICATE_FILE)
    try:
        return fingerprint(file.read_text(encoding="ascii"))
    except FileNotFoundError:
        raise ConflictError(
            f"there is no {file} yet; vms up makes it: start it first",
            code="certificate_missing",
            values={"file": str(file)},
        ) from None


def _missing(what: str) -> ConflictError:
    return ConflictError(
        f"no machine can join yet: set {what}", code="nodes_not_set", values={"setting": what}
    )
