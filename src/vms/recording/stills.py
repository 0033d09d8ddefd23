"""Pictures that a case keeps: taken of a recording, listed with it, given away in its archive."""

import asyncio
import hashlib

from vms.admin import Function, Principal
from vms.common import Clock, ConflictError, new_id
from vms.database import Database, Unit
from vms.recording.access import Trace, find
from vms.recording.cases import case_for
from vms.recording.exports import check_room
from vms.recording.model import Case, CaseStill, StillDraft
from vms.recording.pictures import Pictures, PictureView
from vms.recording.still_files import StillFiles
from vms.recording.store import cases as case_store
from vms.recording.store import stills as store

# They are listed and archived as a whole.
MOST_STILLS = 500


class Stills:
    """The use cases of pictures in cases."""

    def __init__(
        self, database: Database, pictures: Pictures, files: StillFiles, clock: Clock
    ) -> None:
        self._database = database
        self._pictures = pictures
        self._files = files
        self._clock = clock
        self._trace = Trace(clock)

    async def take(self, who: Principal, case: str, draft: StillDraft) -> CaseStill:
        """Keep the picture that was shown at an instant, in the size of the video."""
        await self._database.run(
            lambda unit: _open_for(unit, who, case, draft.camera), who.scope, read=True
        )
        view = await self._pictures.at(who, draft.camera, draft.stream, draft.at_us, exact=True)
        return await self.keep(who, case, draft, view)

    async def keep(
        self, who: Principal, case: str, draft: StillDraft, view: PictureView
    ) -> CaseStill:
        """Keep a picture that was taken: its file first, so that what is listed is there."""
        made = CaseStill(
            id=new_id(),
            camera=draft.camera,
            stream=draft.stream,
            at_us=view.at_us,
            width=view.width,
            height=view.height,
            bytes=len(view.data),
            sha256=hashlib.sha256(view.data).hexdigest(),
            text=draft.text,
            by=who.actor,
            created_us=self._clock.utc_us(),
        )

        def work(unit: Unit) -> CaseStill:
            found = _open_for(unit, who, case, draft.camera)
            store.add(unit, found, made)
            self._trace.line(
                unit,
                who,
                "case.still",
                f"case:{case}",
                found.city,
                still=made.id,
                camera=made.camera,
                at_us=made.at_us,
                sha256=made.sha256,
            )
            return made

        await asyncio.to_thread(check_room, self._files.folder, made.bytes)
        await asyncio.to_thread(self._files.write, case, made.id, view.data)
        try:
            return await self._database.run(work, who.scope)
        except BaseException:
            self._files.forget(case, made.id)
            raise

    async def list(self, who: Principal, case: str) -> tuple[CaseStill, ...]:
        """Return the pictures of a case, the oldest first."""
        return await self._database.run(
            lambda unit: tuple(store.of_case(unit, case_for(unit, who, case))),
            who.scope,
            read=True,
        )

    async def picture(self, who: Principal, case: str, name: str) -> tuple[CaseStill, bytes]:
        """Return one with its JPEG; each look is a line of the audit."""

        def work(unit: Unit) -> CaseStill:
            found = case_for(unit, who, case)
            still = store.one(unit, found, name)
            self._trace.line(unit, who, "case.still_view", f"case:{case}", found.city, still=name)
            return still

        still = await self._database.run(work, who.scope)
        return still, await asyncio.to_thread(self._files.read, case, still)


def _open_for(unit: Unit, who: Principal, name: str, camera: str) -> Case:
    """Return a case that may have one more picture of a camera of its city."""
    case = case_for(unit, who, name)
    place = find(unit, who, camera, Function.PLAYBACK_VIEW)
    if place.city != case.city:
        raise case_store.case_unknown(name)
    if len(store.of_case(unit, case)) >= MOST_STILLS:
        raise ConflictError(
            f"case {name} has {MOST_STILLS} stills already",
            code="case_stills_full",
            values={"id": name, "most": MOST_STILLS},
        )
    return case
