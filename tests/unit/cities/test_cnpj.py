"""CNPJ: check digits, both alphabets, every way to write it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.cities import format_cnpj, parse_cnpj
from vms.cities.cnpj import check_digits
from vms.common import InvalidError

DIGITS = "0123456789"
LETTERS = DIGITS + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

bodies = st.text(DIGITS, min_size=12, max_size=12) | st.text(LETTERS, min_size=12, max_size=12)
numbers = bodies.map(lambda body: body + check_digits(body)).filter(lambda n: len(set(n)) > 1)


@pytest.mark.parametrize(
    "number",
    [
        # Published ones: of a bank, of an oil company, and the example of the rule with letters.
        "00000000000191",
        "33000167000101",
        "12ABC34501DE35",
    ],
)
def test_known_numbers_are_taken(number: str) -> None:
    assert parse_cnpj(number) == number


@given(numbers)
def test_a_number_is_read_bare_and_as_it_is_shown(number: str) -> None:
    shown = format_cnpj(number)
    assert len(shown) == 18
    assert parse_cnpj(number) == number
    assert parse_cnpj(shown) == number
    assert parse_cnpj(f"  {shown.lower()} ") == number


@given(numbers, st.integers(0, 13), st.sampled_from(DIGITS))
def test_one_wrong_digit_is_found(number: str, place: int, digit: str) -> None:
    if number[place] == digit or not number.isdecimal():
        return
    wrong = number[:place] + digit + number[place + 1 :]
    # A check digit of 0 stands for two rests, so a change that meets both is not seen.
    if wrong[12:] == check_digits(wrong[:12]):
        assert "0" in number[12:]
        return
    with pytest.raises(InvalidError) as caught:
        parse_cnpj(wrong)
    assert caught.value.code == "cnpj_invalid"


@given(st.text(max_size=20))
def test_other_texts_are_refused_or_read_to_a_bare_number(text: str) -> None:
    try:
        found = parse_cnpj(text)
    except InvalidError:
        return
    assert found[12:] == check_digits(found[:12])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0000000000019",
        "000000000001911",
        "00000000000192",
        "00000000000000",
        "00.000.000-0001/91",
        "0.0.0.0.0.0.0.0.0.0.0.0.1.91",
        "12ABC34501DEA5",
        "٠٠٠٠٠٠٠٠٠٠٠١٩١",
        "12ÁBC34501DE35",
    ],
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidError) as caught:
        parse_cnpj(text)
    assert caught.value.code == "cnpj_invalid"


def test_the_same_digit_over_and_over_is_no_number() -> None:
    for digit in DIGITS:
        with pytest.raises(InvalidError):
            parse_cnpj(digit * 14)
