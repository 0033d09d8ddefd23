"""What a camera may be, and what is said where it may not."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from vms.cameras import Area, Change, Draft
from vms.cameras.validation import apply, checked, search_key
from vms.common import InvalidError

URL = "rtsp://192.0.2.1/a"
TRIANGLE = ((0.0, 0.0), (1.0, 0.0), (0.5, 1.0))


def draft(**fields: object) -> Draft:
    return Draft(**({"name": "Gate", "url": URL} | fields))


def device(**fields: object) -> Draft:
    return Draft(**({"name": "Gate", "maker": "intelbras", "host": "192.0.2.1"} | fields))


REFUSED: list[tuple[Draft, str, str]] = [
    (draft(name=" "), "name", "camera_name_missing"),
    (draft(name="a" * 121), "name", "camera_name_invalid"),
    (draft(name="a\nb"), "name", "camera_name_invalid"),
    (draft(maker="nobody"), "maker", "camera_maker_unknown"),
    (draft(url=None), "url", "camera_url_missing"),
    (draft(url="ftp://h/"), "url", "camera_url_invalid"),
    (draft(url="srt://h:1", user="ana"), "user", "camera_field_unused"),
    (draft(url="srt://h:1", password="too short"), "password", "camera_passphrase_invalid"),
    (draft(url="srt://h:1?passphrase=short"), "password", "camera_passphrase_invalid"),
    (draft(url="srt://h:1", password="p" * 80), "password", "camera_passphrase_invalid"),
    (draft(sub_url="srt://h:1?passphrase=x"), "sub_password", "camera_passphrase_invalid"),
    (draft(url="publish:", user="ana"), "user", "camera_field_unused"),
    (draft(url="publish:", password="secret"), "password", "camera_field_unused"),
    (draft(url="file:../a.mp4"), "url", "camera_url_invalid"),
    (draft(backup_url="ftp://h/"), "backup_url", "camera_url_invalid"),
    (draft(backup_url="publish:"), "backup_url", "camera_url_invalid"),
    (draft(backup_url=URL), "backup_url", "camera_url_invalid"),
    (draft(backup_sub_url="rtsp://h/b"), "backup_sub_url", "camera_field_unused"),
    (draft(url="publish:", on_demand=True), "on_demand", "camera_field_unused"),
    (draft(push=("rtmp://h/a/b",)), "push", "camera_url_invalid"),
    (draft(push=("srt://h",)), "push", "camera_url_invalid"),
    (draft(push=("srt://h:1?passphrase=short",)), "push_passphrases", "camera_passphrase_invalid"),
    (draft(push=("srt://h:1?streamid=a|b",)), "push", "camera_url_invalid"),
    (draft(push_passphrases={"srt://h:1": "p" * 10}), "push_passphrases", "camera_field_unused"),
    (
        draft(
            push=("srt://h:1?passphrase=seven%20bicycles",),
            push_passphrases={"srt://h:1": "eight bicycles"},
        ),
        "push_passphrases",
        "camera_login_twice",
    ),
    (
        draft(
            push=("srt://h:1",),
            push_passphrases={"srt://h:1?passphrase=seven%20bicycles": "seven bicycles"},
        ),
        "push_passphrases",
        "camera_login_twice",
    ),
    (draft(sub_push=("srt://h:1",)), "sub_push", "camera_field_unused"),
    (
        draft(backup_url="rtsp://h/", backup_sub_url="rtsp://h/b"),
        "backup_sub_url",
        "camera_field_unused",
    ),
    (
        device(backup_url="rtsp://h/", backup_sub_url="rtsp://h/b", sub_stream=False),
        "backup_sub_url",
        "camera_field_unused",
    ),
    (draft(backup_user="ana"), "backup_user", "camera_field_unused"),
    (draft(url="publish:", backup_url=URL), "backup_url", "camera_field_unused"),
    (draft(backup_url="rtsp://h/", backup_password="x"), "backup_user", "camera_user_missing"),
    (draft(backup_url="srt://h:1?passphrase=x"), "backup_password", "camera_passphrase_invalid"),
    (
        draft(sub_url="rtsp://h/", backup_url="rtsp://a:x@h/", backup_sub_url="rtsp://b:x@h/"),
        "backup_user",
        "camera_login_twice",
    ),
    (draft(sub_url="rtsp://"), "sub_url", "camera_url_invalid"),
    (draft(host="h"), "host", "camera_field_unused"),
    (draft(channel=2), "channel", "camera_field_unused"),
    (device(url=URL), "url", "camera_field_unused"),
    (device(sub_user="ana"), "sub_user", "camera_field_unused"),
    (device(host=None), "host", "camera_host_missing"),
    (device(host="a/b"), "host", "camera_host_invalid"),
    (device(port=0), "port", "camera_port_invalid"),
    (device(port=65536), "port", "camera_port_invalid"),
    (device(channel=0), "channel", "camera_channel_invalid"),
    (device(maker="tplink", channel=2), "channel", "camera_channel_invalid"),
    (draft(user="a:b"), "user", "camera_user_invalid"),
    (draft(user="a" * 129), "user", "camera_user_invalid"),
    (draft(user="a", password="p\0"), "password", "camera_password_invalid"),
    (draft(user="a", password="p" * 129), "password", "camera_password_invalid"),
    (draft(password="secret"), "user", "camera_user_missing"),
    (draft(url="rtsp://ana:x@h/", user="bruno"), "user", "camera_login_twice"),
    (draft(url="rtsp://ana:x@h/", password="y"), "user", "camera_login_twice"),
    (draft(tags=("a|b",)), "tags", "camera_tags_invalid"),
    (draft(tags=("",)), "tags", "camera_tags_invalid"),
    (draft(tags=("a" * 41,)), "tags", "camera_tags_invalid"),
    (draft(tags=tuple(map(str, range(33)))), "tags", "camera_tags_invalid"),
    (draft(groups=("A",)), "groups", "camera_groups_invalid"),
    (draft(groups=tuple(f"g{n}" for n in range(65))), "groups", "camera_groups_invalid"),
    (draft(site="No Id"), "site", "camera_site_invalid"),
    (draft(latitude=1.0), "latitude", "camera_place_invalid"),
    (draft(latitude=90.1, longitude=0.0), "latitude", "camera_place_invalid"),
    (draft(latitude=0.0, longitude=float("nan")), "longitude", "camera_place_invalid"),
    (draft(masks=(Area("", TRIANGLE),)), "masks", "camera_masks_invalid"),
    (draft(masks=(Area("a", TRIANGLE[:2]),)), "masks", "camera_masks_invalid"),
    (draft(zones=(Area("a", TRIANGLE * 22),)), "zones", "camera_zones_invalid"),
    (draft(zones=(Area("a", (*TRIANGLE, (0.0, 1.01))),)), "zones", "camera_zones_invalid"),
    (draft(zones=(Area("a", (*TRIANGLE, (0.0, float("inf")))),)), "zones", "camera_zones_invalid"),
    (draft(masks=(Area("a", TRIANGLE),) * 2), "masks", "camera_masks_invalid"),
    (
        draft(masks=tuple(Area(str(n), TRIANGLE) for n in range(33))),
        "masks",
        "camera_masks_invalid",
    ),
]


@pytest.mark.parametrize(("wrong", "field", "code"), REFUSED)
def test_what_may_not_be_is_refused_with_its_field(wrong: Draft, field: str, code: str) -> None:
    with pytest.raises(InvalidError) as caught:
        checked(wrong)
    assert (caught.value.values["field"], caught.value.code) == (field, code)
    assert f"{field}: " in caught.value.message


def test_everything_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(InvalidError) as caught:
        checked(device(name="", host=None, latitude=91.0))
    assert caught.value.values["count"] == 4
    assert [part.partition(":")[0] for part in caught.value.message.split("; ")] == [
        "name",
        "host",
        "latitude",
        "latitude",
    ]


def test_no_message_holds_a_password() -> None:
    for wrong in (
        draft(url="rtsp://ana:secret@h/#"),
        draft(url="rtsp://ana:secret@h/", user="bruno", password="hidden"),
        draft(password="secret"),
        draft(url="srt://h:1?passphrase=secret"),
        draft(url="http://ana:hidden@h/?password=secret"),
    ):
        with pytest.raises(InvalidError) as caught:
            checked(wrong)
        assert "secret" not in caught.value.message
        assert "hidden" not in caught.value.message


def test_a_camera_is_kept_trimmed() -> None:
    tidy = checked(
        device(
            name=" Gate ", maker="Intelbras", host=" CAM.example ", user="", groups=("b", "a", "b"),
            tags=("north", " north"), site="",
        )
    )  # fmt: skip
    assert (tidy.name, tidy.maker, tidy.host, tidy.user) == (
        "Gate",
        "intelbras",
        "cam.example",
        None,
    )
    assert (tidy.groups, tidy.tags, tidy.site) == (("a", "b"), ("north",), None)
    assert checked(tidy) == tidy


def test_credentials_are_taken_out_of_the_addresses() -> None:
    tidy = checked(draft(url="rtsp://ana:p%40ss@h/1", sub_url="rtsp://ana:p%40ss@h/2"))
    assert (tidy.url, tidy.sub_url) == ("rtsp://h/1", "rtsp://h/2")
    assert (tidy.user, tidy.password, tidy.sub_user, tidy.sub_password) == (
        "ana",
        "p@ss",
        None,
        UNSET,
    )
    other = checked(draft(url="rtsp://ana:x@h/1", sub_url="rtsp://bruno:y@h/2"))
    assert (other.sub_user, other.sub_password) == ("bruno", "y")
    assert checked(draft(url="rtsp://ana@h/1")).password is UNSET


def test_a_change_touches_only_what_it_names() -> None:
    before = checked(draft(user="ana", tags=("a",), latitude=1.0, longitude=2.0))
    after = checked(apply(before, Change(name="Yard", latitude=None, longitude=None)))
    assert after == msgspec.structs.replace(before, name="Yard", latitude=None, longitude=None)


def test_another_way_to_name_the_source_empties_the_first() -> None:
    before = checked(draft(sub_url=URL, sub_user="ana"))
    to_maker = checked(apply(before, Change(maker="axis", host="h")))
    assert (to_maker.url, to_maker.sub_url, to_maker.sub_user) == (None, None, None)
    back = checked(apply(to_maker, Change(maker="generic", url=URL)))
    assert (back.host, back.port, back.channel) == (None, None, 1)


def test_an_address_with_a_user_names_a_new_one() -> None:
    before = checked(draft(user="ana"))
    after = checked(apply(before, Change(url="rtsp://bruno:x@h/")))
    assert (after.user, after.password, after.url) == ("bruno", "x", "rtsp://h/")
    kept = checked(apply(before, Change(url="rtsp://h/")))
    assert (kept.user, kept.password) == ("ana", UNSET)


def test_a_passphrase_is_taken_out_of_the_address_and_needs_no_user() -> None:
    tidy = checked(draft(url="srt://h:9000?streamid=a&passphrase=seven%20bicycles"))
    assert (tidy.url, tidy.user, tidy.password) == (
        "srt://h:9000?streamid=a",
        None,
        "seven bicycles",
    )
    assert checked(tidy) == tidy


def test_a_login_in_the_query_is_kept_apart_and_leaves_its_place() -> None:
    tidy = checked(draft(url="http://h/flv?app=x&user=ana&password=p%26q"))
    assert (tidy.url, tidy.user, tidy.password) == (
        "http://h/flv?app=x&user=&password=",
        "ana",
        "p&q",
    )
    assert checked(tidy) == tidy


@pytest.mark.parametrize("address", ["srt://h:9000", "publish:", "file:gate.mp4"])
def test_the_login_of_another_kind_of_address_does_not_stay(address: str) -> None:
    """A camera's password must not be sent as a passphrase."""
    before = checked(draft(user="ana", sub_url=URL, sub_user="bruno"))
    after = checked(apply(before, Change(url=address, sub_url=address)))
    assert (after.user, after.password) == (None, None)
    assert (after.sub_user, after.sub_password) == (None, None)
    back = checked(apply(after, Change(url=URL, user="carla")))
    assert (back.user, back.password) == ("carla", None)


