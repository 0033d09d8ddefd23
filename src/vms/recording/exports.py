"""Clips, exports and archives: asked for, looked at, cancelled, downloaded."""

import hashlib
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path

from vms.admin import Function, Principal, system_principal
from vms.common import Clock, ConflictError, NotFoundError, Page, Slice, new_id
from vms.database import PLATFORM, Database, Unit, Vault
from vms.recording.access import Trace, check_time, cities_of, find
from vms.recording.cases import case_for
from vms.recording.model import (
    DAY_US,
    ENDED,
    SECOND_US,
    ArchiveDraft,
    ClipDraft,
    Export,
    ExportDraft,
    ExportKind,
    ExportPartDraft,
    ExportStep,
    Link,
    LinkDraft,
    Timelapse,
)
from vms.recording.ports import ClipQuota
from vms.recording.store import catalogue
from vms.recording.store import exports as store

# Calls the queue of this process once a new export is committed.
MARK = "recording_exports"
# Longer takes are asked for in parts.
MOST_DAYS = 31
# What is no clip goes after so long.
KEPT_US = 7 * DAY_US
# The machine needs this much whatever is exported.
RESERVE_BYTES = 1 << 30
SECRET_BYTES = 32
_WITH_AUDIO = frozenset({ExportKind.CLIP, ExportKind.EXPORT})
_TAKE = Function.CLIP_EXPORT
_LINK = system_principal("link")


def password_place(name: str) -> tuple[str, ...]:
    """Return where an export's password is sealed for."""
    return ("recording_exports", "password", name)


