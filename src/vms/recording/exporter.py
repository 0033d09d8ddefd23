"""Makes exports, one after the other, and goes on with them after a restart.

The engine writes video and manifest into a folder of the export; then all of it
becomes one file: the clip itself, or a ZIP with the page that verifies it. One
exporter an installation, beside the director.
"""

import asyncio
import shutil
import zoneinfo
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from vms.common import Clock, ConflictError, InvalidError, NotFoundError, UnavailableError, VmsError
from vms.database import PLATFORM, Database, Unit, Vault
from vms.engine import RecordingControl
from vms.engine.recording import (
    EXPORT_CANCEL,
    EXPORT_START,
    EXPORT_STATUS,
    SIGN,
    ExportId,
    ExportPart,
    ExportRequest,
    ExportState,
    ExportStatus,
    Signable,
    SignRequest,
)
from vms.outbox import emit
from vms.proto.events import ClipReady
from vms.recording.exports import MARK, check_room, password_place
from vms.recording.model import (
    CaseStill,
    Export,
    ExportGap,
    ExportKind,
    ExportPartDraft,
    ExportStep,
)
from vms.recording.packing import WORK, Contents, Packed, Packing, local_name, still_name
from vms.recording.ports import Cities
from vms.recording.signing import signature_file
from vms.recording.still_files import StillFiles
from vms.recording.store import cases as case_store
from vms.recording.store import exports as store
from vms.recording.store import stills as still_store
from vms.telemetry import get_logger

log = get_logger(__name__)

Sleep = Callable[[float], Awaitable[None]]

LOOK_S = 0.25
# Without a call it is looked for new ones this often: other processes ask too.
IDLE_S = 2.0


@dataclass(frozen=True, slots=True)
class _Job:
    export: Export
    password: str | None
    zone: zoneinfo.ZoneInfo
    # Of an archive: the case as JSON, its clips, and its stills by their names there.
    case: bytes | None = None
    clips: Sequence[Export] = ()
    stills: Mapping[str, CaseStill] = field(default_factory=dict)


# Room does not come back by waiting: whoever asked is told, and may ask for less.
FINAL = frozenset({"disk_full"})


