"""From cameras, and from settings, to what the engine runs."""

import msgspec
import pytest

from vms.cameras import (
    Area,
    Camera,
    Secrets,
    desired_state,
    draft_of_entry,
    parse_camera,
    wish_of,
    wish_of_entry,
)
from vms.cameras.validation import checked
from vms.common import InvalidError, StreamName
from vms.proto import CameraEntry

MAIN = "rtsp://u:p@192.0.2.1/a?x=1,2"
SUB = "rtsp://u:p@192.0.2.1/b"


def test_a_camera_has_main_and_where_given_sub() -> None:
    camera = wish_of_entry(CameraEntry(id="gate", url=MAIN, sub_url=SUB, transport="udp"))
    assert camera.name == "gate"
    assert {name: source.url for name, source in camera.streams.items()} == {
        StreamName.MAIN: MAIN,
        StreamName.SUB: SUB,
    }
    assert {source.transport for source in camera.streams.values()} == {"udp"}
    assert list(wish_of_entry(CameraEntry(id="yard", url=MAIN)).streams) == [StreamName.MAIN]


def test_a_reserved_id_is_no_camera() -> None:
    with pytest.raises(InvalidError, match="reserved"):
        wish_of_entry(CameraEntry(id="api", url=MAIN))


def test_equal_cameras_make_equal_states_whatever_their_order() -> None:
    cameras = [wish_of_entry(CameraEntry(id=name, url=MAIN)) for name in ("a", "b", "c")]
    first = desired_state(cameras, 1)
    second = desired_state(reversed(cameras), 9)
    assert first.cameras == second.cameras
    assert first.digest() == second.digest()
    assert desired_state(cameras[:2], 1).digest() != first.digest()


def test_a_state_does_not_show_addresses() -> None:
    assert "u:p" not in repr(desired_state([wish_of_entry(CameraEntry(id="a", url=MAIN))], 1))


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        (f"gate={SUB}", {"id": "gate", "url": SUB}),
        (f"gate={MAIN},{SUB}", {"id": "gate", "url": MAIN, "sub_url": SUB}),
        (f"gate={MAIN}", {"id": "gate", "url": MAIN}),
        (
            "gate=publish:,publish:replace",
            {"id": "gate", "url": "publish:", "sub_url": "publish:replace"},
        ),
        (
            "gate=file:a,b.mp4,SRT://h:1",
            {"id": "gate", "url": "file:a,b.mp4", "sub_url": "SRT://h:1"},
        ),
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


def test_a_camera_of_the_settings_becomes_a_draft_that_keeps_its_id_and_login() -> None:
    draft = draft_of_entry(CameraEntry(id="gate", url=MAIN, sub_url=SUB, transport="udp"))
    tidy = checked(draft)
    assert (draft.id, tidy.name, tidy.transport) == ("gate", "gate", "udp")
    assert (tidy.url, tidy.user, tidy.password) == ("rtsp://192.0.2.1/a?x=1,2", "u", "p")
    assert (tidy.sub_url, tidy.sub_user) == ("rtsp://192.0.2.1/b", None)


def _camera(**fields: object) -> Camera:
    base = {
        "id": "gate",
        "city": "sp",
        "name": "Gate",
        "url": "rtsp://h/1",
        "sub_url": "rtsp://h/2",
    }
    return Camera(**(base | fields))


def test_the_sub_stream_is_called_as_the_main_stream_or_as_its_own_user() -> None:
    same = wish_of(_camera(user="ana"), Secrets("p"))
    assert same.streams[StreamName.SUB].url == "rtsp://ana:p@h/2"
    own = wish_of(_camera(user="ana", sub_user="bruno"), Secrets("p", "q"))
    assert own.streams[StreamName.SUB].url == "rtsp://bruno:q@h/2"


def test_a_passphrase_is_put_back_for_the_engine_and_goes_into_no_other_address() -> None:
    srt = _camera(url="srt://h:9000?latency=200", sub_url="srt://h:9001")
    wish = wish_of(srt, Secrets("seven bicycles"))
    assert {name: source.url for name, source in wish.streams.items()} == {
        StreamName.MAIN: "srt://h:9000?latency=200&passphrase=seven%20bicycles",
        StreamName.SUB: "srt://h:9001?passphrase=seven%20bicycles",
    }
    mixed = wish_of(_camera(user="ana", sub_url="srt://h:9001"), Secrets("p"))
    assert mixed.streams[StreamName.SUB].url == "srt://h:9001"
    own = wish_of(
        _camera(user="ana", sub_url="srt://h:9001"), Secrets("p", sub_password="seven bicycles")
    )
    assert own.streams[StreamName.SUB].url == "srt://h:9001?passphrase=seven%20bicycles"


