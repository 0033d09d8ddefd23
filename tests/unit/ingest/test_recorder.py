"""From states of streams to history: real changes alone, none lost, none told twice."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence

import pytest

from doubles import UTC_US
from vms.cameras import CameraState, Known, StreamChange, Transition, Why
from vms.common import StreamName, UnavailableError
from vms.engine import Reason, StreamState
from vms.ingest import MEDIA_DOWN, StatusRecorder, StreamView

ONLINE, OFFLINE, OFF, UNKNOWN = CameraState
CONNECTING, LIVE, STALLED, BACKING_OFF, IDLE, SWITCHED_OFF = StreamState
DARK, WRONG, DNS = Reason("no_video"), Reason("wrong_password"), Reason("dns")
MAIN, SUB = StreamName
S = 1_000_000

Row = tuple[CameraState, str | None, int, bool]


class Kept:
    """History in memory."""

    def __init__(self, known: Mapping[tuple[str, StreamName], Known] | None = None) -> None:
        self.known = dict(known or {})
        self.changes: list[StreamChange] = []
        self.batches = 0
        self.beats = 0
        self.ended = False
        self.away = False

    def _answer(self) -> None:
        if self.away:
            raise UnavailableError("away", code="database_unavailable")

    async def begin(self) -> Mapping[tuple[str, StreamName], Known]:
        self._answer()
        return self.known

    async def append(self, changes: Sequence[StreamChange]) -> None:
        self._answer()
        self.batches += 1
        self.changes += changes

    async def beat(self) -> None:
        self._answer()
        self.beats += 1

    async def end(self) -> None:
        self._answer()
        self.ended = True


def view(
    state: StreamState,
    at_s: int,
    reason: Reason | None = None,
    *,
    camera: str = "gate",
    stream: StreamName = MAIN,
) -> StreamView:
    return StreamView(
        camera=camera,
        name=camera,
        stream=stream,
        state=state,
        reason=reason,
        codec=None,
        width=None,
        height=None,
        fps=None,
        bitrate=0,
        readers=0,
        drops=0,
        reconnects=0,
        clock_offset_ms=None,
        since_utc_us=UTC_US + at_s * S,
    )


def rows(kept: Kept) -> list[Row]:
    return [
        (
            change.transition.state,
            change.transition.reason and change.transition.reason.code,
            (change.transition.at_us - UTC_US) // S,
            change.announced,
        )
        for change in kept.changes
    ]


async def _no_pause(_seconds: float) -> None:
    await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def recording(kept: Kept) -> AsyncIterator[StatusRecorder]:
    """Run a recorder; all that was noted is written when it has stopped."""
    recorder = StatusRecorder(kept, {"gate": "sp", "yard": "rj"}.get, _no_pause)
    task = asyncio.create_task(recorder.run())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    try:
        yield recorder
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def play(kept: Kept, *views: StreamView) -> list[Row]:
    async with recording(kept) as recorder:
        for one in views:
            recorder.note(one)
    return rows(kept)


async def test_only_live_and_not_live_are_news() -> None:
    played = await play(
        Kept(),
        view(CONNECTING, 0),
        view(LIVE, 1),
        view(STALLED, 10, DARK),
        view(BACKING_OFF, 15, DARK),
        view(CONNECTING, 16, DARK),
        view(BACKING_OFF, 17, DNS),
        view(CONNECTING, 18, DNS),
        view(LIVE, 20),
    )
    assert played == [
        (ONLINE, None, 1, True),
        (OFFLINE, "no_video", 10, True),
        (ONLINE, None, 20, True),
    ]


async def test_a_stream_that_nobody_views_is_neither_lost_nor_found_again() -> None:
    unviewed = Reason("no_viewer")
    played = await play(
        Kept(),
        view(IDLE, 0, unviewed),
        view(CONNECTING, 1, unviewed),
        view(LIVE, 2),
        view(IDLE, 30, unviewed),
        view(LIVE, 60),
        view(BACKING_OFF, 70, DNS),
    )
    assert played == [
        (ONLINE, None, 2, True),
        (UNKNOWN, "no_viewer", 30, False),
        (ONLINE, None, 60, False),
        (OFFLINE, "dns", 70, True),
    ]


async def test_another_reason_is_kept_now_and_then() -> None:
    played = await play(
        Kept(),
        view(BACKING_OFF, 0, DARK),
        view(BACKING_OFF, 29, DNS),
        view(BACKING_OFF, 31, DNS),
        view(BACKING_OFF, 40, WRONG),
        view(BACKING_OFF, 90, DNS),
        view(BACKING_OFF, 95, WRONG),
    )
    assert played == [
        (OFFLINE, "no_video", 0, True),
        (OFFLINE, "dns", 31, False),
        (OFFLINE, "wrong_password", 95, False),
    ]


UNCALLED = Reason("no_publisher")


async def test_a_camera_that_does_not_call_is_offline_after_a_beat_or_two() -> None:
    kept = Kept()
    async with recording(kept) as recorder:
        recorder.note(view(CONNECTING, 3, UNCALLED))
        assert kept.changes == []
        async with asyncio.timeout(30):
            while not kept.changes:
                await asyncio.sleep(0)
        beats = kept.beats
        async with asyncio.timeout(30):
            while kept.beats < beats + 4:
                await asyncio.sleep(0)
        recorder.note(view(LIVE, 90))
    assert rows(kept) == [(OFFLINE, "no_publisher", 3, True), (ONLINE, None, 90, True)]


async def test_why_a_camera_hung_up_stays_however_long_it_is_waited_for() -> None:
    kept = Kept()
    async with recording(kept) as recorder:
        recorder.note(view(LIVE, 0))
        recorder.note(view(BACKING_OFF, 95, Reason("camera_closed")))
        recorder.note(view(CONNECTING, 95, UNCALLED))
        beats = kept.beats
        async with asyncio.timeout(30):
            while kept.beats < beats + 4:
                await asyncio.sleep(0)
    assert rows(kept) == [(ONLINE, None, 0, True), (OFFLINE, "camera_closed", 95, True)]


async def test_a_camera_that_calls_again_after_a_restart_of_ours_is_no_news() -> None:
    kept = Kept({("gate", MAIN): Known(Transition(UTC_US, UNKNOWN), live=True)})
    played = await play(kept, view(CONNECTING, 1, UNCALLED), view(LIVE, 4))
    assert played == [(ONLINE, None, 4, False)]


async def test_a_switch_is_no_outage() -> None:
    played = await play(
        Kept(),
        view(LIVE, 0),
        view(SWITCHED_OFF, 5, Reason("disabled")),
        view(CONNECTING, 10),
        view(LIVE, 11),
    )
    assert played == [
        (ONLINE, None, 0, True),
        (OFF, None, 5, False),
        (UNKNOWN, None, 10, False),
        (ONLINE, None, 11, True),
    ]


async def test_without_a_media_process_nobody_watches_and_nobody_is_told() -> None:
    played = await play(
        Kept(),
        view(LIVE, 0),
        view(CONNECTING, 5, MEDIA_DOWN),
        view(CONNECTING, 7),
        view(LIVE, 8),
        view(CONNECTING, 20, MEDIA_DOWN),
        view(BACKING_OFF, 25, DARK),
    )
    assert played == [
        (ONLINE, None, 0, True),
        (UNKNOWN, "unavailable", 5, False),
        (ONLINE, None, 8, False),
        (UNKNOWN, "unavailable", 20, False),
        (OFFLINE, "no_video", 25, True),
    ]


@pytest.mark.parametrize(
    ("was_live", "now", "announced"),
    [
        (True, view(LIVE, -100), False),
        (False, view(BACKING_OFF, 3, DARK), False),
        (True, view(BACKING_OFF, 3, DARK), True),
        (False, view(LIVE, 3), True),
    ],
)
async def test_a_restart_of_ours_is_no_news(
    *, was_live: bool, now: StreamView, announced: bool
) -> None:
    kept = Kept({("gate", MAIN): Known(Transition(UTC_US, UNKNOWN), was_live)})
    ((_, _, at_s, told),) = await play(kept, now)
    # Whoever was live all the time fills the gap: the row takes the place of the unknown one.
    assert (at_s, told) == (max(0, (now.since_utc_us - UTC_US) // S), announced)


async def test_the_main_stream_speaks_for_the_camera() -> None:
    assert await play(Kept(), view(LIVE, 0, stream=SUB)) == [(ONLINE, None, 0, False)]


async def test_a_camera_that_is_not_there_leaves_no_trace() -> None:
    assert await play(Kept(), view(LIVE, 0, camera="gone")) == []


async def test_each_row_knows_its_city() -> None:
    kept = Kept()
    await play(kept, view(LIVE, 0), view(LIVE, 0, camera="yard"))
    assert [(change.camera, change.city) for change in kept.changes] == [
        ("gate", "sp"),
        ("yard", "rj"),
    ]


async def test_what_is_heard_before_the_history_was_read_counts_too() -> None:
    kept = Kept()
    kept.away = True
    async with recording(kept) as recorder:
        recorder.note(view(LIVE, 1))
        recorder.note(view(BACKING_OFF, 2, DARK))
        await asyncio.sleep(0)
        kept.away = False
        async with asyncio.timeout(30):
            while not kept.changes:
                await asyncio.sleep(0)
    assert rows(kept) == [(OFFLINE, "no_video", 2, True)]


async def test_changes_wait_for_a_database_that_is_away() -> None:
    kept = Kept()
    async with recording(kept) as recorder:
        kept.away = True
        recorder.note(view(LIVE, 1))
        for _ in range(20):
            await asyncio.sleep(0)
        recorder.note(view(BACKING_OFF, 2, DARK))
        kept.away = False
    assert [row[2] for row in rows(kept)] == [1, 2]
    assert kept.ended


async def test_many_changes_are_one_batch() -> None:
    kept = Kept()
    async with recording(kept) as recorder:
        for number in range(500):
            state, reason = ((LIVE, None), (STALLED, DARK))[number % 2]
            recorder.note(view(state, number, reason))
        async with asyncio.timeout(30):
            while not kept.changes:
                await asyncio.sleep(0)
    assert (len(kept.changes), kept.batches) == (500, 1)


async def test_somebody_who_follows_says_so_and_says_when_he_stops() -> None:
    kept = Kept()
    async with recording(kept):
        async with asyncio.timeout(30):
            while kept.beats < 3:
                await asyncio.sleep(0)
        assert not kept.ended
    assert kept.ended


async def test_reasons_keep_their_values() -> None:
    kept = Kept()
    await play(kept, view(BACKING_OFF, 0, Reason("unknown_codec", {"codec": "MJPEG"})))
    assert kept.changes[0].transition.reason == Why("unknown_codec", {"codec": "MJPEG"})
