"""Failures slow down the one who fails, and nobody else for longer than the delay."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.admin import lockout
from vms.admin.lockout import NO_TRIES, SECOND_US, Tries

NOW = 1_700_000_000 * SECOND_US


def after(failures: int) -> float:
    return lockout.wait_s(Tries(failures, NOW), NO_TRIES, NOW, known_device=False)


def test_the_first_failures_are_free_and_then_each_wait_doubles() -> None:
    assert [after(n) for n in range(9)] == [0, 0, 0, 0, 0, 1, 2, 4, 8]
    assert after(50) == lockout.LONGEST_WAIT_S
    assert after(100_000) == lockout.LONGEST_WAIT_S


def test_a_wait_passes() -> None:
    tries = Tries(8, NOW)
    later = NOW + 3 * SECOND_US
    assert lockout.wait_s(tries, NO_TRIES, later, known_device=False) == 5
    assert lockout.wait_s(tries, NO_TRIES, NOW + 8 * SECOND_US, known_device=False) == 0


def test_a_clock_that_was_set_back_prolongs_nothing() -> None:
    before = NOW - 3_600 * SECOND_US
    assert lockout.wait_s(Tries(8, NOW), NO_TRIES, before, known_device=False) == 8


def test_an_attacked_account_makes_new_networks_wait_but_no_known_device() -> None:
    attacked = Tries(lockout.ATTACK_FAILURES, NOW)
    fresh = Tries(0, NOW)
    assert lockout.wait_s(fresh, attacked, NOW, known_device=False) == lockout.ATTACK_WAIT_S
    assert lockout.wait_s(fresh, attacked, NOW, known_device=True) == 0
    # The wait began when the network first asked: later failures of others change nothing.
    later = NOW + lockout.ATTACK_WAIT_S * SECOND_US
    still = Tries(lockout.ATTACK_FAILURES + 500, later)
    assert lockout.wait_s(fresh, still, later, known_device=False) == 0


def test_an_attack_is_forgotten() -> None:
    attacked = Tries(lockout.ATTACK_FAILURES, NOW)
    assert lockout.is_under_attack(attacked, NOW)
    assert not lockout.is_under_attack(attacked, NOW + lockout.ATTACK_FORGET_S * SECOND_US)
    assert not lockout.is_under_attack(Tries(lockout.ATTACK_FAILURES - 1, NOW), NOW)


def test_one_network_alone_is_never_an_attack() -> None:
    """It is slowed down so much that the account's count is forgotten in between."""
    now, source, account = NOW, NO_TRIES, NO_TRIES
    for _ in range(1_000):
        wait = lockout.wait_s(source, account, now, known_device=False)
        now += round(wait * SECOND_US)
        source = lockout.failed_again(source, now, lockout.FORGET_S)
        account = lockout.failed_again(account, now, lockout.ATTACK_FORGET_S)
        assert not lockout.is_under_attack(account, now)


def test_a_source_that_kept_still_begins_anew() -> None:
    later = NOW + lockout.FORGET_S * SECOND_US
    assert lockout.failed_again(Tries(40, NOW), later, lockout.FORGET_S) == Tries(1, later)
    assert lockout.failed_again(Tries(40, NOW), later - 1, lockout.FORGET_S).failures == 41


@given(st.integers(0, 2_000), st.integers(0, 2_000), st.integers(0, 10**12), st.booleans())
def test_nobody_waits_for_longer_than_the_longest_wait(
    source: int,
    account: int,
    passed_us: int,
    known: bool,  # noqa: FBT001 - a drawn value
) -> None:
    now = NOW + passed_us
    wait = lockout.wait_s(Tries(source, NOW), Tries(account, now), now, known_device=known)
    assert 0 <= wait <= lockout.LONGEST_WAIT_S
    if source == 0:
        assert wait <= (0 if known else lockout.ATTACK_WAIT_S)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "network:192.0.2.0/24"),
        ("::ffff:192.0.2.77", "network:192.0.2.0/24"),
        ("2001:db8:1:2:3::4", "network:2001:db8:1::/48"),
        ("not an address", "network:unknown"),
        ("", "network:unknown"),
    ],
)
def test_addresses_are_counted_by_network(address: str, network: str) -> None:
    assert lockout.network_of(address) == network
    assert lockout.source_of(address, None) == network
    assert lockout.source_of(address, "d1") == "device:d1"
