"""Keeps the catalogue level with the disks, through the absence of anything.

The journal only says where to look. The recorder asks the engine's ``inventory``
from the last instant it knows, so after any pause it catches up by the one way it
always takes; writing the same again changes nothing. What the engine deleted by
its own rules is found by a slow round over all cameras.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

from vms.admin import Principal
from vms.cameras import RosterEntry
from vms.common import Clock, UnavailableError, VmsError
from vms.database import PLATFORM, Database, Unit
from vms.engine import Event, EventBatch, MediaControl, RecordingControl
from vms.engine.recording import (
    INVENTORY,
    VOLUMES,
    Gap,
    Inventory,
    InventoryRequest,
    Part,
    Volume,
    VolumeRequest,
)
from vms.outbox import emit
from vms.proto.events import RecordingGap, RecordingStarted, RecordingStopped, VolumeState
from vms.recording.access import Trace
from vms.recording.model import LATEST_US, SECOND_US
from vms.recording.store import catalogue as store
from vms.telemetry import get_logger

log = get_logger(__name__)

Sleep = Callable[[float], Awaitable[None]]
ReadCameras = Callable[[], Awaitable[Mapping[str, RosterEntry]]]

# What comes so close together is read at once.
GATHER_S = 0.25
RETRY_S = 1.0
# How often all cameras are gone over for what was deleted.
ROUND_S = 600.0
# How far before the last instant that is known one looks.
BACK_US = 2 * 3600 * SECOND_US
# A gap that ended longer ago is history when it is found, no alarm.
FRESH_US = 600 * SECOND_US
# Kinds of the journal that tell where to look.
_TOLD = frozenset({"recording", "gap"})
_VOLUME = "volume"
# Nobody need be told of these: somebody wanted them.
_WANTED = frozenset({"schedule", "operator", "retention", "maintenance", "erased_by_law"})

ALL = ""


class Catalogue:
    """Writes what the engine told."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._trace = Trace(clock)

    async def since(self) -> int:
        """Return from when on one must look to miss nothing; 0: at everything."""
        found = await self._database.run(store.newest, PLATFORM, read=True)
        return 0 if found is None else max(0, found - BACK_US)

    async def cameras(self) -> Mapping[str, str]:
        """Return the city of each camera of which something is known."""
        return await self._database.run(store.cameras, PLATFORM, read=True)

    async def put(
        self,
        city: str,
        camera: str,
        time: tuple[int, int],
        found: Inventory,
        *,
        announce: bool,
    ) -> store.Changes:
        """Make one camera's time equal to what was found; ``announce`` what is news."""
        now_us = self._clock.utc_us()

        def work(unit: Unit) -> store.Changes:
            changes = store.replace(unit, city, camera, *time, found.parts, found.gaps)
            for event in _news(city, changes, now_us) if announce else ():
                emit(unit, event)
            return changes

        return await self._database.run(work, PLATFORM)

    async def clear(self, who: Principal) -> None:
        """Forget everything, before it is made anew."""

        def work(unit: Unit) -> None:
            store.clear(unit)
            self._trace.line(unit, who, "recording.catalogue", "catalogue", None)

        await self._database.run(work, PLATFORM)

    async def tell_volume(self, volume: Volume) -> None:
        """Tell that a volume's state changed."""
        event = VolumeState(
            city=None,
            at_us=self._clock.utc_us(),
            volume=volume.name,
            state=volume.state,
            reason=volume.reason,
        )
        await self._database.run(lambda unit: emit(unit, event), PLATFORM)


def _news(
    city: str, changes: store.Changes, now_us: int
) -> Iterable[RecordingStarted | RecordingStopped | RecordingGap]:
    for camera, stream in sorted(changes.open_now - changes.open_before):
        yield RecordingStarted(city=city, at_us=now_us, camera=camera, stream=stream)
    for camera, stream in sorted(changes.open_before - changes.open_now):
        yield RecordingStopped(city=city, at_us=now_us, camera=camera, stream=stream)
    for gap in changes.new_gaps:
        if gap.reason not in _WANTED and (gap.open or gap.to_us >= now_us - FRESH_US):
            yield RecordingGap(
                city=city,
                at_us=now_us,
                camera=gap.camera,
                stream=gap.stream.value,
                from_us=gap.from_us,
                to_us=None if gap.open else gap.to_us,
                reason=gap.reason,
            )


