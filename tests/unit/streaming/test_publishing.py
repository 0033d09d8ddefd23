"""What is typed into an encoder."""

import pytest

from vms.common import StreamName
from vms.streaming import publish_addresses

MAIN, SUB = StreamName.MAIN, StreamName.SUB
EVERYWHERE = {"srt": "0.0.0.0:8890", "rtmp": "[::]:1935", "rtsp": "0.0.0.0:8554"}
LOGIN = ("k1", "secret")


def test_each_protocol_and_stream_has_its_address() -> None:
    found = publish_addresses(EVERYWHERE, "vms.example", "gate", (MAIN, SUB), LOGIN)
    assert [(one.protocol, one.stream, one.address) for one in found] == [
        ("srt", MAIN, "srt://vms.example:8890?streamid=publish:gate:k1&passphrase=secret"),
        ("rtmp", MAIN, "rtmp://vms.example:1935/gate?key=k1&secret=secret"),
        ("srt", SUB, "srt://vms.example:8890?streamid=publish:gate/sub:k1&passphrase=secret"),
        ("rtmp", SUB, "rtmp://vms.example:1935/gate/sub?key=k1&secret=secret"),
    ]


def test_where_tls_is_spoken_the_secret_need_not_go_in_the_clear() -> None:
    listeners = {"rtmp": "0.0.0.0:1935", "rtmps": "0.0.0.0:1935"}
    found = publish_addresses(listeners, "vms.example", "gate", (MAIN,), LOGIN)
    assert [(one.protocol, one.address) for one in found] == [
        ("rtmps", "rtmps://vms.example:1935/gate?key=k1&secret=secret"),
        ("rtmp", "rtmp://vms.example:1935/gate?key=k1&secret=secret"),
    ]


def test_whip_is_where_the_pages_are_with_the_key_beside_the_address() -> None:
    found = publish_addresses({}, "h", "gate", (MAIN, SUB), LOGIN, origin="https://vms.example")
    assert [(one.protocol, one.stream, one.address, one.bearer) for one in found] == [
        ("whip", name, f"https://vms.example/api/v1/streams/gate/{name.value}/whip", "k1:secret")
        for name in (MAIN, SUB)
    ]
    assert "secret" not in repr(found)


def test_a_protocol_nobody_listens_for_has_none() -> None:
    assert publish_addresses({"rtsp": "0.0.0.0:8554"}, "h", "gate", (MAIN,), LOGIN) == ()
    [one] = publish_addresses({"srt": "", "rtmp": "0.0.0.0:1"}, "h", "gate", (MAIN,), LOGIN)
    assert one.protocol == "rtmp"


@pytest.mark.parametrize(
    ("listener", "host", "at"),
    [
        ("0.0.0.0:1935", "vms.example", "vms.example:1935"),
        ("[::]:1935", "2001:db8::1", "[2001:db8::1]:1935"),
        ("192.0.2.7:1935", "vms.example", "192.0.2.7:1935"),
        ("[::1]:1935", "vms.example", "[::1]:1935"),
        ("0.0.0.0:1935", "", "0.0.0.0:1935"),
    ],
)
def test_who_listens_everywhere_is_named_as_the_caller_names_him(
    listener: str, host: str, at: str
) -> None:
    [one] = publish_addresses({"rtmp": listener}, host, "gate", (MAIN,), LOGIN)
    assert one.address.startswith(f"rtmp://{at}/gate?")
    assert "secret" not in repr(one)
