"""What people say about recording: rules, policies, holds, exports, bookmarks. Pure.

The structs are those of the API too, so whatever comes from outside has bounds.
"""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from vms.common import CAMERA_ID_PATTERN, StreamName
from vms.engine.model import Keep, RecordMode, Thin, ThinTo
from vms.engine.recording import Container

SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US
# The year 2100: nothing is recorded later.
LATEST_US = 4_102_444_800 * SECOND_US
MOST_DAYS = 3650

AtUs = Annotated[int, Meta(ge=0, le=LATEST_US, description="Microseconds of UTC.")]
Days = Annotated[int, Meta(ge=0, le=MOST_DAYS)]
Seconds = Annotated[int, Meta(ge=0, le=60)]
Weekday = Annotated[int, Meta(ge=1, le=7, description="Monday is 1, Sunday 7.")]
DayTime = Annotated[
    str,
    Meta(
        pattern="^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$",
        max_length=5,
        description="Of the city's own clock, such as 08:00; 24:00 ends a day.",
    ),
]
CameraText = Annotated[str, Meta(pattern=f"^{CAMERA_ID_PATTERN}$", description="A camera's id.")]
Why = Annotated[str, Meta(min_length=1, max_length=500, description="Why; it is audited.")]
Text = Annotated[str, Meta(min_length=1, max_length=500)]
Title = Annotated[str, Meta(min_length=1, max_length=120)]
OptionalText = Annotated[str, Meta(max_length=500)]


class Slot(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename={"begin": "from", "end": "to"},
):
    """A time of the week with a mode of its own. One that ends before it begins goes over
    midnight and belongs to the day it begins on.
    """

    days: Annotated[tuple[Weekday, ...], Meta(min_length=1, max_length=7)]
    begin: DayTime
    end: DayTime
    mode: RecordMode


class StreamRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When a stream is recorded, and how."""

    # Outside of the schedule.
    mode: RecordMode = RecordMode.CONTINUOUS
    # The first slot that holds decides.
    schedule: Annotated[tuple[Slot, ...], Meta(max_length=50)] = ()
    audio: bool = True
    pre_s: Seconds = 5
    post_s: Annotated[int, Meta(ge=0, le=600)] = 10


class ThinStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """After so many days no more than this is left."""

    after_days: Annotated[int, Meta(ge=1, le=MOST_DAYS)]
    to: ThinTo


class Keeping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How long recordings are kept: never less than ``min_days``, never more than the rest."""

    min_days: Days | None = None
    max_days: Annotated[int, Meta(ge=1, le=MOST_DAYS)] | None = None
    max_bytes: Annotated[int, Meta(ge=1, le=1 << 53)] | None = None
    thin: Annotated[tuple[ThinStep, ...], Meta(max_length=3)] = ()


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is said of one camera."""

    main: StreamRule = StreamRule()
    sub: StreamRule = StreamRule()
    keep: Keeping = Keeping()


class ManualAction(StrEnum):
    """What is done by hand."""

    START = "start"
    STOP = "stop"
    # Back to the rules.
    RELEASE = "release"


class ManualOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Start or stop a camera's recording by hand, until a time or until released."""

    action: ManualAction
    until_us: AtUs | None = None


class Manual(msgspec.Struct, frozen=True):
    """What was ordered by hand and holds."""

    action: ManualAction
    until_us: int | None
    since_us: int
    by: str


class RuleView(msgspec.Struct, frozen=True, kw_only=True):
    """A camera's rules, and what comes of them now."""

    camera: str
    rule: Rule
    manual: Manual | None
    # What runs at this moment, and until when.
    now: dict[StreamName, RecordMode]
    next_change_us: int | None
    # Of this camera, its groups, its city and its plan together.
    keep: Keep
    time_zone: str
    version: int


class PolicyView(msgspec.Struct, frozen=True):
    """What is kept by plan, city or group."""

    keep: Keeping
    version: int
    # A plan's policy belongs to no city.
    city: str | None = None
    plan: str | None = None
    group: str | None = None


def wish_of_keep(keep: Keeping) -> Keep:
    """Return what is said of one level as the engine takes it."""
    steps = tuple(Thin(step.after_days, step.to) for step in keep.thin)
    return Keep(keep.min_days or 0, keep.max_days, keep.max_bytes, steps)


# --- timelines


