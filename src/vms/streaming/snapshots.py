"""Stills of live pictures: the newest key frame of a stream, as JPEG."""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from vms.admin import Function, Principal
from vms.audit import AuditEntry, Look, Looks
from vms.cameras import place_seen
from vms.common import Clock, StreamRef, TooManyError
from vms.database import Database, Unit
from vms.streaming.ports import CameraPlaces
from vms.transcode import Picture, RingFrame, Still

# One picture of a stream and a width serves everybody for so long.
SHARED_S = 1.0
# Pictures that are being made at once; more are refused.
MOST_AT_WORK = 16


class Frames(Protocol):
    """Gives frames of live streams: ``vms.transcode.LiveFrames``."""

    async def newest_key(self, stream: str) -> RingFrame:
        """Return the newest key frame of a stream."""
        ...


class Decoders(Protocol):
    """Whoever decodes: ``vms.transcode.WorkerPool``."""

    async def run(self, job: Picture) -> Still:
        """Have a job done."""
        ...


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A JPEG and when it was taken."""

    at_us: int
    width: int
    height: int
    data: bytes


_Key = tuple[str, int]


class Snapshots:
    """Stills of what cameras see now. They need not be recorded."""

    def __init__(
        self,
        database: Database,
        places: CameraPlaces,
        frames: Frames,
        decoders: Decoders,
        clock: Clock,
    ) -> None:
        self._places = places
        self._frames = frames
        self._decoders = decoders
        self._clock = clock
        self._looks = Looks(database, clock)
        self._made: dict[_Key, tuple[float, Snapshot]] = {}
        self._at_work: dict[_Key, asyncio.Task[Snapshot]] = {}

    async def take(self, who: Principal, stream: StreamRef, width: int = 0) -> Snapshot:
        """Return the newest picture of a stream, at most a second older than it could be.

        Looking is a line of the audit, once for each hour, camera and session.
        """
        await self._note(who, stream)
        key = (str(stream), width)
        made = self._made.get(key)
        if made is not None and self._clock.monotonic() - made[0] < SHARED_S:
            return made[1]
        task = self._at_work.get(key)
        if task is None:
            if len(self._at_work) >= MOST_AT_WORK:
                raise TooManyError(
                    f"{MOST_AT_WORK} pictures are being made already; try again in a second",
                    code="snapshots_busy",
                    values={"most": MOST_AT_WORK},
                )
            task = asyncio.get_running_loop().create_task(self._make(key))
            self._at_work[key] = task
            task.add_done_callback(lambda done: self._done(key, done))
        # Who gives up does not take it from those who wait for the same one.
        return await asyncio.shield(task)

    async def _make(self, key: _Key) -> Snapshot:
        stream, width = key
        frame = await self._frames.newest_key(stream)
        still = await self._decoders.run(Picture(frame.codec, frame.packet(), width))
        return Snapshot(frame.utc_us, still.width, still.height, still.data)

    def _done(self, key: _Key, task: asyncio.Task[Snapshot]) -> None:
        del self._at_work[key]
        now = self._clock.monotonic()
        for old in [one for one, (at, _) in self._made.items() if now - at >= SHARED_S]:
            del self._made[old]
        # Whoever asked may be gone: then nobody else reads the error.
        if not task.cancelled() and task.exception() is None:
            self._made[key] = (now, task.result())

    async def _note(self, who: Principal, stream: StreamRef) -> None:
        """Refuse who may not look, and write who did."""
        look = Look.at(who.actor, who.session, stream.camera, self._clock.utc_us())

        def entry(unit: Unit) -> AuditEntry:
            place = self._places.place(unit, stream.camera)
            place = place_seen(who, stream.camera, place, Function.LIVE_VIEW)
            return AuditEntry(
                actor=who.actor,
                action="stream.snapshot",
                object=f"camera:{place.camera}",
                city=place.city,
                address=who.address,
                details={"stream": stream.stream.value, "hour_us": look.hour_us},
            )

        await self._looks.note(look, who.scope, entry)
