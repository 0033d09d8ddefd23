"""The picture of an instant: its key frame, decoded by a worker and kept for a while."""

from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from vms.admin import Function, Principal
from vms.audit import AuditEntry, Look, Looks
from vms.common import Clock, StreamName
from vms.database import Database, Unit
from vms.engine import RecordingControl
from vms.engine.recording import PICTURE, PictureRequest
from vms.recording.access import find
from vms.transcode import Picture, Sprite, Still

MOST_CACHED_BYTES = 64 << 20


class PictureFormat(StrEnum):
    """How a picture is encoded."""

    JPEG = "jpeg"
    WEBP = "webp"


@dataclass(frozen=True, slots=True)
class PictureView:
    """An encoded picture and when it was taken."""

    at_us: int
    width: int
    height: int
    format: PictureFormat
    data: bytes


class Workers(Protocol):
    """Whoever decodes: ``vms.transcode.WorkerPool``."""

    async def run(self, job: Picture | Sprite) -> Still:
        """Have a job done."""
        ...

    async def close(self) -> None:
        """End every worker."""
        ...


class PictureLooks:
    """Who looked at which hour of which camera."""

    def __init__(self, database: Database, clock: Clock, action: str) -> None:
        self._looks = Looks(database, clock)
        self._action = action

    async def note(self, who: Principal, camera: str, at_us: int) -> None:
        """Refuse who may not look, and write who did."""
        look = Look.at(who.actor, who.session, camera, at_us)

        def entry(unit: Unit) -> AuditEntry:
            place = find(unit, who, camera, Function.PLAYBACK_VIEW)
            return AuditEntry(
                actor=who.actor,
                action=self._action,
                object=f"camera:{camera}",
                city=place.city,
                address=who.address,
                details={"hour_us": look.hour_us},
            )

        await self._looks.note(look, who.scope, entry)


_Key = tuple[str, StreamName, int, bool, int, PictureFormat]


class Pictures:
    """Pictures of recorded video."""

    def __init__(
        self, database: Database, engine: RecordingControl, workers: Workers, clock: Clock
    ) -> None:
        self._engine = engine
        self._workers = workers
        self._looks = PictureLooks(database, clock, "playback.picture")
        self._kept: OrderedDict[_Key, PictureView] = OrderedDict()
        self._kept_bytes = 0

    async def at(
        self,
        who: Principal,
        camera: str,
        stream: StreamName,
        at_us: int,
        *,
        exact: bool = False,
        width: int = 0,
        picture_format: PictureFormat = PictureFormat.JPEG,
    ) -> PictureView:
        """Return the picture of an instant, or the next one after it.

        ``exact``: the frame of the instant; else the key frame before it, which is quicker.
        """
        await self._looks.note(who, camera, at_us)
        key = (camera, stream, at_us, exact, width, picture_format)
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            return kept
        told, data = await self._engine.recording(
            PICTURE, PictureRequest(camera, stream, at_us, exact)
        )
        still = await self._workers.run(Picture(told.codec, data, width, picture_format))
        view = PictureView(told.at_us, still.width, still.height, picture_format, still.data)
        # What comes after the instant may still be followed by something nearer.
        if told.at_us <= at_us:
            self._keep(key, view)
        return view

    async def close(self) -> None:
        """End the workers."""
        await self._workers.close()

    def _keep(self, key: _Key, view: PictureView) -> None:
        # Somebody may have asked for the same one meanwhile.
        before = self._kept.pop(key, None)
        if before is not None:
            self._kept_bytes -= len(before.data)
        self._kept[key] = view
        self._kept_bytes += len(view.data)
        while self._kept_bytes > MOST_CACHED_BYTES:
            _, old = self._kept.popitem(last=False)
            self._kept_bytes -= len(old.data)