class ReasonView(msgspec.Struct, frozen=True):
    """Why nothing was recorded: a code with values, so that any language can say it."""

    code: str
    values: dict[str, str | int | float] = {}


class SpanView(msgspec.Struct, frozen=True, kw_only=True):
    """A time that was recorded."""

    from_us: int
    to_us: int
    keys: int
    bytes: int
    error_us: int | None
    camera_offset_ms: int | None
    rebuilt: bool
    held: bool


class GapView(msgspec.Struct, frozen=True):
    """A time that was not recorded."""

    from_us: int
    to_us: int
    reason: ReasonView
    open: bool = False


class MarkKind(StrEnum):
    """What a mark is about."""

    BOOKMARK = "bookmark"
    TRIGGER = "trigger"
    CLIP = "clip"
    HOLD = "hold"
    ALARM = "alarm"


class Mark(msgspec.Struct, frozen=True):
    """Something that happened or was noted."""

    at_us: int
    to_us: int | None
    kind: MarkKind
    id: str
    text: str


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """What there is of a stream in a time."""

    camera: str
    stream: StreamName
    from_us: int
    to_us: int
    spans: list[SpanView]
    gaps: list[GapView]
    marks: list[Mark]
    # Days of the city's own calendar on which something was recorded.
    days: list[str]
    time_zone: str


# --- cases and holds


class HoldState(StrEnum):
    """Where a hold stands."""

    # Asked of the engine, which has not answered yet.
    PLACING = "placing"
    ACTIVE = "active"
    RELEASING = "releasing"
    RELEASED = "released"


class HoldDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to be kept whatever the rules say."""

    camera: CameraText
    from_us: AtUs
    to_us: AtUs
    why: Why
    case: Annotated[str, Meta(pattern="^[0-9a-z]{23}$")] | None = None


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """A time of a camera that nothing deletes."""

    id: str
    city: str
    camera: str
    case: str | None
    from_us: int
    to_us: int
    why: str
    state: HoldState
    # Of the record in the camera's ledger: that it is on disk.
    record: int | None
    by: str
    created_us: int
    released_us: int | None
    version: int


class Release(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a hold is given up."""

    why: Why


class CaseState(StrEnum):
    """Whether a case is worked on."""

    OPEN = "open"
    CLOSED = "closed"


class CaseDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one may say about a case."""

    title: Title
    number: Annotated[str, Meta(max_length=60, description="Such as a police report's.")] = ""
    text: Annotated[str, Meta(max_length=4000)] = ""
    city: Annotated[str, Meta(pattern="^[a-z0-9_-]{1,50}$")] | None = None


class CaseChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A field that is not sent stays."""

    title: Title | None = None
    number: Annotated[str, Meta(max_length=60)] | None = None
    text: Annotated[str, Meta(max_length=4000)] | None = None
    state: CaseState | None = None


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """What belongs together: holds, clips, notes."""

    id: str
    city: str
    title: str
    number: str
    text: str
    state: CaseState
    by: str
    created_us: int
    updated_us: int
    version: int


class NoteDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A note to a case. It is never changed."""

    text: Annotated[str, Meta(min_length=1, max_length=4000)]


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody noted, and when."""

    id: str
    text: str
    by: str
    at_us: int


class StillDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Of which instant a case keeps the picture."""

    camera: CameraText
    at_us: AtUs
    stream: StreamName = StreamName.MAIN
    text: Annotated[str, Meta(max_length=1000)] = ""


class CaseStill(msgspec.Struct, frozen=True, kw_only=True):
    """A picture that a case keeps, whatever becomes of the recording. It is never changed."""

    id: str
    camera: str
    stream: StreamName
    # Of the frame itself: the one shown at the instant that was asked for.
    at_us: int
    width: int
    height: int
    # Of the JPEG file.
    bytes: int
    sha256: str
    text: str
    by: str
    created_us: int


# --- clips and exports


class ExportKind(StrEnum):
    """What was asked for."""

    # One camera, kept in the library and counted by the plan.
    CLIP = "clip"
    EXPORT = "export"
    # Key frames of a long time, shown fast.
    TIMELAPSE = "timelapse"
    # All clips and notes of a case in one file.
    ARCHIVE = "archive"


class ClipReason(StrEnum):
    """What a clip is for."""

    EVIDENCE = "evidence"
    INCIDENT = "incident"
    EXPORT = "export"


class ExportStep(StrEnum):
    """Where an export stands."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    ERROR = "error"
    CANCELLED = "cancelled"