def test_a_second_address_is_called_as_the_first_or_with_its_own_login() -> None:
    fields = {"backup_url": "rtsp://h2/1", "backup_sub_url": "rtsp://h2/2"}
    same = wish_of(_camera(user="ana", **fields), Secrets("p"))
    assert {name: source.backup for name, source in same.streams.items()} == {
        StreamName.MAIN: "rtsp://ana:p@h2/1",
        StreamName.SUB: "rtsp://ana:p@h2/2",
    }
    own = wish_of(_camera(user="ana", backup_user="bruno", **fields), Secrets("p", None, "q"))
    assert own.streams[StreamName.SUB].backup == "rtsp://bruno:q@h2/2"
    srt = _camera(user="ana", backup_url="srt://h2:9000")
    assert wish_of(srt, Secrets("p")).streams[StreamName.MAIN].backup == "srt://h2:9000"
    sealed = wish_of(srt, Secrets("p", None, "seven bicycles")).streams[StreamName.MAIN]
    assert sealed.backup == "srt://h2:9000?passphrase=seven%20bicycles"
    off = wish_of(_camera(user="ana", enabled=False, **fields), Secrets("p", None, "q"))
    assert off.streams[StreamName.MAIN].backup == "rtsp://h2/1"


def test_what_is_waited_for_has_no_second_address() -> None:
    """The engine would refuse the whole state."""
    entry = CameraEntry(id="gate", url="publish:", backup_url=MAIN)
    assert wish_of_entry(entry).streams[StreamName.MAIN].backup is None
    called = CameraEntry(id="gate", url=SUB, backup_url=MAIN, sub_url=SUB)
    wish = wish_of_entry(called)
    assert wish.streams[StreamName.MAIN].backup == MAIN
    encoded = msgspec.json.encode(wish.streams)
    assert encoded.count(b"backup") == 1, "an older engine knows no such key"


def test_a_camera_is_called_on_demand_where_it_says_so_and_does_not_call_us() -> None:
    demanded = wish_of(_camera(on_demand=True), Secrets())
    assert {source.on_demand for source in demanded.streams.values()} == {True}
    assert wish_of(_camera(), Secrets()).streams[StreamName.MAIN].on_demand is None
    entry = CameraEntry(id="gate", url="node://core/gate", sub_url="publish:", on_demand=False)
    wish = wish_of_entry(entry)
    told = {name: source.on_demand for name, source in wish.streams.items()}
    assert told == {StreamName.MAIN: False, StreamName.SUB: None}
    assert draft_of_entry(entry).on_demand is False


def test_push_targets_get_their_passphrases_back_for_the_engine_alone() -> None:
    camera = _camera(push=("srt://h3:9000?latency=50", "srt://h4:9000"), sub_push=("srt://h5:1",))
    secrets = Secrets(push_passphrases='{"srt://h4:9000":"seven bicycles"}')
    wish = wish_of(camera, secrets)
    assert wish.streams[StreamName.MAIN].push == (
        "srt://h3:9000?latency=50",
        "srt://h4:9000?passphrase=seven%20bicycles",
    )
    assert wish.streams[StreamName.SUB].push == ("srt://h5:1",)
    off = wish_of(msgspec.structs.replace(camera, enabled=False), secrets)
    assert off.streams[StreamName.MAIN].push == camera.push
    lost = wish_of(msgspec.structs.replace(camera, has_push_passphrases=True), Secrets())
    assert {source.push for source in lost.streams.values()} == {()}, "nothing in the clear"
    entry = CameraEntry(id="gate", url=MAIN, push=("srt://h:1?passphrase=seven%20bicycles",))
    assert wish_of_entry(entry).streams[StreamName.MAIN].push == entry.push
    assert draft_of_entry(entry).push == entry.push


def test_passphrases_of_push_targets_stay_with_their_targets() -> None:
    held = Secrets(push_passphrases='{"srt://h3:1":"seven bicycles","srt://h4:1":"eight bicycles"}')
    draft = draft_of_entry(CameraEntry(id="gate", url=MAIN, push=("srt://h4:1", "srt://h5:1")))
    assert held.after(draft).passphrases() == {"srt://h4:1": "eight bicycles"}
    given = msgspec.structs.replace(draft, push_passphrases={"srt://h5:1": "nine bicycles"})
    both = {"srt://h4:1": "eight bicycles", "srt://h5:1": "nine bicycles"}
    assert held.after(given).passphrases() == both
    emptied = msgspec.structs.replace(given, push_passphrases={"srt://h4:1": ""})
    assert held.after(emptied).push_passphrases is None
    removed = msgspec.structs.replace(draft, push_passphrases=None)
    assert held.after(removed).push_passphrases is None


def test_how_rtp_travels_is_told_for_rtsp_alone() -> None:
    wish = wish_of(_camera(transport="udp", sub_url="rtsps://h/2"), Secrets())
    assert wish.streams[StreamName.MAIN].transport == "udp"
    assert wish.streams[StreamName.SUB].transport is None
    entry = CameraEntry(id="gate", url=MAIN, sub_url="publish:", transport="udp")
    assert wish_of_entry(entry).streams[StreamName.SUB].transport is None


def test_a_camera_that_is_off_keeps_its_password_to_itself() -> None:
    wish = wish_of(_camera(user="ana", enabled=False), Secrets("p"))
    assert not wish.enabled
    assert wish.streams[StreamName.MAIN].url == "rtsp://h/1"


def test_a_masked_camera_is_masked_for_the_engine_too() -> None:
    mask = Area("door", ((0.0, 0.0), (1.0, 0.0), (0.5, 1.0)))
    assert not wish_of(_camera(), Secrets()).masked
    assert wish_of(_camera(masks=(mask,)), Secrets()).masked
    assert not wish_of(_camera(zones=(mask,)), Secrets()).masked
