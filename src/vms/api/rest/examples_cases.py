"""Cases, holds, exports and bookmarks that operations show as examples."""

import msgspec

from vms.api.rest.examples import ID, OTHER_ID, US
from vms.common import StreamName
from vms.recording import (
    Bookmark,
    BookmarkDraft,
    Case,
    CaseState,
    CaseStill,
    ClipDraft,
    ClipReason,
    Export,
    ExportDraft,
    ExportGap,
    ExportKind,
    ExportPartDraft,
    ExportStep,
    Hold,
    HoldDraft,
    HoldState,
    Note,
    StillDraft,
    Timelapse,
)

_HOUR_US = 3_600_000_000
_BY = f"user:{OTHER_ID}"

CASE = Case(
    id=ID,
    city="sp",
    title="Van at the gate",
    number="2026/117",
    text="",
    state=CaseState.OPEN,
    by=_BY,
    created_us=US,
    updated_us=US,
    version=1,
)
NOTE = Note(id=ID, text="The plate is readable at 10:42.", by=_BY, at_us=US)
STILL_DRAFT = StillDraft(camera="gate", at_us=US, text="The driver")
STILL = CaseStill(
    id=ID,
    camera="gate",
    stream=StreamName.MAIN,
    at_us=US - 40_000,
    width=1920,
    height=1080,
    bytes=412_000,
    sha256="5e" * 32,
    text="The driver",
    by=_BY,
    created_us=US,
)
HOLD_DRAFT = HoldDraft(camera="gate", from_us=US, to_us=US + _HOUR_US, why="Report 2026/117")
HOLD = Hold(
    id=ID,
    city="sp",
    camera="gate",
    case=None,
    from_us=US,
    to_us=US + _HOUR_US,
    why="Report 2026/117",
    state=HoldState.ACTIVE,
    record=17,
    by=_BY,
    created_us=US,
    released_us=None,
    version=2,
)
BOOKMARK_DRAFT = BookmarkDraft(camera="gate", at_us=US, text="A white van")
BOOKMARK = Bookmark(
    id=ID,
    city="sp",
    camera="gate",
    at_us=US,
    to_us=None,
    text="A white van",
    by=_BY,
    created_us=US,
    version=1,
)
CLIP_DRAFT = ClipDraft(
    camera="gate", from_us=US, to_us=US + _HOUR_US, reason=ClipReason.EVIDENCE, name="White van"
)
_PART = ExportPartDraft(camera="gate", from_us=US, to_us=US + _HOUR_US)
EXPORT_DRAFT = ExportDraft(parts=(_PART,), why="Request of the police", password="seven bicycles")
_DAY = ExportPartDraft(camera="gate", from_us=US, to_us=US + 24 * _HOUR_US)
CLIP = Export(
    id=ID,
    city="sp",
    kind=ExportKind.CLIP,
    name="White van",
    why="evidence",
    parts=(_PART,),
    container="mp4",
    audio=True,
    locked=False,
    state=ExportStep.COMPLETED,
    done_bytes=1_800_000_000,
    total_bytes=1_800_000_000,
    error=None,
    gaps=(ExportGap("gate", US, US + 1_000_000, "no_video"),),
    file="gate_2023-11-14_19-13-20_-0300.mp4",
    bytes=1_800_000_000,
    sha256="9f" * 32,
    case=None,
    reason=ClipReason.EVIDENCE,
    by=_BY,
    created_us=US,
    finished_us=US + 30_000_000,
    expires_us=None,
    version=3,
)
TIMELAPSE = msgspec.structs.replace(
    CLIP,
    id=OTHER_ID,
    kind=ExportKind.TIMELAPSE,
    name="gate",
    why="The building site",
    parts=(_DAY,),
    timelapse=Timelapse(length_s=60),
    audio=False,
    gaps=(),
    file=f"export-{OTHER_ID}.zip",
    reason=None,
    expires_us=US + 7 * 24 * _HOUR_US,
)
ARCHIVE = Export(
    id=OTHER_ID,
    city="sp",
    kind=ExportKind.ARCHIVE,
    name="Van at the gate",
    why="To the court",
    parts=(_PART,),
    container="mp4",
    audio=False,
    locked=False,
    state=ExportStep.PENDING,
    done_bytes=0,
    total_bytes=0,
    error=None,
    gaps=(),
    file=None,
    bytes=None,
    sha256=None,
    case=ID,
    reason=None,
    by=_BY,
    created_us=US,
    finished_us=None,
    expires_us=US + 7 * 24 * _HOUR_US,
    version=1,
)
