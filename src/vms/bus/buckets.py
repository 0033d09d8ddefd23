"""Token buckets: how many requests a caller may make, counted in one place."""

import math
from collections import OrderedDict
from dataclasses import dataclass

import msgspec

from vms.common import Clock

MINUTE_S = 60.0
# A bucket is about 200 bytes. Those unused for longest go first: they are full again or nearly.
MOST_BUCKETS = 100_000


class Share(msgspec.Struct, frozen=True, array_like=True):
    """What somebody got from a bucket, and what it holds after that."""

    tokens: int
    remaining: int
    # Until it is full again.
    reset_s: int
    # Until it holds a token; 0 where it gave one.
    wait_s: float = 0.0


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Buckets:
    """Every bucket, by the name of whom it is for."""

    def __init__(self, clock: Clock, most: int = MOST_BUCKETS) -> None:
        self._clock = clock
        self._most = most
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, key: str, per_minute: int, parts: int = 0) -> Share:
        """Take a token from the bucket ``key``, which holds a minute's worth.

        With ``parts``: so many as are one of so many parts of what it holds.
        """
        bucket = self._filled(key, per_minute)
        if bucket.tokens < 1:
            wait = (1 - bucket.tokens) * MINUTE_S / per_minute
            return Share(0, 0, _full_in(bucket, per_minute), wait)
        tokens = max(1, int(bucket.tokens) // parts) if parts else 1
        bucket.tokens -= tokens
        return Share(tokens, int(bucket.tokens), _full_in(bucket, per_minute))

    def give_back(self, key: str, tokens: int, per_minute: int) -> None:
        """Take back tokens that were not spent."""
        bucket = self._filled(key, per_minute)
        bucket.tokens = min(per_minute, bucket.tokens + tokens)

    def _filled(self, key: str, per_minute: int) -> _Bucket:
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
        return bucket

    def __len__(self) -> int:
        return len(self._buckets)


def _full_in(bucket: _Bucket, per_minute: int) -> int:
    return math.ceil((per_minute - bucket.tokens) * MINUTE_S / per_minute)