def test_a_second_address_has_its_own_login_where_it_names_another() -> None:
    first = "rtsp://ana:x@h/1"
    other = checked(device(backup_url="rtsp://bruno:y@h2/1", backup_sub_url="rtsp://bruno:y@h2/2"))
    assert (other.backup_url, other.backup_sub_url) == ("rtsp://h2/1", "rtsp://h2/2")
    assert (other.backup_user, other.backup_password) == ("bruno", "y")
    same = checked(draft(url=first, backup_url="rtsp://ana:x@h2/1"))
    assert (same.backup_user, same.backup_password) == (None, UNSET)
    assert checked(other) == other


def test_a_second_address_that_goes_takes_its_login_along() -> None:
    before = checked(
        draft(sub_url="rtsp://h/2", backup_url="rtsp://bruno:y@h2/1", backup_sub_url="rtsp://h2/2")
    )
    after = checked(apply(before, Change(backup_url=None)))
    assert (after.backup_sub_url, after.backup_user, after.backup_password) == (None, None, None)
    waited = checked(apply(before, Change(url="publish:", sub_url="publish:")))
    assert (waited.backup_url, waited.backup_sub_url, waited.backup_user) == (None, None, None)
    to_srt = checked(apply(before, Change(backup_url="srt://h2:1")))
    assert (to_srt.backup_user, to_srt.backup_password) == (None, None)