class Exports:
    """The use cases of what is taken away."""

    def __init__(
        self, database: Database, vault: Vault, quota: ClipQuota, folder: Path, clock: Clock
    ) -> None:
        self._database = database
        self._vault = vault
        self._quota = quota
        self._folder = folder
        self._clock = clock
        self._trace = Trace(clock)

    @property
    def folder(self) -> Path:
        """Where files of exports are, a folder each."""
        return self._folder

    async def clip(self, who: Principal, draft: ClipDraft) -> Export:
        """Ask for a clip of one camera; the plan limits how many a city keeps."""
        part = ExportPartDraft(
            camera=draft.camera,
            from_us=draft.from_us,
            to_us=draft.to_us,
            streams=(draft.stream,),
        )

        def work(unit: Unit) -> Export:
            city = self._check(unit, who, [part])
            if draft.case is not None:
                case_for(unit, who, draft.case)
            self._quota.check(unit, city, store.count_clips(unit, city))
            made = self._new(
                who,
                city,
                kind=ExportKind.CLIP,
                name=draft.name,
                why=draft.text or draft.reason.value,
                parts=(part,),
                draft=draft,
            )
            return self._add(unit, who, made, None)

        return await self._database.run(work, who.scope)

    async def export(self, who: Principal, draft: ExportDraft) -> Export:
        """Ask for video of one or several cameras of a city."""

        def work(unit: Unit) -> Export:
            city = self._check(unit, who, draft.parts, draft.timelapse)
            made = self._new(
                who,
                city,
                kind=ExportKind.EXPORT if draft.timelapse is None else ExportKind.TIMELAPSE,
                name=", ".join(dict.fromkeys(part.camera for part in draft.parts))[:120],
                why=draft.why,
                parts=draft.parts,
                draft=draft,
            )
            return self._add(unit, who, made, draft.password)

        return await self._database.run(work, who.scope)

    async def archive(self, who: Principal, case: str, draft: ArchiveDraft) -> Export:
        """Ask for all clips and notes of a case in one file."""

        def work(unit: Unit) -> Export:
            found = case_for(unit, who, case)
            who.require(_TAKE, city=found.city)
            clips = store.of_case(unit, found.city, case)
            parts = tuple(part for clip in clips for part in clip.parts)
            made = self._new(
                who,
                found.city,
                kind=ExportKind.ARCHIVE,
                name=found.title,
                why=draft.why,
                parts=parts,
                draft=draft,
                case=case,
            )
            return self._add(unit, who, made, draft.password)

        return await self._database.run(work, who.scope)

    def _check(
        self,
        unit: Unit,
        who: Principal,
        parts: Sequence[ExportPartDraft],
        timelapse: Timelapse | None = None,
    ) -> str:
        """Return the city of what is asked for; refuse what may not be, or cannot fit."""
        places = [find(unit, who, part.camera, _TAKE) for part in parts]
        need = 0
        for part, place in zip(parts, places, strict=True):
            check_time(part.from_us, part.to_us, MOST_DAYS)
            if place.city != places[0].city:
                raise ConflictError("an export is of one city", code="export_cities")
            for stream in part.streams:
                rows = catalogue.spans(
                    unit, place.city, [part.camera], stream, part.from_us, part.to_us
                )
                need += sum(_share(row, part, timelapse) for row in rows[part.camera])
        check_room(self._folder, need)
        return places[0].city

    def _new(
        self,
        who: Principal,
        city: str,
        *,
        kind: ExportKind,
        name: str,
        why: str,
        parts: tuple[ExportPartDraft, ...],
        draft: ClipDraft | ExportDraft | ArchiveDraft,
        case: str | None = None,
    ) -> Export:
        now_us = self._clock.utc_us()
        clip = draft if isinstance(draft, ClipDraft) else None
        return Export(
            id=new_id(),
            city=city,
            kind=kind,
            name=name,
            why=why,
            parts=parts,
            timelapse=draft.timelapse if isinstance(draft, ExportDraft) else None,
            container="mp4" if isinstance(draft, ArchiveDraft) else draft.container,
            audio=kind in _WITH_AUDIO and not isinstance(draft, ArchiveDraft) and draft.audio,
            locked=clip is None and getattr(draft, "password", None) is not None,
            state=ExportStep.PENDING,
            done_bytes=0,
            total_bytes=0,
            error=None,
            gaps=(),
            file=None,
            bytes=None,
            sha256=None,
            case=case if clip is None else clip.case,
            reason=None if clip is None else clip.reason,
            by=who.actor,
            created_us=now_us,
            finished_us=None,
            expires_us=None if clip is not None else now_us + KEPT_US,
            version=1,
        )

    def _add(self, unit: Unit, who: Principal, made: Export, password: str | None) -> Export:
        sealed = None
        if password is not None:
            sealed = self._vault.seal(password.encode(), password_place(made.id))
        store.add(unit, made, sealed)
        unit.mark(MARK)
        cameras = tuple(dict.fromkeys(part.camera for part in made.parts))
        self._trace.line(
            unit,
            who,
            f"{made.kind}.create",
            f"export:{made.id}",
            made.city,
            cameras=cameras,
            from_us=min((part.from_us for part in made.parts), default=0),
            to_us=max((part.to_us for part in made.parts), default=0),
        )
        return made

    async def get(self, who: Principal, name: str) -> Export:
        """Return an export."""
        return await self._database.run(lambda unit: _of(unit, who, name), who.scope, read=True)

    async def list(
        self,
        who: Principal,
        page: Page,
        *,
        clips: bool,
        city: str | None = None,
        state: ExportStep | None = None,
        case: str | None = None,
    ) -> Slice[Export]:
        """Return a page of clips, of whole cities, or of one's own other exports."""
        cities = cities_of(who, _TAKE, city)
        wanted = {} if state is None else {"state": state.value}
        if case is not None:
            wanted["case_id"] = case
        if clips:
            wanted["kind"] = ExportKind.CLIP.value

        def work(unit: Unit) -> Slice[Export]:
            found = store.list_exports(unit, cities, page, wanted)
            shown = (
                one
                for one in found.items
                if (one.kind is ExportKind.CLIP) is clips and _sees(unit, who, one)
            )
            return Slice(tuple(shown), found.next)

        return await self._database.run(work, who.scope, read=True)

    async def cancel(self, who: Principal, name: str) -> Export:
        """Give up what is not done yet."""

        def work(unit: Unit) -> Export:
            found = _of(unit, who, name)
            values = {
                "state": ExportStep.CANCELLED.value,
                "finished_us": self._clock.utc_us(),
                "password": None,
            }
            open_ = set(ExportStep) - ENDED
            if not store.move(unit, name, open_, values):
                raise ConflictError(
                    f"export {name} is {found.state} already",
                    code="export_ended",
                    values={"id": name, "state": found.state.value},
                )
            unit.mark(MARK)
            self._trace.line(unit, who, f"{found.kind}.cancel", f"export:{name}", found.city)
            return store.export(unit, name)

        return await self._database.run(work, who.scope)

    async def delete(self, who: Principal, name: str) -> None:
        """Delete an export that has ended, with its file and the links to it."""

        def work(unit: Unit) -> None:
            found = _of(unit, who, name)
            if found.state not in ENDED:
                raise ConflictError(
                    f"export {name} is being made; cancel it first",
                    code="export_running",
                    values={"id": name},
                )
            store.remove(unit, name)
            self._trace.line(unit, who, f"{found.kind}.delete", f"export:{name}", found.city)

        await self._database.run(work, who.scope)
        shutil.rmtree(self._folder / name, ignore_errors=True)

    async def link(self, who: Principal, name: str, draft: LinkDraft) -> Link:
        """Make a link that anybody may follow until it runs out."""
        secret = secrets.token_urlsafe(SECRET_BYTES)
        expires_us = self._clock.utc_us() + draft.valid_s * SECOND_US

        def work(unit: Unit) -> Link:
            found = _of(unit, who, name)
            self._check_done(found)
            store.add_link(unit, found, hashed(secret), who.actor, expires_us)
            self._trace.line(unit, who, f"{found.kind}.link", f"export:{name}", found.city)
            return Link(f"/api/v1/downloads/{secret}", expires_us)

        return await self._database.run(work, who.scope)

    async def linked(self, secret: str, address: str) -> tuple[Export, Path]:
        """Return what a link opens; each download is a line of the audit."""

        def work(unit: Unit) -> Export:
            found = store.linked(unit, hashed(secret), self._clock.utc_us())
            if found is None:
                raise NotFoundError("the link has run out", code="link_unknown")
            self._check_done(found)
            who = _LINK.seen_from(address)
            self._trace.line(unit, who, f"{found.kind}.download", f"export:{found.id}", found.city)
            return found

        return self._file(await self._database.run(work, PLATFORM))

    async def download(self, who: Principal, name: str) -> tuple[Export, Path]:
        """Return the file of an export; each download is a line of the audit."""

        def work(unit: Unit) -> Export:
            found = _of(unit, who, name)
            self._check_done(found)
            self._trace.line(unit, who, f"{found.kind}.download", f"export:{name}", found.city)
            return found

        return self._file(await self._database.run(work, who.scope))

    def _check_done(self, found: Export) -> None:
        if found.state is not ExportStep.COMPLETED or found.file is None:
            raise ConflictError(
                f"export {found.id} is {found.state}",
                code="export_not_ready",
                values={"id": found.id, "state": found.state.value},
            )

    def _file(self, found: Export) -> tuple[Export, Path]:
        path = self._folder / found.id / (found.file or "")
        if not path.is_file():
            raise NotFoundError(
                f"the file of export {found.id} is gone",
                code="export_file_missing",
                values={"id": found.id},
            )
        return found, path

    async def maintain(self) -> None:
        """Delete what has run out."""
        now_us = self._clock.utc_us()

        def work(unit: Unit) -> list[str]:
            store.forget_links(unit, now_us)
            names = store.expired(unit, now_us)
            for name in names:
                store.remove(unit, name)
            return names

        for name in await self._database.run(work, PLATFORM):
            shutil.rmtree(self._folder / name, ignore_errors=True)


