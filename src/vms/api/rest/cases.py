"""Cases, holds and bookmarks."""

from typing import Annotated

import msgspec
from fastapi import Response
from msgspec import Meta

from vms.api.answers import answer, answer_page, no_content
from vms.api.caller import Caller
from vms.api.inputs import IfMatch, ListQuery, body, query
from vms.api.operation import Operations
from vms.api.rest import examples_cases as shown
from vms.api.rest.common import id_in_path
from vms.api.state import State
from vms.cities import CITY_PATTERN
from vms.recording import (
    ArchiveDraft,
    Bookmark,
    BookmarkChange,
    BookmarkDraft,
    CameraText,
    Case,
    CaseChange,
    CaseDraft,
    CaseState,
    CaseStill,
    Export,
    Hold,
    HoldDraft,
    HoldState,
    Note,
    NoteDraft,
    Release,
    StillDraft,
)

cases = Operations("/api/v1/cases", tag="recording")
holds = Operations("/api/v1/holds", tag="recording")
bookmarks = Operations("/api/v1/bookmarks", tag="recording")

CaseName = Annotated[str, id_in_path("case", "The case's id.")]
HoldName = Annotated[str, id_in_path("hold", "The hold's id.")]
StillName = Annotated[str, id_in_path("still", "The still's id.")]
BookmarkName = Annotated[str, id_in_path("bookmark", "The bookmark's id.")]
CityText = Annotated[
    str, Meta(pattern=f"^{CITY_PATTERN}$", description="Of this city; absent: all one may see.")
]
IdText = Annotated[str, Meta(min_length=1, max_length=63)]


class CasePage(msgspec.Struct, frozen=True):
    """A page of cases, the newest first."""

    items: list[Case]
    next: str | None = None