class Exporter:
    """The queue."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        engine: RecordingControl,
        cities: Cities,
        folder: Path,
        clock: Clock,
        packing: Packing,
        stills: StillFiles,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._database = database
        self._vault = vault
        self._engine = engine
        self._cities = cities
        self._folder = folder
        self._clock = clock
        self._packing = packing
        self._stills = stills
        self._sleep = sleep
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Make exports, for ever."""
        loop = asyncio.get_running_loop()

        def called() -> None:
            loop.call_soon_threadsafe(self._news.set)

        self._database.on_commit(MARK, called)
        resumed = False
        while True:
            self._news.clear()
            try:
                if not resumed:
                    await self._database.run(store.resume, PLATFORM)
                    resumed = True
                while await self.make_next():
                    pass
            except VmsError as error:
                log.warning("exports_wait", code=error.code, detail=error.message)
            try:
                await asyncio.wait_for(self._news.wait(), IDLE_S)
            except TimeoutError:
                continue

    async def make_next(self) -> bool:
        """Make the oldest that waits; say whether there was one."""
        job = await self._database.run(self._take, PLATFORM)
        if job is None:
            return False
        try:
            packed = await self._make(job)
        except (VmsError, OSError) as error:
            await self._failed(job.export, error)
        else:
            if packed is not None:
                await self._done(job.export, packed)
        return True

    def _take(self, unit: Unit) -> _Job | None:
        found = store.next_pending(unit)
        if found is None:
            return None
        store.move(unit, found.id, [ExportStep.PENDING], {"state": ExportStep.PROCESSING.value})
        sealed = store.password(unit, found.id)
        password = None
        if sealed is not None:
            password = self._vault.open(sealed, password_place(found.id)).decode()
        zone = zoneinfo.ZoneInfo(self._cities.terms(unit, found.city).time_zone)
        if found.kind is not ExportKind.ARCHIVE or found.case is None:
            return _Job(found, password, zone)
        case = case_store.case(unit, found.case)
        stills = {still_name(one, zone): one for one in still_store.of_case(unit, case)}
        told = {
            "case": case,
            "notes": case_store.notes(unit, case),
            "stills": [{"file": name, **msgspec.to_builtins(one)} for name, one in stills.items()],
            "holds": case_store.holds_of_case(unit, case),
            "why": found.why,
        }
        clips = store.of_case(unit, found.city, case.id)
        return _Job(found, password, zone, msgspec.json.encode(told), clips, stills)

    async def _make(self, job: _Job) -> Packed | None:
        """Return the file, or nothing where it was cancelled meanwhile."""
        home = self._folder / job.export.id
        await asyncio.to_thread(_empty, home)
        check_room(self._folder, 0)
        if job.export.kind is ExportKind.ARCHIVE:
            return await self._archive(job, home)
        status = await self._engine_makes(job, home / WORK)
        if status is None:
            await asyncio.to_thread(shutil.rmtree, home, ignore_errors=True)
            return None
        names = {
            file.name: local_name(
                Path(file.name), file.camera or _camera(job.export, number), file, job.zone
            )
            for number, file in enumerate(status.files)
        }
        gaps = tuple(
            ExportGap(gap.camera, gap.from_us, gap.to_us, gap.reason)
            for file in status.files
            for gap in file.gaps
        )
        packed = await asyncio.to_thread(
            self._packing.pack,
            home,
            home / WORK,
            names,
            job.password,
            bare=job.export.kind is ExportKind.CLIP,
        )
        return msgspec.structs.replace(packed, gaps=gaps)

    async def _archive(self, job: _Job, home: Path) -> Packed:
        try:
            contents = await asyncio.to_thread(self._contents, job, home)
            request = SignRequest(Signable.CASE, contents.digest)
            signed, _data = await self._engine.recording(SIGN, request)
            signature = signature_file(contents.digest, signed)
            return await asyncio.to_thread(
                self._packing.archive, home, contents, signature, job.password
            )
        finally:
            # Stills lie there in plain: not longer than it takes, whatever came of it.
            await asyncio.to_thread(shutil.rmtree, home / WORK, ignore_errors=True)

    def _contents(self, job: _Job, home: Path) -> Contents:
        case = job.export.case or ""
        stills = {name: self._stills.read(case, one) for name, one in job.stills.items()}
        return self._packing.contents(home, job.case or b"{}", self._clips(job), stills)

    def _clips(self, job: _Job) -> list[tuple[str, Path]]:
        found = []
        for clip in job.clips:
            path = self._folder / clip.id / (clip.file or "")
            if clip.file is None or not path.is_file():
                raise NotFoundError(
                    f"the file of clip {clip.id} is gone",
                    code="export_file_missing",
                    values={"id": clip.id},
                )
            found.append((f"{clip.id}-{clip.file}", path))
        return found

    async def _engine_makes(self, job: _Job, folder: Path) -> ExportStatus | None:
        export = job.export
        await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True)
        await self._start(export, folder)
        while True:
            status, _data = await self._engine.recording(EXPORT_STATUS, ExportId(export.id))
            now = await self._database.run(self._noting(export.id, status), PLATFORM)
            if now is ExportStep.CANCELLED:
                await self._engine.recording(EXPORT_CANCEL, ExportId(export.id))
                return None
            if status.state is ExportState.DONE:
                return status
            if status.state is not ExportState.RUNNING:
                fault = status.error
                code = "export_failed" if fault is None else fault.code
                values = {} if fault is None else fault.values
                raise ConflictError(f"the engine gave up: {code}", code=code, values=values)
            await self._sleep(LOOK_S)

    def _noting(self, name: str, status: ExportStatus) -> Callable[[Unit], ExportStep]:
        done, total = status.done_bytes, status.total_bytes
        return lambda unit: store.progress(unit, name, done, total)

    async def _start(self, export: Export, folder: Path) -> None:
        request = ExportRequest(
            id=export.id,
            parts=tuple(
                ExportPart(
                    part.camera, part.streams, part.from_us, part.to_us, _every_us(export, part)
                )
                for part in export.parts
            ),
            container=export.container,
            audio=export.audio,
            by=export.by,
            why=export.why,
            folder=str(folder),
        )
        try:
            await self._engine.recording(EXPORT_START, request)
        except ConflictError:
            # It runs there since before our restart, into a folder that is gone.
            await self._engine.recording(EXPORT_CANCEL, ExportId(export.id))
            await self._engine.recording(EXPORT_START, request)

    async def _done(self, export: Export, packed: Packed) -> None:
        def work(unit: Unit) -> bool:
            now_us = self._clock.utc_us()
            values = {
                "state": ExportStep.COMPLETED.value,
                "file": packed.file,
                "bytes": packed.bytes,
                "sha256": packed.sha256,
                "gaps": store.gap_text(packed.gaps),
                "password": None,
                "finished_us": now_us,
            }
            if not store.move(unit, export.id, [ExportStep.PROCESSING], values):
                return False
            cameras = {part.camera for part in export.parts}
            camera = next(iter(cameras)) if len(cameras) == 1 else None
            emit(unit, ClipReady(city=export.city, at_us=now_us, camera=camera, export=export.id))
            return True

        if not await self._database.run(work, PLATFORM):
            # Cancelled while it was packed.
            await asyncio.to_thread(shutil.rmtree, self._folder / export.id, ignore_errors=True)

    async def _failed(self, export: Export, error: VmsError | OSError) -> None:
        if isinstance(error, UnavailableError) and error.code not in FINAL:
            # Whatever it needs comes back; until then it waits its turn again.
            await self._database.run(
                lambda unit: store.move(
                    unit, export.id, [ExportStep.PROCESSING], {"state": ExportStep.PENDING.value}
                ),
                PLATFORM,
            )
            raise error
        if isinstance(error, OSError):
            error = InvalidError(str(error), code="export_disk", values={"errno": error.errno or 0})
        fault = error
        log.warning("export_failed", export=export.id, code=fault.code, detail=fault.message)
        values = {
            "state": ExportStep.ERROR.value,
            "error": fault.code,
            "error_values": msgspec.json.encode(fault.values).decode(),
            "password": None,
            "finished_us": self._clock.utc_us(),
        }
        await self._database.run(
            lambda unit: store.move(unit, export.id, [ExportStep.PROCESSING], values), PLATFORM
        )
        await asyncio.to_thread(shutil.rmtree, self._folder / export.id, ignore_errors=True)


def _camera(export: Export, number: int) -> str:
    flat = [part.camera for part in export.parts for _stream in part.streams]
    return flat[number] if number < len(flat) else flat[-1]


def _every_us(export: Export, part: ExportPartDraft) -> int | None:
    pace = export.timelapse
    return None if pace is None else pace.every_us(part.to_us - part.from_us)


def _empty(home: Path) -> None:
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(mode=0o700, parents=True)
