"""Cases and holds: what must not be deleted, and what belongs to it."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from vms.admin import Function, Principal
from vms.common import Clock, ConflictError, Page, Slice, VmsError, new_id
from vms.database import PLATFORM, Database, Unit
from vms.engine import RecordingControl
from vms.engine.recording import HOLD, HoldRequest
from vms.recording.access import Trace, check_time, cities_of, city_of, find
from vms.recording.model import (
    Case,
    CaseChange,
    CaseDraft,
    CaseState,
    Hold,
    HoldDraft,
    HoldState,
    Note,
    NoteDraft,
)
from vms.recording.store import cases as store
from vms.telemetry import get_logger

log = get_logger(__name__)

T = TypeVar("T")

MOST_HOLD_DAYS = 3660
_HOLDS = Function.RECORDING_HOLD


class Cases:
    """The use cases of cases."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._trace = Trace(clock)

    async def create(self, who: Principal, draft: CaseDraft) -> Case:
        """Open a case."""
        city = city_of(who, draft.city)
        who.require(_HOLDS, city=city)
        now_us = self._clock.utc_us()
        made = Case(
            id=new_id(),
            city=city,
            title=draft.title,
            number=draft.number,
            text=draft.text,
            state=CaseState.OPEN,
            by=who.actor,
            created_us=now_us,
            updated_us=now_us,
            version=1,
        )

        def work(unit: Unit) -> Case:
            store.add_case(unit, made)
            self._trace.line(unit, who, "case.create", f"case:{made.id}", city)
            return made

        return await self._database.run(work, who.scope)

    async def get(self, who: Principal, name: str) -> Case:
        """Return a case."""
        return await self._read(who, lambda unit: case_for(unit, who, name))

    async def list(
        self, who: Principal, page: Page, *, city: str | None = None, state: CaseState | None = None
    ) -> Slice[Case]:
        """Return a page of cases, the newest first."""
        cities = cities_of(who, _HOLDS, city)
        return await self._read(who, lambda unit: store.list_cases(unit, cities, page, state))

    async def change(self, who: Principal, name: str, version: int, change: CaseChange) -> Case:
        """Change a case; a field that is not sent stays."""

        def work(unit: Unit) -> Case:
            before = case_for(unit, who, name)
            told = msgspec.structs.asdict(change)
            values: dict[str, Any] = {
                key: value for key, value in told.items() if value is not None
            }
            values["updated_us"] = self._clock.utc_us()
            store.change_case(unit, before, version, values)
            changed = tuple(sorted(values.keys() - {"updated_us"}))
            self._trace.line(unit, who, "case.update", f"case:{name}", before.city, changed=changed)
            return store.case(unit, name)

        return await self._database.run(work, who.scope)

    async def note(self, who: Principal, name: str, draft: NoteDraft) -> Note:
        """Add a note to a case; it is never changed."""
        note = Note(id=new_id(), text=draft.text, by=who.actor, at_us=self._clock.utc_us())

        def work(unit: Unit) -> Note:
            found = case_for(unit, who, name)
            store.add_note(unit, found, note)
            self._trace.line(unit, who, "case.note", f"case:{name}", found.city)
            return note

        return await self._database.run(work, who.scope)

    async def notes(self, who: Principal, name: str) -> tuple[Note, ...]:
        """Return the notes of a case, the oldest first."""
        return await self._read(
            who, lambda unit: tuple(store.notes(unit, case_for(unit, who, name)))
        )

    async def _read(self, who: Principal, work: Callable[[Unit], T]) -> T:
        return await self._database.run(work, who.scope, read=True)


def case_for(unit: Unit, who: Principal, name: str) -> Case:
    """Return a case that somebody may see; another's does not exist."""
    found = store.case(unit, name)
    if not who.knows(found.city):
        raise store.case_unknown(name)
    who.require(_HOLDS, city=found.city)
    return found


