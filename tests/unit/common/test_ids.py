"""Ids: what is one and what is not."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.common import (
    CAMERA_ID_PATTERN,
    RESERVED_IDS,
    InvalidError,
    StreamName,
    camera_id,
    new_id,
    stream_ref,
)


@pytest.mark.parametrize("text", ["a", "0", "gate", "gate_1-north", "a" * 63])
def test_ids_that_are_allowed(text: str) -> None:
    assert camera_id(text) == text


@pytest.mark.parametrize(
    "text", ["", "-a", "_a", "Gate", "a/b", "a b", "a" * 64, "ä", "gate\n", "..", "a.b"]
)
def test_ids_that_are_refused_say_what_is_allowed(text: str) -> None:
    with pytest.raises(InvalidError, match="allowed are 1 to 63") as caught:
        camera_id(text)
    assert caught.value.code == "camera_id_invalid"
    assert repr(text) in caught.value.message


@pytest.mark.parametrize("text", sorted(RESERVED_IDS))
def test_reserved_ids_are_refused(text: str) -> None:
    with pytest.raises(InvalidError, match="reserved"):
        camera_id(text)


@given(st.from_regex(CAMERA_ID_PATTERN, fullmatch=True))
def test_the_pattern_is_the_rule(text: str) -> None:
    if text not in RESERVED_IDS:
        assert camera_id(text) == text
    assert re.fullmatch(r"[a-z0-9_-]+", text)


@pytest.mark.parametrize(
    ("text", "stream"),
    [("gate", StreamName.MAIN), ("gate/main", StreamName.MAIN), ("gate/sub", StreamName.SUB)],
)
def test_a_stream_is_named_by_camera_and_stream(text: str, stream: StreamName) -> None:
    ref = stream_ref(text)
    assert (ref.camera, ref.stream) == ("gate", stream)
    assert str(ref) == f"gate/{stream}"


@pytest.mark.parametrize("text", ["gate/third", "gate/", "/main", "gate/main/x", "sub"])
def test_what_is_no_stream_is_refused(text: str) -> None:
    with pytest.raises(InvalidError):
        stream_ref(text)


def test_new_ids_are_camera_ids_differ_and_sort_by_time() -> None:
    ids = [new_id() for _ in range(1000)]
    assert len(set(ids)) == len(ids)
    assert all(camera_id(text) == text and len(text) == 23 for text in ids)
    assert ids == sorted(ids), "in the order of making, within a millisecond too"


def test_new_ids_sort_when_the_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    first = new_id()
    monkeypatch.setattr("time.time_ns", lambda: 1_000_000_000_000_000_000)
    assert first < new_id() < new_id()


def test_new_ids_of_several_threads_differ() -> None:
    with ThreadPoolExecutor(4) as pool:
        ids = list(pool.map(lambda _: new_id(), range(4_000)))
    assert len(set(ids)) == len(ids)
