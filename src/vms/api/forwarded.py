"""Where a client is, by the word of proxies that the settings trust.

Each proxy adds the address it was asked from on the right. From there on the
addresses of trusted proxies are passed over; the first other one is the
client's. What stands further left the client may have written itself.
"""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

IpAddress = IPv4Address | IPv6Address
Headers = Iterable[tuple[bytes, bytes]]

X_FORWARDED_FOR = b"x-forwarded-for"
FORWARDED = b"forwarded"


class TrustedProxies:
    """Networks whose word for where a client is counts."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = [ip_network(network) for network in networks]

    def client(self, peer: str, headers: Headers) -> str:
        """Return the client of a request that came from ``peer``.

        Where nothing can be believed it is the nearest one that is known: a trusted
        proxy that says nothing stands for its clients. A proxy writes one of the two
        headers; a client that writes the other one makes them differ, and is not
        believed.
        """
        near = _read(peer) if self._networks else None
        if near is None or not self._trusts(near):
            return peer
        told = [
            ",".join(value.decode("latin-1") for name, value in headers if name == wanted)
            for wanted in (X_FORWARDED_FOR, FORWARDED)
        ]
        first, second = (
            self._first_foreign(near, hops(text))
            for text, hops in zip(told, (_hops, _forwarded_hops), strict=True)
        )
        if not told[1]:
            return str(first)
        return str(second if not told[0] or first == second else near)

    def _first_foreign(self, near: IpAddress, hops: Iterator[str]) -> IpAddress:
        """Return the first of ``hops``, nearest first, that is no trusted proxy."""
        for hop in hops:
            address = _read(hop)
            if address is None:
                return near
            near = address
            if not self._trusts(near):
                return near
        return near

    def _trusts(self, address: IpAddress) -> bool:
        return any(address in network for network in self._networks)


NOBODY = TrustedProxies(())


def _hops(text: str) -> Iterator[str]:
    """Yield the addresses of ``X-Forwarded-For``, nearest first."""
    while text:
        text, _, hop = text.rpartition(",")
        yield hop.strip()


def _forwarded_hops(text: str) -> Iterator[str]:
    """Yield the addresses of ``Forwarded`` (RFC 7239), nearest first."""
    for element in _hops(text):
        pairs = (pair.partition("=") for pair in element.split(";"))
        nodes = [value for name, _, value in pairs if name.strip().lower() == "for"]
        yield nodes[0].strip().strip('"') if len(nodes) == 1 else ""


def _read(text: str) -> IpAddress | None:
    """Read an address, with a port or without; IPv6 with a port stands in brackets."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
