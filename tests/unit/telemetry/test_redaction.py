"""Secrets never leave through a log."""

import pytest

from vms.telemetry import MASK, redact, redact_text

SECRET = "hunter2"


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://admin:hunter2@192.0.2.1/stream",
        "rtsp://admin:hunter2@192.0.2.1:554/stream?x=1",
        "rtsp://admin:hunter2/x@192.0.2.1/stream",
        "rtsp://admin:x@y/hunter2@192.0.2.1/stream",
        "connecting rtsp://:hunter2@cam failed",
        "rtsp://admin:p@hunter2@cam/x",
        "RTSP://ADMIN:hunter2@CAM/",
        'url="https://user:hunter2@host" was refused',
        "two: rtsp://a:hunter2@b/ and rtsp://c:hunter2@d/",
        "?token=hunter2&x=1",
        "password=hunter2",
        "password: hunter2",
        '{"password": "hunter2"}',
        "pwd=hunter2;",
        "Authorization: Bearer hunter2hunter2",
        "Authorization: Basic hunter2hunter2==",
        'Digest username="u", response="hunter2"',
        "access_token=hunter2",
        "refresh_token=hunter2",
        "api_key=hunter2",
    ],
)
def test_a_secret_in_a_text_is_masked(text: str) -> None:
    clean = redact_text(text)
    assert SECRET not in clean
    assert MASK in clean


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://192.0.2.1:554/stream",
        "rtsp://192.0.2.1:554/stream?mail=a@b",
        "rtsp://admin@192.0.2.1/stream",
        "camera gate: 3 packets lost",
        "http://127.0.0.1:8000",
        "at 12:30:11 user@example.org signed in",
        "the token was refused",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact_text(text) == text


def test_what_identifies_the_camera_stays() -> None:
    assert redact_text("rtsp://admin:hunter2@192.0.2.1:554/s1") == (
        f"rtsp://admin:{MASK}@192.0.2.1:554/s1"
    )


@pytest.mark.parametrize(
    "name",
    ["password", "Password", "db_password", "token", "access_token", "secret", "api_key",
     "authorization", "cookie", "private_key", "passphrase", "push_passphrases", "credentials"],
)  # fmt: skip
def test_a_field_with_a_secret_name_is_masked_whole(name: str) -> None:
    assert redact({name: SECRET}) == {name: MASK}


def test_masking_looks_into_everything() -> None:
    value = {
        "cameras": [{"url": "rtsp://u:hunter2@c/"}, ("rtsp://u:hunter2@c/", b"password=hunter2")],
        "port": 8000,
        "ratio": 0.5,
        "open": True,
        "nothing": None,
        "password": None,
        "error": ValueError("rtsp://u:hunter2@c/"),
    }
    clean = redact(value)
    assert SECRET not in str(clean)
    assert isinstance(clean, dict)
    assert (clean["port"], clean["ratio"], clean["open"], clean["nothing"]) == (
        8000,
        0.5,
        True,
        None,
    )
    assert clean["password"] is None


def test_masking_twice_changes_nothing() -> None:
    once = redact_text("password=hunter2 rtsp://u:hunter2@c/")
    assert redact_text(once) == once
