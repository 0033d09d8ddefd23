"""Cameras: from settings to what the engine runs."""

import pytest

from vms.cameras import camera_of, desired_state, parse_camera
from vms.common import InvalidError, StreamName
from vms.proto import CameraEntry

MAIN = "rtsp://u:p@192.0.2.1/a?x=1,2"
SUB = "rtsp://u:p@192.0.2.1/b"


def test_a_camera_has_main_and_where_given_sub() -> None:
    camera = camera_of(CameraEntry(id="gate", url=MAIN, sub_url=SUB, transport="udp"))
    assert camera.name == "gate"
    assert {name: source.url for name, source in camera.streams.items()} == {
        StreamName.MAIN: MAIN,
        StreamName.SUB: SUB,
    }
    assert {source.transport for source in camera.streams.values()} == {"udp"}
    assert list(camera_of(CameraEntry(id="yard", url=MAIN)).streams) == [StreamName.MAIN]


def test_a_reserved_id_is_no_camera() -> None:
    with pytest.raises(InvalidError, match="reserved"):
        camera_of(CameraEntry(id="api", url=MAIN))


def test_equal_cameras_make_equal_states_whatever_their_order() -> None:
    cameras = [camera_of(CameraEntry(id=name, url=MAIN)) for name in ("a", "b", "c")]
    first = desired_state(cameras, 1)
    second = desired_state(reversed(cameras), 9)
    assert first.cameras == second.cameras
    assert first.digest() == second.digest()
    assert desired_state(cameras[:2], 1).digest() != first.digest()


def test_a_state_does_not_show_addresses() -> None:
    assert "u:p" not in repr(desired_state([camera_of(CameraEntry(id="a", url=MAIN))], 1))


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        (f"gate={SUB}", {"id": "gate", "url": SUB}),
        (f"gate={MAIN},{SUB}", {"id": "gate", "url": MAIN, "sub_url": SUB}),
        (f"gate={MAIN}", {"id": "gate", "url": MAIN}),
        ("g=rtsp://h/a=b", {"id": "g", "url": "rtsp://h/a=b"}),
    ],
)
def test_a_flag_names_id_and_addresses(text: str, entry: dict[str, str]) -> None:
    assert parse_camera(text) == entry


@pytest.mark.parametrize("text", ["", "gate", "gate=", f"={MAIN}", f"g={SUB},{SUB},{SUB}"])
def test_another_form_is_refused_without_showing_the_password(text: str) -> None:
    with pytest.raises(InvalidError, match="ID=URL") as caught:
        parse_camera(text)
    assert "u:p" not in caught.value.message
