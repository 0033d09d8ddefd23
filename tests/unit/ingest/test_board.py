"""The board: what is known of streams, and who hears of a change."""

import msgspec

from doubles import UTC_US, desired, event, status, wish
from vms.common import StreamName
from vms.engine import PushStatus, Reason, StreamState
from vms.ingest import MEDIA_DOWN, StreamBoard

TWO = desired(wish("gate", StreamName.MAIN, StreamName.SUB), wish("yard", enabled=False))


def board() -> StreamBoard:
    made = StreamBoard()
    made.expect(TWO.cameras, UTC_US)
    return made


def test_streams_are_there_before_anybody_reported() -> None:
    views = board().views()
    assert [(v.camera, v.stream, v.state) for v in views] == [
        ("gate", "main", StreamState.CONNECTING),
        ("gate", "sub", StreamState.CONNECTING),
        ("yard", "main", StreamState.OFF),
    ]
    assert [v.name for v in views] == ["Gate", "Gate", "Yard"]


def test_a_report_tells_of_what_is_expected_alone() -> None:
    it = board()
    it.replace([status("gate"), status("yard"), status("new")])
    it.replace([status("gate"), status("new")])
    assert [(v.camera, v.name, v.state) for v in it.views()] == [
        ("gate", "Gate", StreamState.LIVE),
        # Not called yet, or not any more.
        ("gate", "Gate", StreamState.CONNECTING),
        ("yard", "Yard", StreamState.OFF),
    ]


def test_a_listener_hears_every_step_of_a_state() -> None:
    heard: list[tuple[str, StreamState, Reason | None]] = []
    it = StreamBoard(lambda view: heard.append((view.camera, view.state, view.reason)))
    it.expect(desired(wish("gate")).cameras, UTC_US)
    it.replace([status("gate")])
    it.replace([status("gate", bitrate=5)])
    dark = Reason("no_video")
    it.note([event(1, "gate", StreamState.STALLED, dark), event(2, "gate", StreamState.LIVE)])
    it.media_down(UTC_US)
    it.media_down(UTC_US + 1)
    assert heard == [
        ("gate", StreamState.CONNECTING, None),
        ("gate", StreamState.LIVE, None),
        ("gate", StreamState.STALLED, dark),
        ("gate", StreamState.LIVE, None),
        ("gate", StreamState.CONNECTING, MEDIA_DOWN),
    ]


def test_that_the_second_address_plays_is_a_change_and_told_by_report_and_event() -> None:
    it = board()
    it.replace([status("gate")])
    version = it.version
    live = event(1, "gate", StreamState.LIVE)
    it.note([msgspec.structs.replace(live, values={"backup": True})])
    assert [view.backup for view in it.changed_since(version)] == [True]
    version = it.version
    it.note([live])
    assert [view.backup for view in it.changed_since(version)] == [False]
    it.replace([msgspec.structs.replace(status("gate"), backup=True)])
    assert it.views()[0].backup


def test_a_new_state_is_a_change_and_new_numbers_are_not() -> None:
    it = board()
    it.replace([status("gate")])
    seen = it.version
    it.replace([status("gate", bitrate=5)])
    assert (it.version, it.changed_since(seen)) == (seen, [])
    assert it.views()[0].bitrate == 5
    it.note([event(1, "gate", StreamState.STALLED, Reason("no_video"))])
    (changed,) = it.changed_since(seen)
    assert (changed.state, changed.reason) == (StreamState.STALLED, Reason("no_video"))
    assert it.changed_since(it.version) == []


def test_who_missed_steps_gets_the_last_word() -> None:
    it = board()
    seen = it.version
    it.note([event(n, "gate", state) for n, state in enumerate(StreamState)])
    (changed,) = it.changed_since(seen)
    assert changed.state == list(StreamState)[-1]


def test_layout_moves_only_when_streams_come_or_go() -> None:
    it = board()
    it.replace([status("gate")])
    layout = it.layout
    it.note([event(1, "gate")])
    it.replace([status("gate"), status("yard")])
    it.expect(TWO.cameras, UTC_US)
    assert it.layout == layout
    it.expect(TWO.cameras[:1], UTC_US)
    assert it.layout > layout


def test_an_event_of_an_unknown_stream_is_left() -> None:
    it = board()
    seen = it.version
    it.note([event(1, "elsewhere")])
    assert it.version == seen


def test_without_a_media_process_streams_say_so() -> None:
    it = board()
    pushed = (PushStatus("198.51.100.7:1935", StreamState.LIVE),)
    gate_up = msgspec.structs.replace(status("gate"), push=pushed)
    it.replace([gate_up, status("yard", state=StreamState.OFF)])
    assert it.views()[0].push == pushed
    it.media_down(UTC_US + 5)
    gate, _, yard = it.views()
    assert (gate.state, gate.reason, gate.fps, gate.bitrate) == (
        StreamState.CONNECTING,
        MEDIA_DOWN,
        None,
        0,
    )
    assert gate.push == ()
    assert yard.state == StreamState.OFF


def test_frames_a_second_are_told_of_live_streams_alone() -> None:
    it = board()
    it.replace([status("gate", state=StreamState.STALLED), status("yard")])
    assert [v.fps for v in it.views()] == [None, None, 25.0]


def test_known_streams_stay_as_they_are_when_the_wish_is_the_same() -> None:
    it = board()
    it.replace([status("gate")])
    it.expect(desired(wish("gate")).cameras, UTC_US)
    assert it.views()[0].state == StreamState.LIVE
