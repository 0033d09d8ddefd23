"""Cases and holds: nothing is held before the engine has said so."""

import pytest

from recorder import BEGIN_US, HOUR_US
from vms.admin import Function
from vms.common import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    Page,
    UnavailableError,
)
from vms.recording import CaseChange, CaseDraft, CaseState, HoldDraft, HoldState, NoteDraft

from .conftest import Studio, manager, watcher

FIRST = Page(50)


def draft(camera: str = "gate", case: str | None = None) -> HoldDraft:
    end = BEGIN_US + HOUR_US
    return HoldDraft(camera=camera, from_us=BEGIN_US, to_us=end, why="report 17", case=case)


async def test_a_hold_is_active_once_the_engine_has_written_it(studio: Studio) -> None:
    holds = studio.recordings.holds
    made = await holds.place(manager(), draft())
    assert (made.state, made.record) == (HoldState.ACTIVE, 1)
    told = studio.recorder.holds[made.id]
    assert (told.camera, told.on, told.by, told.why) == ("gate", True, "user:ana", "report 17")
    released = await holds.release(manager(), made.id, made.version, "over")
    assert released.state is HoldState.RELEASED
    assert released.released_us == studio.clock.utc_us()
    assert studio.recorder.holds == {}
    assert [action for _, action, _ in studio.lines()] == ["hold.place", "hold.release"]
    with pytest.raises(ConflictError) as again:
        await holds.release(manager(), made.id, released.version, "over")
    assert again.value.code == "hold_released"


async def test_a_hold_that_the_engine_did_not_hear_is_not_active_and_told_again(
    studio: Studio,
) -> None:
    holds = studio.recordings.holds
    studio.recorder.away = True
    with pytest.raises(UnavailableError):
        await holds.place(manager(), draft())
    (waiting,) = (await holds.list(manager(), FIRST)).items
    assert waiting.state is HoldState.PLACING
    assert await holds.finish() == 1
    assert (await holds.get(manager(), waiting.id)).state is HoldState.PLACING
    studio.recorder.away = False
    await holds.finish()
    assert (await holds.get(manager(), waiting.id)).state is HoldState.ACTIVE
    assert list(studio.recorder.holds) == [waiting.id]
    assert await holds.finish() == 0


async def test_a_case_holds_what_belongs_together(studio: Studio) -> None:
    cases, holds, ana = studio.recordings.cases, studio.recordings.holds, manager()
    case = await cases.create(ana, CaseDraft(title="Van", number="17"))
    first = await holds.place(ana, draft(case=case.id))
    await holds.place(ana, draft("yard"))
    found = await holds.list(ana, FIRST, case=case.id)
    assert [one.id for one in found.items] == [first.id]
    await cases.note(ana, case.id, NoteDraft("seen"))
    await cases.note(ana, case.id, NoteDraft("seen again"))
    assert [one.text for one in await cases.notes(ana, case.id)] == ["seen", "seen again"]
    closed = await cases.change(ana, case.id, 1, CaseChange(state=CaseState.CLOSED))
    assert (closed.state, closed.title, closed.version) == (CaseState.CLOSED, "Van", 2)
    assert (await cases.list(ana, FIRST, state=CaseState.OPEN)).items == ()
    with pytest.raises(ConflictError):
        await cases.change(ana, case.id, 1, CaseChange(title="x"))


async def test_nobody_holds_or_sees_what_is_not_his(studio: Studio) -> None:
    cases, holds = studio.recordings.cases, studio.recordings.holds
    mine = await holds.place(manager(), draft())
    case = await cases.create(manager(), CaseDraft(title="Van"))
    rio = manager("rj", "bia")
    for work in (
        holds.get(rio, mine.id),
        holds.release(rio, mine.id, mine.version, "x"),
        holds.place(rio, draft()),
        holds.place(rio, draft("pier", case.id)),
        cases.get(rio, case.id),
        cases.notes(rio, case.id),
    ):
        with pytest.raises(NotFoundError):
            await work
    looks = watcher("city:sp", Function.PLAYBACK_VIEW, Function.CAMERA_READ)
    with pytest.raises(ForbiddenError):
        await holds.place(looks, draft())
    with pytest.raises(ForbiddenError):
        await cases.list(looks, FIRST)
    assert (await holds.list(rio, FIRST)).items == ()


async def test_a_time_that_is_none_is_refused(studio: Studio) -> None:
    wrong = HoldDraft(camera="gate", from_us=5, to_us=5, why="x")
    with pytest.raises(InvalidError):
        await studio.recordings.holds.place(manager(), wrong)
