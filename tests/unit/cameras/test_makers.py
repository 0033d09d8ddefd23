"""Every maker: what its addresses must be like, and what they are."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.cameras import GENERIC, MAKERS, Camera, Maker, NewCamera, Secrets, wish_of
from vms.cameras.exchange import COLUMNS
from vms.cameras.validation import checked
from vms.common import InvalidError, StreamName, check_address, split_login

ROOT = Path(__file__).resolve().parents[3]

# Main and sub-stream of the device's channel 1, and of its highest.
KNOWN: dict[str, tuple[str, str, str]] = {
    "axis": (
        "/axis-media/media.amp?camera=1",
        "/axis-media/media.amp?camera=1&videocodec=h264&resolution=640x360",
        "/axis-media/media.amp?camera=16",
    ),
    "dahua": (
        "/cam/realmonitor?channel=1&subtype=0",
        "/cam/realmonitor?channel=1&subtype=1",
        "/cam/realmonitor?channel=256&subtype=0",
    ),
    "hikvision": (
        "/Streaming/Channels/101",
        "/Streaming/Channels/102",
        "/Streaming/Channels/25601",
    ),
    "intelbras": (
        "/cam/realmonitor?channel=1&subtype=0",
        "/cam/realmonitor?channel=1&subtype=1",
        "/cam/realmonitor?channel=256&subtype=0",
    ),
    "reolink": ("/Preview_01_main", "/Preview_01_sub", "/Preview_36_main"),
    "tplink": ("/stream1", "/stream2", "/stream1"),
    "uniview": ("/unicast/c1/s0/live", "/unicast/c1/s1/live", "/unicast/c256/s0/live"),
}
DEVICES = [maker for maker in MAKERS.values() if maker.path is not None]

each_maker = pytest.mark.parametrize("maker", DEVICES, ids=lambda maker: maker.id)
hosts = st.one_of(
    st.ip_addresses().map(str),
    st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?\.example", fullmatch=True),
)


def test_every_maker_is_known_here_and_listed_under_its_id() -> None:
    assert set(KNOWN) | {GENERIC} == set(MAKERS)
    assert {name: maker.id for name, maker in MAKERS.items()} == {name: name for name in MAKERS}
    assert all(maker.title and maker.notes for maker in DEVICES)


@each_maker
def test_the_addresses_are_those_of_the_maker(maker: Maker) -> None:
    main, sub, last = KNOWN[maker.id]
    base = "rtsp://192.0.2.1:554"
    assert maker.address("192.0.2.1", None, 1, StreamName.MAIN) == base + main
    assert maker.address("192.0.2.1", None, 1, StreamName.SUB) == base + sub
    assert maker.address("192.0.2.1", None, maker.channels, StreamName.MAIN) == base + last
    assert (
        maker.address("2001:db8::1", 8554, 1, StreamName.SUB) == f"rtsp://[2001:db8::1]:8554{sub}"
    )


@each_maker
@pytest.mark.parametrize("channel", [0, -1, 10_000])
def test_a_channel_that_cannot_be_is_refused(maker: Maker, channel: int) -> None:
    with pytest.raises(InvalidError, match="channel"):
        maker.address("h", None, channel, StreamName.MAIN)


@each_maker
@given(
    host=hosts,
    port=st.none() | st.integers(1, 65535),
    channel=st.integers(1, 300),
    user=st.text(st.characters(codec="ascii", categories=("L", "N", "P")), min_size=1, max_size=20),
    password=st.text(min_size=8, max_size=20),
)
def test_credentials_never_stand_in_the_address_and_reach_the_engine_whole(
    maker: Maker, host: str, port: int | None, channel: int, user: str, password: str
) -> None:
    draft = NewCamera(
        name="Gate",
        maker=maker.id,
        host=host,
        port=port,
        channel=1 + channel % maker.channels,
        user=user.replace(":", "-"),
    )
    tidy = checked(draft)
    camera = Camera(
        id="gate",
        city="sp",
        name=tidy.name,
        maker=tidy.maker,
        host=tidy.host,
        port=tidy.port,
        channel=tidy.channel,
        user=tidy.user,
    )
    addresses = camera.addresses()
    assert set(addresses) == set(StreamName)
    for address in addresses.values():
        assert check_address(address) == address
        assert "@" not in urlsplit(address).netloc
        assert password not in address
    wish = wish_of(camera, Secrets(password))
    for stream, source in wish.streams.items():
        bare, login = split_login(source.url)
        assert bare == addresses[stream]
        assert login is not None
        assert (login.user, login.password) == (tidy.user, password)


def test_a_sub_stream_may_be_left_out() -> None:
    camera = Camera(id="c", city="sp", name="C", maker="axis", host="h", sub_stream=False)
    assert set(camera.addresses()) == {StreamName.MAIN}


def test_generic_makes_no_address() -> None:
    with pytest.raises(InvalidError, match="give the address"):
        MAKERS[GENERIC].address("h", None, 1, StreamName.MAIN)


def test_the_manual_tells_of_every_maker_and_column() -> None:
    manual = (ROOT / "docs" / "operations" / "cameras.md").read_text(encoding="utf-8")
    for maker in MAKERS.values():
        main, sub, channels = "url", "sub_url", "-"
        if maker.path is not None:
            main, sub, _ = KNOWN[maker.id]
            channels = str(maker.channels)
        assert f"| `{maker.id}` | `{main}` | `{sub}` | {channels} | {maker.notes} |" in manual
    assert [name for name in COLUMNS if f"`{name}`" not in manual] == []