def test_passphrases_are_taken_out_of_push_targets() -> None:
    target = "srt://h3:9000?latency=50"
    tidy = checked(draft(push=(f"{target}&passphrase=seven%20bicycles", " srt://h4:1 ")))
    assert tidy.push == (target, "srt://h4:1")
    assert tidy.push_passphrases == {target: "seven bicycles"}
    assert checked(tidy) == tidy
    assert checked(draft(push=("srt://h4:1",))).push_passphrases is UNSET


def test_passphrases_beside_push_targets_are_named_as_those_are_kept() -> None:
    target = "srt://h3:1?latency=50"
    typed = " SRT://h3:1?latency=50&passphrase= "
    tidy = checked(draft(push=(typed,), push_passphrases={typed: "seven bicycles"}))
    assert (tidy.push, tidy.push_passphrases) == ((target,), {target: "seven bicycles"})
    gone = checked(draft(push=(target,), push_passphrases={target: ""}))
    assert gone.push_passphrases == {target: ""}, "what is kept is removed"
    fresh = checked(
        draft(push=(target, "srt://h4:1?passphrase=eight%20bicycles"), push_passphrases=None)
    )
    assert fresh.push_passphrases == {target: "", "srt://h4:1": "eight bicycles"}
    assert checked(fresh) == fresh