def hashed(secret: str) -> str:
    """Return how the secret of a link is kept."""
    return hashlib.sha256(secret.encode()).hexdigest()


def check_room(folder: Path, need: int) -> None:
    """Refuse what would leave the disk of exports nearly full: the video and its archive."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < 2 * need + RESERVE_BYTES:
        raise ConflictError(
            f"exporting needs {2 * need + RESERVE_BYTES} bytes of room; {free} are free",
            code="export_no_room",
            values={"need": 2 * need + RESERVE_BYTES, "free": free},
        )


def _share(row: catalogue.SpanRow, part: ExportPartDraft, timelapse: Timelapse | None) -> int:
    """Return the bytes of a part that are taken, rather too many."""
    begin, end, keys, size = row[:4]
    shared = max(0, min(end, part.to_us) - max(begin, part.from_us))
    if timelapse is None:
        return size * shared // max(1, end - begin)
    # A key frame is never larger than its group of pictures.
    pictures = shared // timelapse.every_us(part.to_us - part.from_us) + 1
    return size * min(pictures, keys) // max(1, keys)


def _sees(unit: Unit, who: Principal, one: Export) -> bool:
    try:
        _require(unit, who, one)
    except NotFoundError:
        return False
    except Exception as error:
        if getattr(error, "code", "") == "permission_missing":
            return False
        raise
    return True


def _require(unit: Unit, who: Principal, one: Export) -> None:
    """Refuse who may not take away every camera that is in it."""
    if who.may(_TAKE, city=one.city):
        return
    if not one.parts or not who.knows(one.city):
        raise store.export_unknown(one.id)
    for part in one.parts:
        find(unit, who, part.camera, _TAKE)


def _of(unit: Unit, who: Principal, name: str) -> Export:
    found = store.export(unit, name)
    _require(unit, who, found)
    return found