class Reader:
    """Asks the engine and writes what it said."""

    def __init__(
        self, engine: RecordingControl, catalogue: Catalogue, cameras: ReadCameras
    ) -> None:
        self._engine = engine
        self._catalogue = catalogue
        self._cameras = cameras

    async def read(self, names: Iterable[str], from_us: int, to_us: int, *, announce: bool) -> int:
        """Bring cameras (none: all) level over a time; return how many there were."""
        asked = tuple(sorted(names))
        found = await self._inventory(asked, from_us, to_us)
        homes = dict(await self._catalogue.cameras())
        homes |= {name: entry.city for name, entry in (await self._cameras()).items()}
        homes |= {part.camera: part.city for part in found.parts}
        parts, gaps = _by_camera(found)
        wanted = asked or tuple(sorted(homes))
        for camera in wanted:
            if camera not in homes:
                log.warning("camera_without_city", camera=camera)
                continue
            if camera in found.unread:
                # What is away for a while is not gone: the line stays as it was.
                log.info("catalogue_kept", camera=camera)
                continue
            mine = Inventory(tuple(parts.get(camera, ())), tuple(gaps.get(camera, ())))
            time = (from_us, to_us)
            await self._catalogue.put(homes[camera], camera, time, mine, announce=announce)
        return len(wanted)

    async def _inventory(self, asked: tuple[str, ...], from_us: int, to_us: int) -> Inventory:
        """Return all pages: a camera that is missing in the whole has nothing."""
        parts: list[Part] = []
        gaps: list[Gap] = []
        unread: set[str] = set()
        after: str | None = None
        while True:
            request = InventoryRequest(asked, from_us, to_us, after)
            page, _data = await self._engine.recording(INVENTORY, request)
            parts += page.parts
            gaps += page.gaps
            unread |= {*page.unread}
            if page.next is None or page.next == after:
                return Inventory(tuple(parts), tuple(gaps), unread=tuple(sorted(unread)))
            after = page.next

    async def everything(self) -> int:
        """Bring all cameras level over all time, one after the other."""
        names = {*await self._catalogue.cameras(), *await self._cameras()}
        for name in sorted(names):
            await self.read([name], 0, LATEST_US, announce=False)
        return len(names)


def _by_camera(found: Inventory) -> tuple[dict[str, list[Part]], dict[str, list[Gap]]]:
    parts: dict[str, list[Part]] = {}
    gaps: dict[str, list[Gap]] = {}
    for part in found.parts:
        parts.setdefault(part.camera, []).append(part)
    for gap in found.gaps:
        gaps.setdefault(gap.camera, []).append(gap)
    return parts, gaps


class CatalogueRecorder:
    """Follows the media process and keeps the catalogue level; one an installation.

    ``hear`` is told each event of the journal.
    """

    def __init__(
        self,
        media: MediaControl,
        engine: RecordingControl,
        catalogue: Catalogue,
        cameras: ReadCameras,
        sleep: Sleep = asyncio.sleep,
        *,
        hear: Callable[[Event], None] | None = None,
    ) -> None:
        self._hear = hear
        self._media = media
        self._engine = engine
        self._catalogue = catalogue
        self._reader = Reader(engine, catalogue, cameras)
        self._sleep = sleep
        # Cameras to look at; ``ALL``: at every one.
        self._dirty: set[str] = set()
        self._news = asyncio.Event()
        self._volumes: dict[str, tuple[str, str | None]] = {}
        self._failing = False

    async def run(self) -> None:
        """Follow, write and go the rounds, for ever."""
        work = [self._follow_on(), self._write_on(), self._round_on()]
        tasks = [asyncio.create_task(one) for one in work]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def _follow_on(self) -> None:
        while True:
            try:
                await self._follow()
            except VmsError as error:
                self._failed(error)
            await self._sleep(RETRY_S)

    async def _follow(self) -> None:
        described = await self._media.describe()
        self._look(ALL)
        await self._look_at_volumes()
        async for batch in self._media.events(described.epoch, described.cursor):
            self._failing = False
            await self._note(batch)
        raise UnavailableError("the media process ended its events", code="media_down")

    async def _note(self, batch: EventBatch) -> None:
        if batch.reset:
            self._look(ALL)
        for event in batch.events:
            if self._hear is not None:
                self._hear(event)
            if event.kind in _TOLD:
                self._look(event.camera)
        if batch.reset or any(event.kind == _VOLUME for event in batch.events):
            await self._look_at_volumes()

    def _look(self, camera: str) -> None:
        self._dirty.add(camera)
        self._news.set()

    async def _write_on(self) -> None:
        while True:
            await self._news.wait()
            await self._sleep(GATHER_S)
            self._news.clear()
            dirty, self._dirty = self._dirty, set()
            try:
                await self._write(dirty)
            except VmsError as error:
                self._failed(error)
                self._dirty |= dirty
                self._news.set()
                await self._sleep(RETRY_S)

    async def _write(self, dirty: set[str]) -> None:
        since = await self._catalogue.since()
        names = () if ALL in dirty else tuple(dirty)
        await self._reader.read(names, since, LATEST_US, announce=True)

    async def _round_on(self) -> None:
        while True:
            await self._sleep(ROUND_S)
            try:
                await self._reader.everything()
            except VmsError as error:
                self._failed(error)

    async def _look_at_volumes(self) -> None:
        found, _data = await self._engine.recording(VOLUMES, VolumeRequest())
        for volume in found.volumes:
            state = (volume.state, volume.reason)
            before = self._volumes.get(volume.name)
            if before != state and (before is not None or volume.state != "ok"):
                await self._catalogue.tell_volume(volume)
            self._volumes[volume.name] = state

    def _failed(self, error: VmsError) -> None:
        # Once an outage: it is tried again each second.
        note = log.debug if self._failing else log.warning
        note("catalogue_waits", code=error.code, detail=error.message)
        self._failing = True