def test_a_camera_that_calls_us_is_not_called_on_demand() -> None:
    before = checked(draft(url="node://key:secret@core/gate?tls=verify", on_demand=False))
    assert (before.url, before.user) == ("node://core/gate?tls=verify", "key")
    waited = checked(apply(before, Change(url="publish:")))
    assert waited.on_demand is None


def test_a_passphrase_that_is_given_with_the_address_is_taken() -> None:
    before = checked(draft(user="ana"))
    after = checked(apply(before, Change(url="srt://h:9000", password="seven bicycles")))
    assert (after.user, after.password) == (None, "seven bicycles")


@given(st.builds(Change, url=st.text() | st.none(), sub_url=st.text(), backup_url=st.text()))
def test_any_change_makes_a_draft_that_is_kept_or_refused(change: Change) -> None:
    before = checked(draft(user="ana", backup_url="rtsp://bruno:x@h2/"))
    for one in (change, Change(url=""), Change(backup_url=" ")):
        try:
            tidy = checked(apply(before, one))
        except InvalidError:
            continue
        assert checked(tidy) == tidy


def test_search_knows_no_case_and_no_accents() -> None:
    assert search_key("Praça São JOSÉ") == search_key("praca sao jose")


@given(st.builds(Draft, name=st.text(), url=st.text() | st.none(), host=st.text() | st.none(),
                 maker=st.sampled_from(["axis", "generic", "x"]), user=st.text() | st.none(),
                 tags=st.lists(st.text()).map(tuple)))  # fmt: skip
def test_any_draft_is_kept_or_refused(any_draft: Draft) -> None:
    try:
        tidy = checked(any_draft)
    except InvalidError:
        return
    assert checked(tidy) == tidy