ENDED = frozenset({ExportStep.COMPLETED, ExportStep.ERROR, ExportStep.CANCELLED})

# Pictures that a time-lapse shows a second.
TIMELAPSE_RATE = 25

Password = Annotated[str, Meta(min_length=8, max_length=128)]


class ClipDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A clip of one camera."""

    camera: CameraText
    from_us: AtUs
    to_us: AtUs
    reason: ClipReason
    name: Title
    text: OptionalText = ""
    stream: StreamName = StreamName.MAIN
    container: Container = "mp4"
    audio: bool = True
    case: Annotated[str, Meta(pattern="^[0-9a-z]{23}$")] | None = None


class ExportPartDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What of one camera."""

    camera: CameraText
    from_us: AtUs
    to_us: AtUs
    streams: Annotated[tuple[StreamName, ...], Meta(min_length=1, max_length=2)] = (
        StreamName.MAIN,
    )


class Timelapse(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The pace of a time-lapse, one of both: a picture every so often, or how long it plays."""

    every_s: Annotated[int, Meta(ge=1, le=86_400)] | None = None
    length_s: Annotated[int, Meta(ge=1, le=1200)] | None = None

    def __post_init__(self) -> None:
        if (self.every_s is None) == (self.length_s is None):
            raise ValueError("either every_s or length_s")

    def every_us(self, length_us: int) -> int:
        """Return how far its pictures are apart in a time of this length: a second at least."""
        if self.every_s is not None:
            return self.every_s * SECOND_US
        return max(SECOND_US, length_us // ((self.length_s or 1) * TIMELAPSE_RATE))


class ExportDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Video of one or several cameras of a city, to be taken away."""

    parts: Annotated[tuple[ExportPartDraft, ...], Meta(min_length=1, max_length=64)]
    why: Why
    container: Container = "mp4"
    audio: bool = True
    timelapse: (
        Annotated[
            Timelapse,
            Meta(
                description="Key frames alone, shown fast, in an MP4 without sound.",
                examples=[{"length_s": 60}],
            ),
        ]
        | None
    ) = None
    password: Password | None = None

    def __post_init__(self) -> None:
        if self.timelapse is not None and self.container != "mp4":
            raise ValueError("a time-lapse is an MP4")

    def __repr__(self) -> str:
        return f"ExportDraft(parts={self.parts!r})"


class ArchiveDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A case in one file: its clips, notes and holds."""

    why: Why
    password: Password | None = None

    def __repr__(self) -> str:
        return "ArchiveDraft()"


class ExportFault(msgspec.Struct, frozen=True):
    """Why it failed: a code with values."""

    code: str
    values: dict[str, str | int | float] = {}


class ExportGap(msgspec.Struct, frozen=True):
    """A time that is missing in what was exported."""

    camera: str
    from_us: int
    to_us: int
    reason: str


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """A clip, an export or an archive, and how far it is."""

    id: str
    city: str
    kind: ExportKind
    name: str
    why: str
    parts: tuple[ExportPartDraft, ...]
    # Of a time-lapse alone.
    timelapse: Timelapse | None = None
    container: Container
    audio: bool
    # It opens with the password that was told.
    locked: bool
    state: ExportStep
    done_bytes: int
    total_bytes: int
    error: ExportFault | None
    gaps: tuple[ExportGap, ...]
    # Of the one file to download.
    file: str | None
    bytes: int | None
    sha256: str | None
    case: str | None
    reason: ClipReason | None
    by: str
    created_us: int
    finished_us: int | None
    # The file goes then; none: with its clip alone.
    expires_us: int | None
    version: int


class LinkDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A link that anybody may follow until it runs out."""

    valid_s: Annotated[int, Meta(ge=60, le=30 * 86_400)] = 86_400


class Link(msgspec.Struct, frozen=True):
    """Where the file is, and until when. It is told once."""

    path: str
    expires_us: int


# --- bookmarks


class BookmarkDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An instant or a time worth finding again."""

    camera: CameraText
    at_us: AtUs
    to_us: AtUs | None = None
    text: Text


class BookmarkChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A field that is not sent stays."""

    text: Text | None = None
    at_us: AtUs | None = None
    to_us: AtUs | None = None


class Bookmark(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody marked."""

    id: str
    city: str
    camera: str
    at_us: int
    to_us: int | None
    text: str
    by: str
    created_us: int
    version: int
