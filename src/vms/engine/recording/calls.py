"""The engine's calls about recordings: what goes in and what comes out. Plain data, no IO.

They cross as JSON, so the names of fields here are those of ``docs/design/recording.md``.
Times are microseconds of UTC; a part is named ``YYYY-MM-DD/HH[-N][.sub]``.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Literal, TypeVar

import msgspec

from vms.common import StreamName
from vms.engine.model import Keep, Values

Request = TypeVar("Request", bound=msgspec.Struct)
Answer = TypeVar("Answer", bound=msgspec.Struct)

Span = tuple[int, int]
Container = Literal["mp4", "mkv"]


@dataclass(frozen=True, slots=True)
class Call(Generic[Request, Answer]):
    """One call: its name, what it takes, what it answers, and how long it may take."""

    name: str
    request: type[Request]
    answer: type[Answer]
    timeout_s: float = 10.0


# --- what there is


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One file of video, at most an hour and a minute long."""

    camera: str
    city: str
    stream: StreamName
    part: str
    volume: str
    from_us: int
    to_us: int
    bytes: int
    fragments: int = 0
    keys: int = 0
    # It is being written.
    open: bool = False
    # How far its times may be off; none: unknown.
    error_us: int | None = None
    camera_offset_ms: int | None = None
    # Its index was made again from the video.
    rebuilt: bool = False
    encrypted: bool = False
    # Where its fragments follow each other; none: all of it.
    spans: tuple[Span, ...] = ()
    # When something was triggered.
    events: tuple[Span, ...] = ()


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A time without recording, and why."""

    camera: str
    stream: StreamName
    from_us: int
    to_us: int
    reason: str
    values: Values = {}
    # It lasts; ``to_us`` is now.
    open: bool = False


class InventoryRequest(msgspec.Struct, frozen=True):
    """Of which cameras (none: all) and of which time."""

    cameras: tuple[str, ...]
    from_us: int
    to_us: int
    # Cameras up to this one were told already.
    after: str | None = None


class Inventory(msgspec.Struct, frozen=True):
    """Parts and gaps that touch a time, whole cameras at once."""

    parts: tuple[Part, ...] = ()
    gaps: tuple[Gap, ...] = ()
    # Ask again with it as ``after``; none: that was all.
    next: str | None = None
    # Cameras of which there is more, on a volume that is away.
    unread: tuple[str, ...] = ()


class PictureRequest(msgspec.Struct, frozen=True):
    """A picture of an instant: its key frame, or ``exact`` all that leads to the frame."""

    camera: str
    stream: StreamName
    at_us: int
    exact: bool = False


class Picture(msgspec.Struct, frozen=True):
    """What the data of the answer shows: Annex B with its parameter sets."""

    at_us: int
    codec: str
    width: int
    height: int


class FramesRequest(msgspec.Struct, frozen=True):
    """The group of pictures of a time."""

    camera: str
    stream: StreamName
    from_us: int
    to_us: int


class Frames(msgspec.Struct, frozen=True):
    """What the data of the answer shows, with the time of each frame."""

    at_us: int
    codec: str
    width: int
    height: int
    frames: tuple[int, ...]


# --- triggers and holds


class TriggerRequest(msgspec.Struct, frozen=True):
    """Something happened: record it where that is the rule."""

    camera: str
    kind: str
    from_us: int
    until_us: int
    # None: both.
    stream: StreamName | None = None


class Triggered(msgspec.Struct, frozen=True):
    """Until when it is recorded for it."""

    until_us: int


class HoldRequest(msgspec.Struct, frozen=True):
    """Keep a camera's time whatever its rules say (``on``), or no longer."""

    camera: str
    hold: str
    on: bool
    from_us: int
    to_us: int
    by: str
    why: str


class HoldRecord(msgspec.Struct, frozen=True):
    """The number of the record in the camera's ledger: it is on disk."""

    number: int


