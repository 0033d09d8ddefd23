"""How many may be there at once, in all and of one caller."""

import contextlib
from collections import Counter
from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address, ip_network

# Who has one address of such a network has all of them.
_NETWORK_BITS = 64


def caller_of(host: str) -> str:
    """Return who counts as one caller: an address, of IPv6 its network of 64 bits."""
    address = ip_address(host)
    if not isinstance(address, IPv6Address):
        return host
    mapped = address.ipv4_mapped
    return str(mapped or ip_network((address, _NETWORK_BITS), strict=False))


class Places:
    """Places that callers hold while a block runs."""

    def __init__(self, most: int, most_of_one: int) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._taken: Counter[str] = Counter()

    @contextlib.contextmanager
    def place(self, caller: str) -> Iterator[bool]:
        """Hold a place; tells whether there was one."""
        taken = self._taken
        free = taken[caller] < self._most_of_one and taken.total() < self._most
        taken[caller] += free
        try:
            yield free
        finally:
            taken[caller] -= free
            # Else all who ever called would be remembered.
            taken += Counter()
