"""Clocks."""

from vms.common import ManualClock, SystemClock


def test_a_manual_clock_moves_only_when_told() -> None:
    clock = ManualClock(utc_us=1_000_000, monotonic=5.0)
    assert (clock.utc_us(), clock.monotonic()) == (1_000_000, 5.0)
    clock.advance(0.5)
    assert (clock.utc_us(), clock.monotonic()) == (1_500_000, 5.5)
    clock.step_utc(-1.0)
    assert (clock.utc_us(), clock.monotonic()) == (500_000, 5.5)


def test_the_system_clock_counts_microseconds_since_1970() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    assert clock.utc_us() > 1_700_000_000_000_000
    assert clock.monotonic() >= before
