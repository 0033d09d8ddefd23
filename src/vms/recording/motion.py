"""Recording on motion: who is watched for it, and what motion makes the recorder do."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from typing import Protocol

from vms.common import StreamName, VmsError
from vms.engine import CameraWish, DesiredState, RecordingControl, RecordMode
from vms.engine.recording import TRIGGER, TriggerRequest
from vms.telemetry import get_logger
from vms.transcode import Lost, Moved, Watch

log = get_logger(__name__)

# What could not be watched is tried again so often: its stream may not have begun.
AGAIN_S = 5.0
# Each telling of motion holds for so long; while it goes on it is told again.
HOLDS_US = 3_000_000
TOLD_EVERY_US = 1_000_000


class Watching(Protocol):
    """Whoever looks at pictures: ``vms.transcode.MotionWorker``."""

    async def watch(self, order: Watch, stream: str) -> None:
        """Look at a stream from now on."""
        ...

    async def unwatch(self, camera: str) -> None:
        """Look at a camera no more."""
        ...

    def news(self) -> AsyncIterator[Moved | Lost]:
        """Yield what moves; ends with the process, whose cameras are then watched no more."""
        ...

    async def close(self) -> None:
        """End the process."""
        ...


def watched_stream(wish: CameraWish) -> str | None:
    """Return the stream in which motion is looked for: the small one, where there is one."""
    if not wish.enabled or not isinstance(wish.record, dict):
        return None
    if not any(one.mode is RecordMode.EVENT for one in wish.record.values()):
        return None
    stream = StreamName.SUB if StreamName.SUB in wish.streams else StreamName.MAIN
    return f"{wish.id}/{stream}"


class MotionWatch:
    """Keeps a worker looking at the cameras that record on motion, and triggers their recorders."""

    def __init__(self, worker: Watching, engine: RecordingControl) -> None:
        self._worker = worker
        self._engine = engine
        self._wanted: dict[str, str] = {}
        self._watched: dict[str, str] = {}
        self._told_us: dict[str, int] = {}
        self._changed = asyncio.Event()

    def want(self, desired: DesiredState) -> None:
        """Take what should run now."""
        streams = ((wish.id, watched_stream(wish)) for wish in desired.cameras)
        wanted = {camera: stream for camera, stream in streams if stream is not None}
        if wanted != self._wanted:
            self._wanted = wanted
            self._changed.set()

    async def run(self) -> None:
        """Watch and tell, for ever."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep_watching())
                group.create_task(self._keep_telling())
        finally:
            await self._worker.close()

    async def _keep_watching(self) -> None:
        while True:
            self._changed.clear()
            await self._forget(set(self._watched) - set(self._wanted))
            changed = [c for c, stream in self._wanted.items() if self._watched.get(c) != stream]
            await self._begin(changed)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), AGAIN_S)

    async def _forget(self, cameras: Iterable[str]) -> None:
        for camera in cameras:
            self._watched.pop(camera, None)
            try:
                await self._worker.unwatch(camera)
            except VmsError as error:
                log.info("motion_unwatch_failed", camera=camera, code=error.code)

    async def _begin(self, cameras: Iterable[str]) -> None:
        for camera in cameras:
            stream = self._wanted[camera]
            try:
                await self._worker.watch(Watch(camera), stream)
            except VmsError as error:
                log.warning("motion_not_watched", camera=camera, stream=stream, detail=str(error))
            else:
                self._watched[camera] = stream

    async def _keep_telling(self) -> None:
        while True:
            async for news in self._worker.news():
                if isinstance(news, Lost):
                    self._watched.pop(news.camera, None)
                elif news.moving:
                    await self._tell(news)
            # The process ended; all are watched again by the next one.
            self._watched.clear()
            self._changed.set()

    async def _tell(self, moved: Moved) -> None:
        if moved.utc_us - self._told_us.get(moved.camera, 0) < TOLD_EVERY_US:
            return
        self._told_us[moved.camera] = moved.utc_us
        asked = TriggerRequest(moved.camera, "motion", moved.utc_us, moved.utc_us + HOLDS_US)
        try:
            await self._engine.recording(TRIGGER, asked)
        except VmsError as error:
            log.warning("motion_not_told", camera=moved.camera, code=error.code)
