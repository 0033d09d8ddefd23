"""Token buckets, and who shares one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.api.limits import Buckets, network_of
from vms.common import ManualClock, TooManyError


def test_a_bucket_holds_a_minutes_worth_and_fills_steadily() -> None:
    clock = ManualClock()
    buckets = Buckets(clock)
    assert [buckets.take("a", 3).remaining for _ in range(3)] == [2, 1, 0]
    empty = buckets.take("a", 3)
    assert (empty.wait_s, empty.reset_s, empty.limit) == (20, 60, 3)
    with pytest.raises(TooManyError, match="20 s") as refused:
        empty.check()
    assert refused.value.values == {"limit": 3, "wait_s": 20}
    clock.advance(20)
    assert buckets.take("a", 3).wait_s == 0
    assert buckets.take("a", 3).wait_s == 20


def test_waiting_as_long_as_told_is_enough() -> None:
    clock = ManualClock()
    buckets = Buckets(clock)
    for _ in range(100):
        buckets.take("a", 100).check()
    for _ in range(20):
        wait = buckets.take("a", 100).wait_s
        assert wait >= 1
        clock.advance(wait)
        assert buckets.take("a", 100).wait_s == 0
        while not buckets.take("a", 100).wait_s:
            pass


def test_buckets_are_apart_and_do_not_grow_without_end() -> None:
    clock = ManualClock()
    buckets = Buckets(clock, most=10)
    for number in range(50):
        assert buckets.take(f"address:{number}", 1).wait_s == 0
    assert len(buckets) == 10
    assert buckets.take("address:49", 1).wait_s == 60


@given(st.lists(st.floats(0, 30), min_size=1, max_size=60), st.integers(1, 50))
def test_nobody_gets_more_than_a_minute_and_the_time_allow(
    pauses: list[float], per_minute: int
) -> None:
    clock = ManualClock()
    buckets = Buckets(clock)
    let_in = 0
    for pause in pauses:
        clock.advance(pause)
        let_in += buckets.take("a", per_minute).wait_s == 0
    assert let_in <= per_minute * (1 + sum(pauses) / 60) + 1e-6


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("unknown", "unknown"),
        ("x" * 1000, "unknown"),
    ],
)
def test_a_network_is_an_address_or_a_64(address: str, network: str) -> None:
    assert network_of(address) == network