class CaseQuery(ListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which cases."""

    city: CityText | None = None
    state: Annotated[CaseState, Meta(description="Open or closed.")] | None = None


class NoteList(msgspec.Struct, frozen=True):
    """The notes of a case, the oldest first."""

    items: list[Note]


class StillList(msgspec.Struct, frozen=True):
    """The stills of a case, the oldest first."""

    items: list[CaseStill]


class HoldPage(msgspec.Struct, frozen=True):
    """A page of holds, the newest first."""

    items: list[Hold]
    next: str | None = None


class HoldQuery(ListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which holds."""

    city: CityText | None = None
    camera: Annotated[CameraText, Meta(description="On this camera.")] | None = None
    case: Annotated[IdText, Meta(description="Of this case.")] | None = None
    state: Annotated[HoldState, Meta(description="In this state.")] | None = None


class BookmarkPage(msgspec.Struct, frozen=True):
    """A page of bookmarks, the newest first."""

    items: list[Bookmark]
    next: str | None = None


class BookmarkQuery(ListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whose bookmarks, and which."""

    camera: Annotated[CameraText, Meta(description="On this camera.")] | None = None
    text: (
        Annotated[
            str,
            Meta(
                min_length=1, max_length=100, description="A part, whatever its case and accents."
            ),
        ]
        | None
    ) = None


@cases.get("", summary="Cases", answer=CasePage, example=CasePage([shown.CASE]))
async def list_cases(
    who: Caller, asked: Annotated[CaseQuery, query(CaseQuery)], state: State
) -> Response:
    """Return the cases one may work on."""
    page = state.cursors.page(asked)
    found = await state.recordings.cases.list(who, page, city=asked.city, state=asked.state)
    return answer_page(found, asked, state.cursors, Case)


@cases.post(
    "",
    summary="New case",
    status=201,
    answer=Case,
    example=shown.CASE,
    sent=CaseDraft(title="Van at the gate", number="2026/117"),
    refusals=frozenset({404}),
    versioned=True,
)
async def create_case(
    who: Caller, draft: Annotated[CaseDraft, body(CaseDraft)], state: State
) -> Response:
    """Open a case: holds, clips and notes that belong together."""
    made = await state.recordings.cases.create(who, draft)
    return answer(made, status=201, version=made.version, location=f"/api/v1/cases/{made.id}")


@cases.get("/{case}", summary="Case", answer=Case, example=shown.CASE, versioned=True)
async def get_case(who: Caller, case: CaseName, state: State) -> Response:
    """Return a case."""
    found = await state.recordings.cases.get(who, case)
    return answer(found, version=found.version)


@cases.patch(
    "/{case}",
    summary="Change a case",
    answer=Case,
    example=shown.CASE,
    sent=CaseChange(state=CaseState.CLOSED),
    versioned=True,
)
async def change_case(
    who: Caller,
    case: CaseName,
    change: Annotated[CaseChange, body(CaseChange)],
    version: IfMatch,
    state: State,
) -> Response:
    """Change a case; a field that is not sent stays. A closed case keeps its holds."""
    found = await state.recordings.cases.change(who, case, version, change)
    return answer(found, version=found.version)


@cases.get(
    "/{case}/notes", summary="Notes of a case", answer=NoteList, example=NoteList([shown.NOTE])
)
async def list_case_notes(who: Caller, case: CaseName, state: State) -> Response:
    """Return what was noted, the oldest first."""
    return answer(NoteList(list(await state.recordings.cases.notes(who, case))))


@cases.post(
    "/{case}/notes",
    summary="New note",
    status=201,
    answer=Note,
    example=shown.NOTE,
    sent=NoteDraft("The plate is readable at 10:42."),
)
async def create_case_note(
    who: Caller, case: CaseName, draft: Annotated[NoteDraft, body(NoteDraft)], state: State
) -> Response:
    """Add a note to a case. It is never changed."""
    return answer(await state.recordings.cases.note(who, case, draft), status=201)


@cases.get(
    "/{case}/stills",
    summary="Stills of a case",
    answer=StillList,
    example=StillList([shown.STILL]),
)
async def list_case_stills(who: Caller, case: CaseName, state: State) -> Response:
    """Return the pictures that a case keeps, the oldest first."""
    return answer(StillList(list(await state.recordings.stills.list(who, case))))


@cases.post(
    "/{case}/stills",
    summary="New still",
    status=201,
    answer=CaseStill,
    example=shown.STILL,
    sent=shown.STILL_DRAFT,
)
async def create_case_still(
    who: Caller, case: CaseName, draft: Annotated[StillDraft, body(StillDraft)], state: State
) -> Response:
    """Keep the picture of an instant, whatever becomes of the recording. It is never changed.

    `at_us` of the answer is the instant of the frame itself; where nothing was recorded at the
    instant that was asked for, it is the next picture after it.
    """
    made = await state.recordings.stills.take(who, case, draft)
    where = f"/api/v1/cases/{case}/stills/{made.id}"
    return answer(made, status=201, location=where)


@cases.get(
    "/{case}/stills/{still}",
    summary="Picture of a still",
    media="image/jpeg",
    example="(a JPEG file)",
)
async def get_case_still(who: Caller, case: CaseName, still: StillName, state: State) -> Response:
    """Return the JPEG, as it was taken. Each look is a line of the audit."""
    found, data = await state.recordings.stills.picture(who, case, still)
    headers = {"Cache-Control": "no-store", "Vms-At": str(found.at_us)}
    return Response(data, 200, headers, "image/jpeg")


@cases.post(
    "/{case}/archive",
    summary="Archive of a case",
    status=201,
    answer=Export,
    example=shown.ARCHIVE,
    sent=ArchiveDraft("To the court"),
)
async def archive_case(
    who: Caller, case: CaseName, draft: Annotated[ArchiveDraft, body(ArchiveDraft)], state: State
) -> Response:
    """Ask for one file of all clips, stills, notes and holds of a case, signed as a whole."""
    made = await state.recordings.exports.archive(who, case, draft)
    return answer(made, status=201, location=f"/api/v1/exports/{made.id}")


@holds.get("", summary="Holds", answer=HoldPage, example=HoldPage([shown.HOLD]))
async def list_holds(
    who: Caller, asked: Annotated[HoldQuery, query(HoldQuery)], state: State
) -> Response:
    """Return what nothing deletes."""
    found = await state.recordings.holds.list(
        who,
        state.cursors.page(asked),
        city=asked.city,
        camera=asked.camera,
        case=asked.case,
        state=asked.state,
    )
    return answer_page(found, asked, state.cursors, Hold)


@holds.post(
    "",
    summary="New hold",
    status=201,
    answer=Hold,
    example=shown.HOLD,
    sent=shown.HOLD_DRAFT,
    refusals=frozenset({404}),
    versioned=True,
)
async def create_hold(
    who: Caller, draft: Annotated[HoldDraft, body(HoldDraft)], state: State
) -> Response:
    """Hold a time of a camera: nothing deletes it, whatever rules and disks say.

    It is on disk when this is answered; where the media process is away, it stays `placing`
    and is told again until it is heard.
    """
    made = await state.recordings.holds.place(who, draft)
    return answer(made, status=201, version=made.version, location=f"/api/v1/holds/{made.id}")


@holds.get("/{hold}", summary="Hold", answer=Hold, example=shown.HOLD, versioned=True)
async def get_hold(who: Caller, hold: HoldName, state: State) -> Response:
    """Return a hold."""
    found = await state.recordings.holds.get(who, hold)
    return answer(found, version=found.version)


@holds.post(
    "/{hold}/release",
    summary="Release a hold",
    answer=Hold,
    example=shown.HOLD,
    sent=Release("The case is closed."),
    versioned=True,
)
async def release_hold(
    who: Caller,
    hold: HoldName,
    wanted: Annotated[Release, body(Release)],
    version: IfMatch,
    state: State,
) -> Response:
    """Give a hold up; its time follows the rules again."""
    found = await state.recordings.holds.release(who, hold, version, wanted.why)
    return answer(found, version=found.version)


@bookmarks.get(
    "",
    summary="Bookmarks",
    answer=BookmarkPage,
    example=BookmarkPage([shown.BOOKMARK]),
    refusals=frozenset({404}),
)
async def list_bookmarks(
    who: Caller, asked: Annotated[BookmarkQuery, query(BookmarkQuery)], state: State
) -> Response:
    """Return what was marked on a camera, or on all that one may play."""
    page = state.cursors.page(asked)
    found = await state.recordings.bookmarks.list(who, page, camera=asked.camera, text=asked.text)
    return answer_page(found, asked, state.cursors, Bookmark)


@bookmarks.post(
    "",
    summary="New bookmark",
    status=201,
    answer=Bookmark,
    example=shown.BOOKMARK,
    sent=shown.BOOKMARK_DRAFT,
    refusals=frozenset({404}),
    versioned=True,
)
async def create_bookmark(
    who: Caller, draft: Annotated[BookmarkDraft, body(BookmarkDraft)], state: State
) -> Response:
    """Mark an instant or a time of a camera."""
    made = await state.recordings.bookmarks.create(who, draft)
    return answer(made, status=201, version=made.version, location=f"/api/v1/bookmarks/{made.id}")


@bookmarks.get(
    "/{bookmark}", summary="Bookmark", answer=Bookmark, example=shown.BOOKMARK, versioned=True
)
async def get_bookmark(who: Caller, bookmark: BookmarkName, state: State) -> Response:
    """Return a bookmark."""
    found = await state.recordings.bookmarks.get(who, bookmark)
    return answer(found, version=found.version)


@bookmarks.patch(
    "/{bookmark}",
    summary="Change a bookmark",
    answer=Bookmark,
    example=shown.BOOKMARK,
    sent=BookmarkChange(text="A white van, seen again"),
    versioned=True,
)
async def change_bookmark(
    who: Caller,
    bookmark: BookmarkName,
    change: Annotated[BookmarkChange, body(BookmarkChange)],
    version: IfMatch,
    state: State,
) -> Response:
    """Change a bookmark; a field that is not sent stays."""
    found = await state.recordings.bookmarks.change(who, bookmark, version, change)
    return answer(found, version=found.version)


@bookmarks.delete("/{bookmark}", summary="Delete a bookmark", status=204)
async def delete_bookmark(
    who: Caller, bookmark: BookmarkName, version: IfMatch, state: State
) -> Response:
    """Take a bookmark away."""
    await state.recordings.bookmarks.delete(who, bookmark, version)
    return no_content()
