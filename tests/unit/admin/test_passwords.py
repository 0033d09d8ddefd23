"""What a good password is, and how few are hashed at once."""

import asyncio

import pytest

from vms.admin.passwords import (
    LONGEST,
    HashSettings,
    Passwords,
    check_password,
    is_known_bad,
)
from vms.common import InvalidError, TooManyError

CHEAP = HashSettings(time_cost=1, memory_kib=64)
GOOD = "seven green bicycles"


def refused(password: str, login: str = "ana") -> str:
    with pytest.raises(InvalidError) as error:
        check_password(password, login)
    assert password not in str(error.value)
    return error.value.code


def test_length_is_all_that_is_asked_of_a_good_password() -> None:
    for password in (GOOD, "xk9w2mfq0dhb", "ação-três-pé", "a" + "bc" * 127 + "d"):
        check_password(password, "ana")


def test_short_and_endless_ones_are_refused() -> None:
    assert refused("elevenchars") == "password_length"
    assert refused("x" + "yz" * 130) == "password_length"
    # A ligature is two letters: what counts is what is hashed.
    assert refused("ﬁ" * (LONGEST - 1)) == "password_length"


@pytest.mark.parametrize(
    "password",
    [
        "Password1234",
        "password!!!!!!",
        "P4ssw0rd2024!",
        "123456789012",
        "210987654321",
        "abcdefghijklm",
        "aaaaaaaaaaaaa",
        "qwertyuiop123",
        "1qaz2wsx3edc",
        "admin123admin123",
        "Hikvision2024",
        "prefeitura2025",
        "minhasenha2025",
        "abcdeabcdeabcde",
        "correct horse battery staple",
    ],
)
def test_known_bad_ones_are_refused(password: str) -> None:
    assert is_known_bad(password)
    assert refused(password) == "password_known_bad"


def test_the_login_is_no_password() -> None:
    assert refused("bruno.silveira1", "bruno.silveira") == "password_login"
    assert refused("12bruno.silveira", "bruno.silveira@sp.example") == "password_login"
    check_password("bruno.silveira has a bicycle", "bruno.silveira")
    check_password("analogue clocks tick", "ana")


async def test_a_hash_matches_its_password_only() -> None:
    passwords = Passwords(CHEAP)
    hashed = await passwords.hash(GOOD)
    assert hashed.startswith("$argon2id$v=19$m=64,t=1,p=1$")
    assert await passwords.matches(GOOD, hashed)
    assert not await passwords.matches(GOOD + "x", hashed)
    assert not await passwords.matches(GOOD, None)
    assert not await passwords.matches(GOOD, "no hash at all")
    assert hashed != await passwords.hash(GOOD)
    passwords.close()


async def test_a_password_is_the_same_however_it_was_composed() -> None:
    passwords = Passwords(CHEAP)
    hashed = await passwords.hash("coração de leão")
    assert await passwords.matches("cora\u0063\u0327a\u0303o de lea\u0303o", hashed)
    passwords.close()


async def test_hashes_with_other_parameters_are_outdated() -> None:
    old, new = Passwords(CHEAP), Passwords(HashSettings(time_cost=2, memory_kib=64))
    hashed = await old.hash(GOOD)
    assert not old.is_outdated(hashed)
    assert new.is_outdated(hashed)
    assert await new.matches(GOOD, hashed)
    old.close()
    new.close()


async def test_a_crowd_is_refused_and_the_pool_recovers() -> None:
    passwords = Passwords(HashSettings(time_cost=1, memory_kib=64, at_once=1, waiting=2))
    tries = [asyncio.create_task(passwords.matches(GOOD, None)) for _ in range(10)]
    answers = await asyncio.gather(*tries, return_exceptions=True)
    busy = [answer for answer in answers if isinstance(answer, TooManyError)]
    assert [error.code for error in busy] == ["sign_in_busy"] * 7
    assert answers.count(False) == 3
    assert await passwords.matches(GOOD, None) is False
    passwords.close()


async def test_strangers_leave_places_for_who_is_known() -> None:
    passwords = Passwords(HashSettings(time_cost=1, memory_kib=64, at_once=1, waiting=2))
    strangers = [asyncio.create_task(passwords.matches(GOOD, None)) for _ in range(5)]
    await asyncio.sleep(0)
    known = await asyncio.gather(
        *(passwords.matches(GOOD, None, known=True) for _ in range(3)), return_exceptions=True
    )
    assert [type(answer) for answer in known] == [bool, bool, TooManyError]
    answers = await asyncio.gather(*strangers, return_exceptions=True)
    assert [type(answer) for answer in answers].count(TooManyError) == 2
    passwords.close()


def test_the_shipped_parameters_are_those_recommended() -> None:
    hashed = Passwords().hash_sync(GOOD)
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