class CameraRequest(msgspec.Struct, frozen=True):
    """One camera; nothing: all."""

    camera: str = ""


class HoldOnDisk(msgspec.Struct, frozen=True):
    """A hold as the deleter reads it."""

    camera: str
    hold: str
    from_us: int
    to_us: int
    by: str = ""
    why: str = ""


class Holds(msgspec.Struct, frozen=True):
    """The holds on disk."""

    holds: tuple[HoldOnDisk, ...] = ()


# --- exports


class ExportPart(msgspec.Struct, frozen=True):
    """What of one camera is taken away."""

    camera: str
    streams: tuple[StreamName, ...]
    from_us: int
    to_us: int
    # A time-lapse: the key frame of each so long a time; None: all of it.
    every_us: int | None = None


class ExportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An export into an empty folder of its own."""

    id: str
    parts: tuple[ExportPart, ...]
    container: Container
    audio: bool
    by: str
    why: str
    folder: str
    password: str | None = None

    def __repr__(self) -> str:
        return f"ExportRequest(id={self.id!r})"


class ExportId(msgspec.Struct, frozen=True):
    """Which export."""

    id: str


class ExportFile(msgspec.Struct, frozen=True):
    """One file of an export."""

    name: str
    bytes: int
    sha256: str
    from_us: int = 0
    to_us: int = 0
    gaps: tuple[Gap, ...] = ()
    camera: str = ""


class ExportState(StrEnum):
    """Where an export of the engine stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ExportError(msgspec.Struct, frozen=True):
    """Why it failed."""

    code: str
    values: Values = {}


class ExportStatus(msgspec.Struct, frozen=True):
    """How far an export is."""

    state: ExportState
    done_bytes: int = 0
    total_bytes: int = 0
    files: tuple[ExportFile, ...] = ()
    error: ExportError | None = None


# --- proof


class VerifyRequest(msgspec.Struct, frozen=True):
    """What is to be proved, and by which key (its fingerprint; none: whichever signed)."""

    camera: str
    stream: StreamName
    from_us: int
    to_us: int
    pin: str | None = None


class Finding(msgspec.Struct, frozen=True):
    """What is wrong, and where."""

    code: str
    file: str = ""
    at_us: int = 0
    detail: str = ""


class VerifyReport(msgspec.Struct, frozen=True):
    """What was proved."""

    intact: bool
    signer_known: bool
    fragments: int = 0
    seals: int = 0
    # Not sealed yet, or made again from the video.
    unsealed: int = 0
    rebuilt: int = 0
    keys: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


class Worked(msgspec.Struct, frozen=True):
    """What rebuilding or checking did."""

    counts: dict[str, int] = {}
    findings: tuple[Finding, ...] = ()


class KeyRequest(msgspec.Struct, frozen=True):
    """Nothing is asked but the keys."""


class EvidenceKey(msgspec.Struct, frozen=True):
    """A key that seals recordings: Ed25519 in base 64."""

    key: str
    public: str
    since_us: int
    # The key that vouches for it; the first one does so itself.
    signed_by: str = ""


class EvidenceKeys(msgspec.Struct, frozen=True):
    """Every key that ever sealed here, the newest last."""

    keys: tuple[EvidenceKey, ...] = ()


class Signable(StrEnum):
    """What the evidence key signs for us; each has words of its own in front."""

    # The list of the files in the archive of a case.
    CASE = "case"


class SignRequest(msgspec.Struct, frozen=True):
    """What is to be signed: its SHA-256, in hexadecimal."""

    kind: Signable
    sha256: str


class VouchedKey(msgspec.Struct, frozen=True):
    """A public key, and what the key before it signed of it; URL-safe base 64."""

    public: str
    # Empty: the first one.
    signature: str = ""


class Signed(msgspec.Struct, frozen=True):
    """A signature of the newest key, and the keys that lead to it."""

    # SHA-256 of the public key, in hexadecimal.
    key: str
    signature: str
    keys: tuple[VouchedKey, ...]


