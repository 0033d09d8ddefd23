"""Addresses and the credentials in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.common import (
    InvalidError,
    Login,
    check_address,
    check_host,
    host_text,
    place_of,
    split_login,
    with_login,
)

printable = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), max_size=40)
addresses = st.sampled_from(
    [
        "rtsp://192.0.2.1/",
        "rtsp://192.0.2.1:8554/a?b=1&c=@2",
        "rtsp://[2001:db8::1]:554/x//y?",
        "RTSP://gate.example",
    ]
)


@given(addresses, st.builds(Login, printable.filter(bool), printable))
def test_credentials_come_out_of_an_address_as_they_went_in(address: str, login: Login) -> None:
    whole = with_login(address, login)
    assert check_address(whole) == whole
    assert split_login(whole) == (address, login)


def test_an_address_without_credentials_is_left_alone() -> None:
    assert split_login("rtsp://h/a@b") == ("rtsp://h/a@b", None)
    assert with_login("rtsp://h/a", None) == with_login("rtsp://h/a", Login("")) == "rtsp://h/a"


@pytest.mark.parametrize(
    "text",
    [
        "http://h/",
        "rtsp://",
        "rtsp:///a",
        "rtsp://h:99999/",
        "rtsp://h/a b",
        "rtsp://u:p#x@h/",
        "rtsp://u:p/x@h:/",
        "rtsp://[::1/",
        "rtsp://h/" + "a" * 2048,
        "rtsp://:pw@h/",
        "rtsp://u:%ff@h/",
    ],
)
def test_another_address_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(InvalidError) as caught:
        split_login(text)
    assert caught.value.code == "camera_url_invalid"
    assert text[7:] == "" or text[7:] not in caught.value.message


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    for address in (text, f"rtsp://{text}", f"rtsp://u:{text}@h/"):
        try:
            split_login(address)
        except InvalidError:
            continue


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("[2001:DB8:0::1]", "2001:db8::1"),
        ("Gate-1.Example", "gate-1.example"),
        ("cam_1", "cam_1"),
    ],
)
def test_a_host_is_a_name_or_an_ip_address(text: str, host: str) -> None:
    assert check_host(text) == host


@pytest.mark.parametrize(
    "text", ["", "1.2.3", "256.1.1.1", "a b", "h/x", "u@h", "h:1", "-h", "a" * 254, "é.example"]
)
def test_anything_else_is_no_host(text: str) -> None:
    with pytest.raises(InvalidError, match="host name"):
        check_host(text)


def test_ipv6_stands_in_brackets() -> None:
    assert host_text("2001:db8::1") == "[2001:db8::1]"
    assert host_text("h") == "h"


def test_spellings_of_one_stream_have_one_place() -> None:
    assert place_of("rtsp://H.example/a?b") == place_of("RTSP://h.EXAMPLE:554/a?b")
    assert place_of("rtsp://[2001:db8:0::1]") == ("2001:db8::1", 554, "/")
    assert place_of("rtsp://h/a") != place_of("rtsp://h/b")


def test_a_login_does_not_show_its_password() -> None:
    assert "secret" not in repr(Login("ana", "secret"))