class Holds:
    """Places and releases holds. What the engine has not acknowledged is not active."""

    def __init__(self, database: Database, engine: RecordingControl, clock: Clock) -> None:
        self._database = database
        self._engine = engine
        self._clock = clock
        self._trace = Trace(clock)

    async def place(self, who: Principal, draft: HoldDraft) -> Hold:
        """Hold a time of a camera: it is on disk when this returns."""
        check_time(draft.from_us, draft.to_us, MOST_HOLD_DAYS)
        made = await self._database.run(lambda unit: self._begin(unit, who, draft), who.scope)
        record = await self._tell(made, on=True, why=draft.why)
        return await self._settle(made, HoldState.ACTIVE, record)

    def _begin(self, unit: Unit, who: Principal, draft: HoldDraft) -> Hold:
        place = find(unit, who, draft.camera, _HOLDS)
        if draft.case is not None:
            case = case_for(unit, who, draft.case)
            if case.city != place.city:
                raise store.case_unknown(draft.case)
        made = Hold(
            id=new_id(),
            city=place.city,
            camera=place.camera,
            case=draft.case,
            from_us=draft.from_us,
            to_us=draft.to_us,
            why=draft.why,
            state=HoldState.PLACING,
            record=None,
            by=who.actor,
            created_us=self._clock.utc_us(),
            released_us=None,
            version=1,
        )
        store.add_hold(unit, made)
        self._trace.line(
            unit,
            who,
            "hold.place",
            f"hold:{made.id}",
            place.city,
            camera=place.camera,
            from_us=draft.from_us,
            to_us=draft.to_us,
        )
        return made

    async def get(self, who: Principal, name: str) -> Hold:
        """Return a hold."""
        return await self._database.run(
            lambda unit: self._of(unit, who, name), who.scope, read=True
        )

    async def list(
        self,
        who: Principal,
        page: Page,
        *,
        city: str | None = None,
        camera: str | None = None,
        case: str | None = None,
        state: HoldState | None = None,
    ) -> Slice[Hold]:
        """Return a page of holds, the newest first."""
        cities = cities_of(who, _HOLDS, city)
        named = {"camera": camera, "case_id": case, "state": None if state is None else state.value}
        wanted = {name: value for name, value in named.items() if value is not None}
        return await self._database.run(
            lambda unit: store.list_holds(unit, cities, page, wanted), who.scope, read=True
        )

    async def release(self, who: Principal, name: str, version: int, why: str) -> Hold:
        """Give a hold up; its time follows the rules again when this returns."""

        def begin(unit: Unit) -> Hold:
            found = self._of(unit, who, name)
            if found.state is HoldState.RELEASED:
                raise ConflictError(f"hold {name} is released already", code="hold_released")
            store.change_hold(unit, found, version, {"state": HoldState.RELEASING.value})
            self._trace.line(unit, who, "hold.release", f"hold:{name}", found.city)
            return store.hold(unit, name)

        found = await self._database.run(begin, who.scope)
        record = await self._tell(found, on=False, why=why)
        return await self._settle(found, HoldState.RELEASED, record)

    async def finish(self) -> int:
        """Tell the engine of holds that it may not have heard of; return how many."""
        waiting = await self._database.run(store.unfinished_holds, PLATFORM, read=True)
        for one in waiting:
            on = one.state is HoldState.PLACING
            try:
                record = await self._tell(one, on=on, why=one.why)
            except VmsError as error:
                log.warning("hold_waits", hold=one.id, code=error.code, detail=error.message)
                continue
            await self._settle(one, HoldState.ACTIVE if on else HoldState.RELEASED, record)
        return len(waiting)

    def _of(self, unit: Unit, who: Principal, name: str) -> Hold:
        found = store.hold(unit, name)
        if who.may(_HOLDS, city=found.city):
            return found
        find(unit, who, found.camera, _HOLDS)
        return found

    async def _tell(self, hold: Hold, *, on: bool, why: str) -> int:
        request = HoldRequest(
            camera=hold.camera,
            hold=hold.id,
            on=on,
            from_us=hold.from_us,
            to_us=hold.to_us,
            by=hold.by,
            why=why,
        )
        answer, _data = await self._engine.recording(HOLD, request)
        return answer.number

    async def _settle(self, hold: Hold, state: HoldState, record: int) -> Hold:
        released_us = self._clock.utc_us() if state is HoldState.RELEASED else None

        def work(unit: Unit) -> Hold:
            values = {"state": state.value, "record": record, "released_us": released_us}
            now = store.hold(unit, hold.id)
            # Somebody may have gone on meanwhile: releasing what was being placed.
            if now.state is hold.state:
                store.change_hold(unit, now, None, values)
            return store.hold(unit, hold.id)

        return await self._database.run(work, PLATFORM)