# --- room


class ForecastRequest(msgspec.Struct, frozen=True):
    """What would become of other rules; ``dry_run`` lists what would go at once."""

    keeps: dict[str, Keep] = {}
    dry_run: bool = False


class Removal(msgspec.Struct, frozen=True):
    """What would go, and why."""

    parts: int
    bytes: int
    reason: str


class VolumeForecast(msgspec.Struct, frozen=True):
    """How a volume fills: bytes a second, and for how many days it lasts."""

    volume: str
    bytes: int
    # None: nobody set a limit to a bucket.
    free: int | None
    rate: float
    days: float | None


class CameraForecast(msgspec.Struct, frozen=True):
    """How a camera's recordings grow."""

    camera: str
    bytes: int
    oldest_us: int | None
    rate: float
    days: float | None
    would_remove: tuple[Removal, ...] = ()


class ClockStep(msgspec.Struct, frozen=True):
    """The clock stepped: nothing goes by age until somebody confirms the time."""

    # What the clock would have said, and by how much it is another now.
    since_us: int
    step_us: int


class Forecast(msgspec.Struct, frozen=True):
    """At this rate."""

    volumes: tuple[VolumeForecast, ...] = ()
    cameras: tuple[CameraForecast, ...] = ()
    # A step of the clock that waits to be confirmed.
    clock: ClockStep | None = None


class ClockRequest(msgspec.Struct, frozen=True):
    """The time is right as it is."""


class ClockConfirmed(msgspec.Struct, frozen=True):
    """Whether it was in doubt."""

    confirmed: bool


class VolumeRequest(msgspec.Struct, frozen=True):
    """Nothing is asked but the volumes."""


class Volume(msgspec.Struct, frozen=True, kw_only=True):
    """A folder that recordings are written to, or a bucket they move to, as it is now."""

    name: str
    path: str
    # None where it could never be opened.
    id: str | None
    # ``ok``, ``slow``, ``full``, ``failed`` or ``read_only``.
    state: str
    reason: str | None = None
    bytes: int = 0
    # None: nobody set a limit to a bucket.
    free: int | None = 0
    commit_ms: float = 0.0
    queue_bytes: int = 0
    rate: float = 0.0


class Volumes(msgspec.Struct, frozen=True):
    """All of them, in the order of the settings."""

    volumes: tuple[Volume, ...] = ()


class Nothing(msgspec.Struct, frozen=True):
    """An answer that says only that it is done."""


_LONG_S = 600.0

INVENTORY = Call("inventory", InventoryRequest, Inventory, 60.0)
PICTURE = Call("picture", PictureRequest, Picture)
FRAMES = Call("frames", FramesRequest, Frames)
TRIGGER = Call("trigger", TriggerRequest, Triggered)
HOLD = Call("hold", HoldRequest, HoldRecord)
HOLDS = Call("holds", CameraRequest, Holds)
# Of a month every hour's index is read before it answers.
EXPORT_START = Call("export_start", ExportRequest, ExportId, timeout_s=120.0)
EXPORT_STATUS = Call("export_status", ExportId, ExportStatus)
EXPORT_CANCEL = Call("export_cancel", ExportId, ExportStatus)
VERIFY = Call("verify", VerifyRequest, VerifyReport, _LONG_S)
REBUILD = Call("rebuild", CameraRequest, Worked, _LONG_S)
CHECK = Call("check", CameraRequest, Worked, _LONG_S)
CONFIRM_CLOCK = Call("confirm_clock", ClockRequest, ClockConfirmed)
FORECAST = Call("forecast", ForecastRequest, Forecast, 60.0)
VOLUMES = Call("volumes", VolumeRequest, Volumes)
SIGN = Call("sign", SignRequest, Signed)
KEYS = Call("keys", KeyRequest, EvidenceKeys)
ROTATE_KEY = Call("rotate_key", KeyRequest, EvidenceKeys)
