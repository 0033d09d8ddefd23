"""Addresses and the credentials in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.common import (
    SCHEMES,
    Credentials,
    InvalidError,
    Login,
    check_address,
    check_host,
    credentials_of,
    host_text,
    place_of,
    split_login,
    with_login,
)

printable = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), max_size=40)
with_user = st.sampled_from(
    [
        "rtsp://192.0.2.1/",
        "rtsp://192.0.2.1:8554/a?b=1&c=@2",
        "rtsp://[2001:db8::1]:554/x//y?",
        "rtsps://gate.example",
        "rtsp+http://gate.example:8080/a",
        "rtsp+https://gate.example/a",
        "rtmp://192.0.2.1/live/gate",
        "rtmps://192.0.2.1/live/gate?a=b",
        "http://192.0.2.1/video.mjpg?size=2",
        "https://192.0.2.1/flv?app=x&user=&password=",
        "http://192.0.2.1/cgi?usr=&pwd=&x",
    ]
)
with_secret = st.sampled_from(
    [
        "srt://192.0.2.1:9000",
        "srt://[2001:db8::1]:9000?streamid=%23!::r=gate&latency=200",
        "srt://gate.example:9000?",
        "rtmp://192.0.2.1/live/gate?password=",
        "http://192.0.2.1/a?x=1&PWD=&y",
    ]
)
without = ["file:gate.mp4", "file:gate 1/day #2.mp4", "publish:", "publish:replace"]


@given(with_user, st.builds(Login, printable.filter(bool), printable))
def test_credentials_come_out_of_an_address_as_they_went_in(address: str, login: Login) -> None:
    assert credentials_of(address) is Credentials.LOGIN
    whole = with_login(address, login)
    assert check_address(whole) == whole
    assert split_login(whole) == (address, login)
    assert split_login(address) == (address, None)


@given(with_secret, printable.filter(bool))
def test_a_passphrase_comes_out_of_an_address_as_it_went_in(address: str, secret: str) -> None:
    assert credentials_of(address) is Credentials.SECRET
    whole = with_login(address, Login("", secret))
    assert check_address(whole) == whole
    assert split_login(whole) == (address, Login("", secret))
    assert split_login(address) == (address, None)


@given(with_user, with_secret, st.sampled_from(without), printable.filter(bool))
def test_a_password_goes_into_no_address_of_another_kind(
    user: str, secret: str, neither: str, password: str
) -> None:
    assert with_login(user, Login("", password)) == user
    assert with_login(secret, Login("ana", password)) == secret
    for login in (Login("ana", password), Login("", password)):
        assert with_login(neither, login) == neither
        assert split_login(neither) == (neither, None)


def test_an_address_without_credentials_is_left_alone() -> None:
    assert split_login("rtsp://h/a@b") == ("rtsp://h/a@b", None)
    assert with_login("rtsp://h/a", None) == with_login("rtsp://h/a", Login("")) == "rtsp://h/a"


def test_the_scheme_is_written_in_small_letters_for_the_engine() -> None:
    assert check_address("RTSP://Gate.example/A") == "rtsp://Gate.example/A"
    assert split_login("SRT://h:1?passphrase=x") == ("srt://h:1", Login("", "x"))
    assert with_login("RTSP://h/A", None) == "rtsp://h/A"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_is_accepted_as_its_form_says(scheme: str) -> None:
    for form in SCHEMES[scheme].form.split(" or "):
        text = form.replace("[:PORT]", ":1").replace(":PORT", ":1")
        bare, login = split_login(text.replace("[", "").replace("]", ""))
        assert bare.startswith(f"{scheme}:")
        assert (login is None) == (scheme != "srt")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("gopher://h/", "must begin with one of rtsp://"),
        ("gate", "must begin with one of rtsp://"),
        ("srt://h", "names no port; write srt://HOST:PORT"),
        ("srt://:9000", "names no host; write srt://HOST:PORT"),
        ("srt://ana:x@h:1", "write the passphrase as ?passphrase=SECRET"),
        ("srt://h:1?mode=listener", "write publish:"),
        ("srt://h:1?passphrase=a&passphrase=b", "twice"),
        ("http://u:p@h/?password=x", "two logins"),
        ("publish:gate", "publish:replace"),
        ("publish://h", "publish:replace"),
        ("file:", "file:NAME"),
        ("file:/etc/passwd", "media_dir"),
        ("file:///etc/passwd", "media_dir"),
        ("file:a/../../b", "without .."),
        ("file:..", "without .."),
        ("file:a\\..\\b", "media_dir"),
        ("file:a//b", "empty part"),
        ("file:a\nb", "control character"),
        ("rtmp:h/a", "names no host; write rtmp://HOST"),
    ],
)
def test_what_is_refused_is_told_how_to_write_it(text: str, told: str) -> None:
    with pytest.raises(InvalidError) as caught:
        split_login(text)
    assert told in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "ftp://ana:hidden@h/",
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
    forms = ("", "rtsp://", "rtsp://u:", "srt://h:1?", "http://h/?password=", "file:", "publish:")
    for begin in forms:
        try:
            bare, login = split_login(f"{begin}{text}{'@h/' if begin.endswith('u:') else ''}")
        except InvalidError:
            continue
        assert split_login(with_login(bare, login)) == (bare, login)


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
    assert place_of("rtsp://[2001:db8:0::1]") == ("rtsp", "2001:db8::1", 554, "/")
    assert place_of("rtsp://h/a") != place_of("rtsp://h/b")
    assert place_of("file:a") != place_of("file:b")


@pytest.mark.parametrize(
    ("address", "port"),
    [
        ("rtsps://h/a", 322),
        ("rtsp+http://h/a", 80),
        ("rtsp+https://h/a", 443),
        ("srt://h:9000", 9000),
        ("rtmp://h/a", 1935),
        ("rtmps://h/a", 443),
        ("http://h/a", 80),
        ("https://h/a", 443),
        ("publish:", 0),
    ],
)
def test_each_scheme_has_its_port(address: str, port: int) -> None:
    assert place_of(address).port == port


def test_a_login_does_not_show_its_password() -> None:
    assert "secret" not in repr(Login("ana", "secret"))
