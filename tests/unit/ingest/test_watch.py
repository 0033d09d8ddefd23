"""The watcher: board and media process in step, through restarts."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from doubles import FakeMedia, desired, event, status, wish
from vms.common import CameraId, ConflictError, ManualClock, StreamName, StreamRef
from vms.engine import Applied, DesiredState, StreamState
from vms.ingest import MEDIA_DOWN, IngestWatch

STATE = desired(wish("gate"), wish("yard"))


async def _no_pause(_seconds: float) -> None:
    await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def watching(media: FakeMedia, clock: ManualClock) -> AsyncIterator[IngestWatch]:
    watch = IngestWatch(media, STATE, clock, sleep=_no_pause)
    task = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(watch: IngestWatch, *, connected: bool) -> None:
    async with asyncio.timeout(5):
        while watch.connected is not connected:
            await asyncio.sleep(0)


@pytest.fixture
def media() -> FakeMedia:
    made = FakeMedia()
    made.report = (status("gate"), status("yard"))
    return made


async def test_the_wish_is_applied_where_another_one_runs(media: FakeMedia) -> None:
    media.held = desired(wish("old"), generation=41)
    media.digest = media.held.digest()
    async with watching(media, ManualClock()) as watch:
        await until(watch, connected=True)
    assert [(state.generation, state.cameras) for state in media.applied] == [(42, STATE.cameras)]


async def test_it_tells_where_the_media_process_listens(media: FakeMedia) -> None:
    watch = IngestWatch(media, STATE, ManualClock())
    assert watch.listeners == {}
    async with watching(media, ManualClock()) as watch:
        await until(watch, connected=True)
        assert watch.listeners["rtsp"] == "127.0.0.1:8554"
        assert "webrtc_udp" not in watch.listeners


async def test_nothing_is_applied_where_the_wish_runs_already(media: FakeMedia) -> None:
    media.held, media.digest = STATE, STATE.digest()
    async with watching(media, ManualClock()) as watch:
        await until(watch, connected=True)
        media.restart("two")
        await until(watch, connected=False)
        await until(watch, connected=True)
    assert media.applied == []


async def test_another_worker_that_was_quicker_is_no_trouble() -> None:
    class Raced(FakeMedia):
        async def apply(self, wished: DesiredState) -> Applied:
            self.held, self.digest = wished, wished.digest()
            raise ConflictError("generation 1 is taken")

    async with watching(Raced(), ManualClock()) as watch:
        await until(watch, connected=True)


async def test_events_reach_the_board_at_once(media: FakeMedia) -> None:
    async with watching(media, ManualClock()) as watch:
        await until(watch, connected=True)
        waiting = asyncio.create_task(watch.wait_for_change())
        await asyncio.sleep(0)
        media.journal.extend([event(0, "gate", StreamState.STALLED)])
        await asyncio.wait_for(waiting, 5)
        assert watch.board.views()[0].state == StreamState.STALLED
        assert watch.cursor == 1


async def test_a_media_process_that_goes_away_is_told_and_found_again(media: FakeMedia) -> None:
    async with watching(media, ManualClock()) as watch:
        await until(watch, connected=True)
        media.away = True
        media.restart("two")
        await until(watch, connected=False)
        assert [view.reason for view in await watch.streams()] == [MEDIA_DOWN, MEDIA_DOWN]
        media.away = False
        await until(watch, connected=True)
        assert {view.state for view in await watch.streams()} == {StreamState.LIVE}


async def test_a_report_is_asked_for_when_the_last_is_old(media: FakeMedia) -> None:
    clock = ManualClock()
    async with watching(media, clock) as watch:
        await until(watch, connected=True)
        asked = media.asked
        await watch.streams()
        assert media.asked == asked
        clock.advance(1)
        await asyncio.gather(*(watch.streams() for _ in range(10)))
        assert media.asked == asked + 1
        clock.advance(1)
        one = await watch.stream(StreamRef(CameraId("gate"), StreamName.MAIN))
        assert media.asked == asked + 2
        assert one == watch.board.views()[0]


async def test_who_asks_first_waits_for_the_first_contact(media: FakeMedia) -> None:
    async with watching(media, ManualClock()) as watch:
        assert {view.state for view in await watch.streams()} == {StreamState.LIVE}


async def test_the_board_answers_while_the_media_process_just_went(media: FakeMedia) -> None:
    clock = ManualClock()
    async with watching(media, clock) as watch:
        await until(watch, connected=True)
        clock.advance(1)
        media.away = True
        assert len(await watch.streams()) == 2


async def test_events_that_are_gone_make_it_ask_again(media: FakeMedia) -> None:
    async with watching(media, ManualClock()) as watch:
        await until(watch, connected=True)
        asked = media.asked
        media.journal.extend([event(5, "gate", StreamState.LIVE)])
        async with asyncio.timeout(5):
            while media.asked == asked:
                await asyncio.sleep(0)
