"""Who is watched for motion, and what the recorder is told of it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from recorder import BEGIN_US, FakeRecorder
from vms.common import StreamName, UnavailableError
from vms.engine import CameraWish, DesiredState, RecordMode, StreamRecord, StreamSource
from vms.engine import recording as calls
from vms.recording import MotionWatch
from vms.transcode import Lost, Moved, Watch

from .conftest import until

SECOND_US = 1_000_000


@dataclass
class Worker:
    """Watches nothing, and says what a test wants."""

    watched: dict[str, str] = field(default_factory=dict)
    orders: list[str] = field(default_factory=list)
    queue: asyncio.Queue[Moved | Lost | None] = field(default_factory=asyncio.Queue)
    refuse: bool = False
    closed: bool = False

    async def watch(self, order: Watch, stream: str) -> None:
        """Remember it."""
        self.orders.append(f"+{stream}")
        if self.refuse:
            raise UnavailableError("no frames", code="frames_unavailable")
        self.watched[order.camera] = stream

    async def unwatch(self, camera: str) -> None:
        """Forget it."""
        self.orders.append(f"-{camera}")
        self.watched.pop(camera, None)

    async def news(self) -> AsyncIterator[Moved | Lost]:
        """Yield what the test put; nothing: the process ended."""
        while (one := await self.queue.get()) is not None:
            yield one

    async def close(self) -> None:
        """Remember it."""
        self.closed = True


def wish(name: str, mode: RecordMode, *, sub: bool = True, enabled: bool = True) -> CameraWish:
    streams = {StreamName.MAIN: StreamSource("rtsp://192.0.2.1/main")}
    if sub:
        streams[StreamName.SUB] = StreamSource("rtsp://192.0.2.1/sub")
    record = {StreamName.MAIN: StreamRecord(mode)}
    return CameraWish(name, streams, enabled=enabled, record=record)


@contextlib.asynccontextmanager
async def watching(
    *wishes: CameraWish, worker: Worker | None = None
) -> AsyncIterator[tuple[MotionWatch, Worker, FakeRecorder]]:
    worker, recorder = worker or Worker(), FakeRecorder()
    watch = MotionWatch(worker, recorder)
    watch.want(DesiredState(1, wishes))
    task = asyncio.create_task(watch.run())
    yield watch, worker, recorder
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert worker.closed


async def test_cameras_that_record_on_events_are_watched_in_their_small_stream() -> None:
    wishes = (
        wish("gate", RecordMode.EVENT),
        wish("yard", RecordMode.EVENT, sub=False),
        wish("pier", RecordMode.CONTINUOUS),
        wish("roof", RecordMode.EVENT, enabled=False),
    )
    async with watching(*wishes) as (watch, worker, _):
        await until(lambda: worker.watched == {"gate": "gate/sub", "yard": "yard/main"})
        watch.want(DesiredState(2, (wish("pier", RecordMode.EVENT),)))
        await until(lambda: worker.watched == {"pier": "pier/sub"})


async def test_motion_triggers_the_recorder_once_a_second_while_it_lasts() -> None:
    async with watching(wish("gate", RecordMode.EVENT)) as (_, worker, recorder):
        for n in range(15):
            worker.queue.put_nowait(Moved("gate", BEGIN_US + n * 200_000, True, 0.1))
        worker.queue.put_nowait(Moved("gate", BEGIN_US + 5 * SECOND_US, False, 0.0))
        await until(lambda: worker.queue.empty() and len(recorder.triggers) == 3)
        assert recorder.triggers == [
            calls.TriggerRequest("gate", "motion", at, at + 3 * SECOND_US)
            for at in (BEGIN_US + n * SECOND_US for n in range(3))
        ]


async def test_a_lost_ring_and_a_dead_process_are_watched_again() -> None:
    async with watching(wish("gate", RecordMode.EVENT)) as (watch, worker, _):
        await until(lambda: worker.orders == ["+gate/sub"])
        worker.queue.put_nowait(None)
        await until(lambda: worker.orders == ["+gate/sub"] * 2)
        worker.queue.put_nowait(Lost("gate"))
        await until(worker.queue.empty)
        watch.want(DesiredState(2, (wish("gate", RecordMode.EVENT), wish("a", RecordMode.EVENT))))
        await until(lambda: worker.orders.count("+gate/sub") == 3)


async def test_a_recorder_that_is_away_stops_nothing() -> None:
    async with watching(wish("gate", RecordMode.EVENT)) as (_, worker, recorder):
        recorder.away = True
        worker.queue.put_nowait(Moved("gate", BEGIN_US, True, 0.1))
        await until(worker.queue.empty)
        recorder.away = False
        worker.queue.put_nowait(Moved("gate", BEGIN_US + 2 * SECOND_US, True, 0.1))
        await until(lambda: len(recorder.triggers) == 1)


async def test_what_cannot_be_watched_is_no_end() -> None:
    worker = Worker(refuse=True)
    async with watching(wish("gate", RecordMode.EVENT), worker=worker) as (watch, worker, _):
        await until(lambda: worker.orders == ["+gate/sub"])
        worker.refuse = False
        watch.want(DesiredState(2, (wish("gate", RecordMode.EVENT), wish("a", RecordMode.EVENT))))
        await until(lambda: worker.watched == {"gate": "gate/sub", "a": "a/sub"})
