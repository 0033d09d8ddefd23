"""One-time codes against the vectors of RFC 6238, and recovery codes."""

from urllib.parse import parse_qs, urlsplit

import pytest

from vms.admin import totp

SECRET = b"12345678901234567890"
SECOND = 1_000_000


# RFC 6238, appendix B, the last six of eight digits.
@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_codes_are_those_of_the_standard(seconds: int, code: str) -> None:
    assert totp.code_at(SECRET, totp.step_of(seconds * SECOND)) == code


@pytest.mark.parametrize(
    ("away", "accepted"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_one_step_of_difference_is_tolerated(away: int, accepted: bool) -> None:  # noqa: FBT001
    now = 1_000 * totp.STEP_S * SECOND
    code = totp.code_at(SECRET, 1_000 + away)
    found = totp.matching_step(SECRET, code, now, used_step=0)
    assert found == (1_000 + away if accepted else None)


def test_a_step_that_was_used_and_those_before_are_refused() -> None:
    now = 1_000 * totp.STEP_S * SECOND
    assert totp.matching_step(SECRET, totp.code_at(SECRET, 1_000), now, used_step=1_000) is None
    assert totp.matching_step(SECRET, totp.code_at(SECRET, 999), now, used_step=1_000) is None
    assert totp.matching_step(SECRET, totp.code_at(SECRET, 1_001), now, used_step=1_000) == 1_001


@pytest.mark.parametrize(
    "code", ["", "00000", "0000000", "abcdef", "\uff12\uff18\uff17\uff10\uff18\uff12"]
)
def test_what_is_no_code_is_refused(code: str) -> None:
    assert totp.matching_step(SECRET, code, 59 * SECOND, used_step=0) is None


def test_a_code_may_be_typed_with_spaces() -> None:
    assert totp.matching_step(SECRET, " 287 082 ", 59 * SECOND, used_step=0) == 1


def test_the_address_for_apps_holds_what_they_need() -> None:
    parts = urlsplit(totp.otpauth_url(SECRET, "ana@sp", "VMS Enterprise"))
    query = parse_qs(parts.query)
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert parts.path == "/VMS%20Enterprise%3Aana%40sp"
    assert query["secret"] == ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"]
    assert query["issuer"] == ["VMS Enterprise"]
    assert (query["digits"], query["period"]) == (["6"], ["30"])


def test_recovery_codes_are_ten_and_all_different() -> None:
    codes = totp.new_recovery_codes()
    assert len(set(codes)) == totp.RECOVERY_CODES
    assert all(totp.is_recovery_code(code) for code in codes)
    assert not totp.is_recovery_code("287082")


def test_a_recovery_code_may_be_typed_in_any_way() -> None:
    code = totp.new_recovery_codes()[0]
    assert totp.recovery_hash(code) == totp.recovery_hash(f" {code.upper().replace('-', ' ')} ")
    assert totp.recovery_hash(code) != totp.recovery_hash(totp.new_recovery_codes()[0])


def test_secrets_are_long_and_new_each_time() -> None:
    assert len(totp.new_secret()) == 20
    assert totp.new_secret() != totp.new_secret()
