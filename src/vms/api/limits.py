"""How many requests a caller may make, whichever worker they come to.

Anonymous callers share the bucket of their network (one IPv4 address, one /64
of IPv6); a browser that has signed in before has one of its own, and so has
each user and each key. Nobody who signed in counts against an address, so
that a town hall behind one address never locks its operators out.

The buckets are the supervisor's. A worker takes some tokens of a bucket at
once and spends them by itself, so that few requests ask another process. What
it has not spent within a second goes back.
"""

import asyncio
import math
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from typing import Protocol

from vms.bus import Buckets, Share
from vms.common import Clock, TooManyError, UnavailableError
from vms.telemetry import get_logger

log = get_logger(__name__)

ANONYMOUS_PER_MINUTE = 100
# Files of the page and probes of health, of one network or browser: a page of fifty files is
# loaded once a second, as by many people behind one address at the start of a shift.
FILES_PER_MINUTE = 3000
LEASE_S = 1.0
# Who did not answer is asked again after that.
AGAIN_S = 1.0


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


class Limiter(Protocol):
    """Counts requests."""

    async def take(self, key: str, per_minute: int) -> Allowance:
        """Take one request from the bucket ``key``, which holds a minute's worth."""
        ...


class OwnLimits:
    """The buckets of a worker that has no supervisor."""

    def __init__(self, clock: Clock) -> None:
        self._buckets = Buckets(clock)

    async def take(self, key: str, per_minute: int) -> Allowance:
        """Take one request from the bucket ``key``."""
        share = self._buckets.take(key, per_minute)
        return _allowance(share, per_minute, share.remaining)


class Lender(Protocol):
    """Lends tokens of the buckets that all workers share."""

    async def take(self, key: str, per_minute: int) -> Share:
        """Take some tokens of a bucket; ``UnavailableError``: it cannot be asked."""
        ...

    def give_back(self, key: str, per_minute: int, tokens: int) -> None:
        """Give back what was not spent."""
        ...


_NOTHING = Share(0, 0, 0)


@dataclass(slots=True)
class _Lease:
    """What a worker has of one bucket."""

    per_minute: int
    tokens: int = 0
    # Of the last answer; another is asked for when there are no tokens left.
    share: Share = _NOTHING
    at: float = float("-inf")
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


class SharedLimits:
    """A worker's part of the buckets that all workers share.

    Tokens are lent, never made: all workers together let no more in than one
    would. Where the lender is away each counts by itself, in buckets that are
    full at first: then it is the limit for each worker.
    """

    def __init__(self, lender: Lender, clock: Clock) -> None:
        self._lender = lender
        self._clock = clock
        self._own = OwnLimits(clock)
        self._leases: dict[str, _Lease] = {}
        self._away = False
        self._ask_from = float("-inf")

    async def take(self, key: str, per_minute: int) -> Allowance:
        """Take one request from the bucket ``key``."""
        lease = self._leases.get(key)
        if lease is None:
            lease = self._leases[key] = _Lease(per_minute)
        if lease.tokens == 0:
            # One asks for all: who waits here may find what another got.
            async with lease.asking:
                if lease.tokens == 0 and not await self._ask(key, lease, per_minute):
                    return await self._own.take(key, per_minute)
        if lease.tokens == 0:
            return _allowance(lease.share, per_minute, 0)
        lease.tokens -= 1
        return _allowance(lease.share, per_minute, lease.share.remaining + lease.tokens)

    async def run(self) -> None:
        """Give back what is not spent, for ever."""
        while True:
            await asyncio.sleep(LEASE_S)
            self.sweep()

    def sweep(self) -> None:
        """Give back what was not spent in time."""
        now = self._clock.monotonic()
        ended = [
            key
            for key, lease in self._leases.items()
            if lease.at + LEASE_S <= now and not lease.asking.locked()
        ]
        for key in ended:
            lease = self._leases.pop(key)
            if lease.tokens:
                self._lender.give_back(key, lease.per_minute, lease.tokens)

    async def _ask(self, key: str, lease: _Lease, per_minute: int) -> bool:
        """Fill a lease, unless its bucket is known to be empty; false: nobody can be asked."""
        now = self._clock.monotonic()
        if now < lease.at + lease.share.wait_s:
            return True
        if now < self._ask_from:
            return False
        try:
            lease.share = await self._lender.take(key, per_minute)
        except UnavailableError as error:
            if not self._away:
                log.warning("limits_counted_apart", detail=error.message)
            self._away, self._ask_from = True, now + AGAIN_S
            return False
        if self._away:
            log.info("limits_counted_together")
        self._away = False
        lease.tokens, lease.at, lease.per_minute = lease.share.tokens, now, per_minute
        return True


def _allowance(share: Share, per_minute: int, remaining: int) -> Allowance:
    wait = max(1, math.ceil(share.wait_s)) if share.tokens == 0 else 0
    return Allowance(per_minute, remaining, share.reset_s, wait)


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
