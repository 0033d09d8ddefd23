"""How many requests a caller may make: token buckets in the memory of one worker.

Anonymous callers share the bucket of their network (one IPv4 address, one /64
of IPv6); a browser that has signed in before has one of its own, and so has
each user and each key. Nobody who signed in counts against an address, so
that a town hall behind one address never locks its operators out.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from vms.common import Clock, TooManyError

ANONYMOUS_PER_MINUTE = 100
MINUTE_S = 60.0
# A bucket is about 200 bytes. Those unused for longest go first: they are full again or nearly.
MOST_BUCKETS = 100_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a bucket holds after a request took from it."""

    limit: int
    remaining: int
    reset_s: int
    wait_s: int = 0

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return the headers that tell it."""
        return [
            (b"ratelimit-limit", b"%d" % self.limit),
            (b"ratelimit-remaining", b"%d" % self.remaining),
            (b"ratelimit-reset", b"%d" % self.reset_s),
        ]

    def check(self) -> None:
        """Refuse the request that found the bucket empty."""
        if self.wait_s:
            raise TooManyError(
                f"more than {self.limit} requests a minute; try again in {self.wait_s} s",
                code="rate_limited",
                values={"limit": self.limit, "wait_s": self.wait_s},
            )


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Buckets:
    """Every bucket of a worker."""

    def __init__(self, clock: Clock, most: int = MOST_BUCKETS) -> None:
        self._clock = clock
        self._most = most
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, key: str, per_minute: int) -> Allowance:
        """Take one request from the bucket ``key``, which holds a minute's worth."""
        now = self._clock.monotonic()
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(per_minute, now)
            if len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(key)
        gained = (now - bucket.at) * per_minute / MINUTE_S
        bucket.tokens, bucket.at = min(per_minute, bucket.tokens + gained), now
        second = MINUTE_S / per_minute
        if bucket.tokens < 1:
            wait = max(1, math.ceil((1 - bucket.tokens) * second))
            return Allowance(per_minute, 0, _full_in(bucket, per_minute), wait)
        bucket.tokens -= 1
        return Allowance(per_minute, int(bucket.tokens), _full_in(bucket, per_minute))

    def __len__(self) -> int:
        return len(self._buckets)


def _full_in(bucket: _Bucket, per_minute: int) -> int:
    return math.ceil((per_minute - bucket.tokens) * MINUTE_S / per_minute)


def network_of(address: str) -> str:
    """Return what shares a bucket: an IPv4 address, or the /64 an IPv6 address lies in."""
    try:
        read = ip_address(address)
    except ValueError:
        return "unknown"
    if not isinstance(read, IPv6Address):
        return str(read)
    if read.ipv4_mapped is not None:
        return str(read.ipv4_mapped)
    return str(IPv6Address(int(read) >> 64 << 64)) + "/64"
