"""A sheet of small pictures for each recorded hour: made after the hour, or when asked for.

Sheets are made one at a time by a worker that has the processor only while nobody else
wants it. What is missing is found from the disks, so a restart or a pause loses none.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

import msgspec

from vms.admin import Principal
from vms.common import (
    Clock,
    ConflictError,
    NotFoundError,
    StreamName,
    VmsError,
)
from vms.database import Database
from vms.engine import Event, RecordingControl
from vms.engine.recording import INVENTORY, PICTURE, InventoryRequest, Part, PictureRequest
from vms.engine.recording import Picture as Taken
from vms.recording.model import LATEST_US, SECOND_US
from vms.recording.pictures import PictureLooks, Workers
from vms.recording.sprite_files import HOUR_US, Sheet, SheetFiles, SheetIndex, Tile
from vms.telemetry import get_logger
from vms.transcode import Sprite

log = get_logger(__name__)

Sleep = Callable[[float], Awaitable[None]]

EVERY_US = 60 * SECOND_US
COLUMNS = 10
TILE_WIDTH = 160
# A part ends with the first key frame of the next hour, a minute after it at the latest.
CLOSED_US = 120 * SECOND_US
# How far back missing sheets are made by themselves: at the start, and from then on.
FIRST_HOURS, LATER_HOURS = 48, 3
MOST_A_ROUND = 500
RETRY_S = 60.0
# Of one job: pictures that do not fit are left out.
MOST_BYTES = 48 << 20
MOVED = "moved"
MEDIA_DOWN = "media_down"


@dataclass(frozen=True, slots=True)
class SpriteView:
    """A sheet, and the tag by which one that is known need not be sent again."""

    sheet: Sheet
    tag: str


@dataclass(frozen=True, slots=True)
class _Hour:
    camera: str
    hour: int


class Sprites:
    """Makes, keeps, shows and deletes sheets."""

    def __init__(
        self,
        database: Database,
        engine: RecordingControl,
        files: SheetFiles,
        workers: Workers,
        idlers: Workers,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._engine = engine
        self._files = files
        self._workers = workers
        self._idlers = idlers
        self._clock = clock
        self._sleep = sleep
        self._looks = PictureLooks(database, clock, "playback.sprite")
        self._making: dict[_Hour, asyncio.Task[Sheet]] = {}
        # What was removed while a sheet was made is not on it.
        self._removals = 0
        self._failed: set[_Hour] = set()

    async def at(self, who: Principal, camera: str, at_us: int) -> SpriteView:
        """Return the sheet of the hour of an instant; it is made where it is missing."""
        await self._looks.note(who, camera, at_us)
        wanted = _Hour(camera, at_us // HOUR_US)
        sheet = await asyncio.to_thread(self._files.read, camera, wanted.hour)
        if sheet is None:
            if not self._is_closed(wanted.hour):
                raise ConflictError(
                    "the hour has not ended: a sheet is made of whole hours",
                    code="hour_open",
                    values={"camera": camera},
                )
            sheet = await self._wanted_now(wanted)
        return SpriteView(sheet, hashlib.sha256(msgspec.msgpack.encode(sheet)).hexdigest()[:32])

    async def close(self) -> None:
        """End what is being made."""
        for task in self._making.values():
            task.cancel()
        await asyncio.gather(*self._making.values(), return_exceptions=True)
        await self._idlers.close()

    def note(self, event: Event) -> None:
        """Delete the sheets of what was removed or thinned, as the journal tells."""
        removed = event.values.get("removed")
        if event.kind != "recording" or removed in {None, MOVED}:
            return
        self._removals += 1
        begin, end = (int(event.values.get(name, 0)) for name in ("from_us", "to_us"))
        hours = set(range(begin // HOUR_US, -(-end // HOUR_US)))
        for hour in hours.intersection(self._files.hours(event.camera)):
            self._files.remove(event.camera, hour)

    async def run(self) -> None:
        """Make what is missing, for ever."""
        back, failing = FIRST_HOURS, False
        while True:
            try:
                more = await self._round(back)
                failing = False
                if more:
                    continue
                await self._sweep()
                back = LATER_HOURS
                self._failed.clear()
                pause_s = self._until_next_s()
            except VmsError as error:
                # Once an outage: it is tried again each minute.
                tell = log.debug if failing else log.warning
                tell("sprites_wait", code=error.code, detail=error.message)
                failing = True
                pause_s = RETRY_S
            await self._sleep(pause_s)

    # --- which are missing

    async def _round(self, back: int) -> bool:
        """Make sheets that are missing, the newest first; tell whether there are more."""
        now_us = self._clock.utc_us()
        until = (now_us - CLOSED_US) // HOUR_US
        begin = (until - back) * HOUR_US
        found = _hours(await self._parts((), begin, until * HOUR_US), until - back, until)
        missing = [one for one in found if one not in self._failed and not self._has(one)]
        missing.sort(key=lambda one: (-one.hour, one.camera))
        for one in missing[:MOST_A_ROUND]:
            try:
                await self._shared(one, found[one], self._idlers)
            except VmsError as error:
                if error.code == MEDIA_DOWN:
                    raise
                # Nothing in it can be shown now; this round goes on without it.
                self._failed.add(one)
                log.info("sprite_left_out", camera=one.camera, hour=one.hour, code=error.code)
        return len(missing) > MOST_A_ROUND

    async def _sweep(self) -> None:
        """Delete the sheets of what is not on any disk any more."""
        for camera in list(self._files.cameras()):
            parts = await self._parts((camera,), 0, LATEST_US)
            kept = {hour for part in parts for hour in _touched(part)}
            for hour in set(self._files.hours(camera)) - kept:
                self._files.remove(camera, hour)

    def _has(self, one: _Hour) -> bool:
        return self._files.has(one.camera, one.hour)

    def _is_closed(self, hour: int) -> bool:
        return (hour + 1) * HOUR_US + CLOSED_US <= self._clock.utc_us()

    def _until_next_s(self) -> float:
        now_us = self._clock.utc_us() - CLOSED_US
        return max(1.0, (HOUR_US - now_us % HOUR_US) / SECOND_US)

    async def _parts(self, cameras: tuple[str, ...], from_us: int, to_us: int) -> list[Part]:
        found: list[Part] = []
        after: str | None = None
        while True:
            request = InventoryRequest(cameras, from_us, to_us, after)
            page, _data = await self._engine.recording(INVENTORY, request)
            found += page.parts
            if page.next is None or page.next == after:
                return found
            after = page.next

    # --- making one

    async def _wanted_now(self, wanted: _Hour) -> Sheet:
        begin = wanted.hour * HOUR_US
        parts = await self._parts((wanted.camera,), begin, begin + HOUR_US)
        streams = _hours(parts, wanted.hour, wanted.hour + 1).get(wanted)
        if streams is None:
            raise NotFoundError(
                f"nothing of camera {wanted.camera} was recorded in that hour", code="no_recording"
            )
        return await self._shared(wanted, streams, self._workers)

    async def _shared(
        self, wanted: _Hour, streams: Sequence[StreamName], workers: Workers
    ) -> Sheet:
        """Make a sheet once for all who want it now."""
        task = self._making.get(wanted)
        if task is None:
            task = asyncio.create_task(self._made(wanted, streams, workers))
            self._making[wanted] = task
            task.add_done_callback(lambda _: self._making.pop(wanted, None))
        return await asyncio.shield(task)

    async def _made(self, wanted: _Hour, streams: Sequence[StreamName], workers: Workers) -> Sheet:
        removals = self._removals
        sheet = None
        for stream in streams:
            sheet = await self._sheet(wanted, stream, workers)
            if sheet is not None:
                break
        if sheet is None:
            raise NotFoundError(
                f"no picture of camera {wanted.camera} is left of that hour", code="no_recording"
            )
        if removals == self._removals:
            await asyncio.to_thread(self._files.write, wanted.hour, sheet)
        return sheet

    async def _sheet(self, wanted: _Hour, stream: StreamName, workers: Workers) -> Sheet | None:
        begin = wanted.hour * HOUR_US
        taken = await self._taken(wanted.camera, stream, begin)
        if not taken:
            return None
        first = taken[0][0]
        # A sheet is of one codec: where it changed in the hour, the first one's.
        taken = [one for one in taken if one[0].codec == first.codec]
        high = max(2, round(first.height * TILE_WIDTH / max(1, first.width)))
        job = Sprite(first.codec, tuple(data for _, data in taken), COLUMNS, TILE_WIDTH, high)
        made = await workers.run(job)
        tiles = tuple(
            Tile(told.at_us, n % COLUMNS * TILE_WIDTH, n // COLUMNS * high)
            for n, (told, _) in enumerate(taken)
            if n not in made.missing
        )
        index = SheetIndex(
            camera=wanted.camera,
            stream=stream,
            from_us=begin,
            to_us=begin + HOUR_US,
            width=made.width,
            height=made.height,
            tile_width=TILE_WIDTH,
            tile_height=high,
            every_us=EVERY_US,
            tiles=tiles,
        )
        return Sheet(index, made.data)

    async def _taken(
        self, camera: str, stream: StreamName, begin: int
    ) -> list[tuple[Taken, bytes]]:
        """Return a key frame of each minute that has one."""
        found: list[tuple[Taken, bytes]] = []
        size = 0
        # What is asked for is the key frame before it: the middle of the minute has one in it.
        for at_us in range(begin + EVERY_US // 2, begin + HOUR_US, EVERY_US):
            try:
                request = PictureRequest(camera, stream, at_us)
                told, data = await self._engine.recording(PICTURE, request)
            except NotFoundError:
                break
            # It is the next one after a gap too.
            if abs(told.at_us - at_us) > EVERY_US // 2 or size + len(data) > MOST_BYTES:
                continue
            size += len(data)
            found.append((told, data))
        return found


def _touched(part: Part) -> range:
    return range(part.from_us // HOUR_US, (part.to_us - 1) // HOUR_US + 1)


def _hours(parts: Iterable[Part], first: int, end: int) -> dict[_Hour, tuple[StreamName, ...]]:
    """Return which streams there are of each hour, the cheapest first: the sub-stream."""
    found: dict[_Hour, set[StreamName]] = {}
    for part in parts:
        for hour in _touched(part):
            if first <= hour < end and part.keys:
                found.setdefault(_Hour(part.camera, hour), set()).add(part.stream)
    order = (StreamName.SUB, StreamName.MAIN)
    return {one: tuple(s for s in order if s in streams) for one, streams in found.items()}
