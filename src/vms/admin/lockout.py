"""How failed sign-ins slow down the next one, without locking anybody else out. Pure.

Each try is counted under the account and its *source*: the device, where it
carries the cookie of a device that signed in to the account before, else the
network it comes from. The first few failures of a source are free, then it
waits, twice as long each time.

An account that fails from many networks at once is *under attack*: then a
network that is new to it waits first, too. That wait begins when the network
first asks and nobody can prolong it for another, so the owner waits for that
long at most, and a device of his never.
"""

from dataclasses import dataclass
from ipaddress import ip_address, ip_network

SECOND_US = 1_000_000

FREE_FAILURES = 5
FIRST_WAIT_S = 1
LONGEST_WAIT_S = 900
# A source that kept still for so long begins anew.
FORGET_S = 24 * 3600

# So many failures of an account, within the time below of each other, are an attack.
ATTACK_FAILURES = 30
ATTACK_FORGET_S = 900
ATTACK_WAIT_S = 30

# What one subscriber or one site is given.
_PREFIX = {4: 24, 6: 48}


@dataclass(frozen=True, slots=True)
class Tries:
    """Failures in a row of one source at one account, or of the account as a whole."""

    failures: int
    # The last failure; of a source without any, when it first asked.
    last_us: int


NO_TRIES = Tries(0, 0)


def network_of(address: str) -> str:
    """Return the network that an address is counted under."""
    try:
        found = ip_address(address)
    except ValueError:
        return "network:unknown"
    mapped = getattr(found, "ipv4_mapped", None)
    found = mapped or found
    return f"network:{ip_network((found, _PREFIX[found.version]), strict=False)}"


def source_of(address: str, device: str | None) -> str:
    """Return the source of a try: a known device, else its network."""
    return network_of(address) if device is None else f"device:{device}"


def wait_s(source: Tries, account: Tries, now_us: int, *, known_device: bool) -> float:
    """Return how long a source still waits before its next try; 0: it may try now."""
    wait = _wait_after(source.failures)
    if not known_device and is_under_attack(account, now_us):
        wait = max(wait, ATTACK_WAIT_S)
    since_s = (now_us - source.last_us) / SECOND_US
    # A clock that was set back must not make anybody wait for longer.
    return max(0.0, wait - max(0.0, since_s))


def is_under_attack(account: Tries, now_us: int) -> bool:
    """Tell whether an account fails so often that networks new to it wait first."""
    fresh = now_us - account.last_us < ATTACK_FORGET_S * SECOND_US
    return fresh and account.failures >= ATTACK_FAILURES


def failed_again(tries: Tries, now_us: int, forget_s: int) -> Tries:
    """Return the tries after one more failure."""
    forgotten = now_us - tries.last_us >= forget_s * SECOND_US
    return Tries(1 if forgotten else tries.failures + 1, now_us)


def _wait_after(failures: int) -> float:
    if failures < FREE_FAILURES:
        return 0
    doublings = min(failures - FREE_FAILURES, 30)
    return float(min(FIRST_WAIT_S << doublings, LONGEST_WAIT_S))
