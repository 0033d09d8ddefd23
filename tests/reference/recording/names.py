"""Folders and names below the root of a volume."""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

HOUR_US = 3_600_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NAME = re.compile(
    r"(?P<kind>video|index)_(?P<hour>[01]\d|2[0-3])(?:-(?P<part>[1-9]\d{0,4}))?(?P<sub>\.sub)?"
    r"(?P<end>\.mp4e?|\.vms-idx|\.sha256)"
)
THUMB = re.compile(r"thumb_([01]\d|2[0-3])(\.sub)?\.webp")
CAMERA = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
KINDS = {".mp4": "video", ".mp4e": "video", ".sha256": "video", ".vms-idx": "index"}


def ledger(camera: str) -> str:
    """Return the path of a camera's ledger."""
    return f"cameras/{camera}/ledger.vms-idx"


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """The names of one part."""

    camera: str
    hour: int
    part: int = 0
    stream: int = 0
    encrypted: bool = False

    def path(self, kind: str, end: str) -> str:
        """Return the path of one of its files."""
        at = EPOCH + timedelta(hours=self.hour)
        number = f"-{self.part}" if self.part else ""
        sub = ".sub" if self.stream == 1 else ""
        return f"cameras/{self.camera}/{at:%Y-%m-%d}/{kind}_{at:%H}{number}{sub}{end}"

    def as_encrypted(self) -> "Part":
        """Return the same part with an encrypted video."""
        return replace(self, encrypted=True)

    @property
    def video(self) -> str:
        """Return the path of the video."""
        return self.path("video", ".mp4e" if self.encrypted else ".mp4")

    @property
    def index(self) -> str:
        """Return the path of the index."""
        return self.path("index", ".vms-idx")

    @property
    def sums(self) -> str:
        """Return the path of the checksums."""
        return self.path("video", ".sha256")


def parse(path: str) -> Part | None:
    """Return the part that a path belongs to, if its name is one of a part's files."""
    folders, _, name = path.rpartition("/")
    found = NAME.fullmatch(name)
    if found is None or KINDS[found["end"]] != found["kind"]:
        return None
    camera, day = folders.split("/")[1:3] if folders.count("/") == 2 else ("", "")
    try:
        start = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    hour = (start - EPOCH) // timedelta(hours=1) + int(found["hour"])
    encrypted = found["end"] == ".mp4e"
    part = Part(camera, hour, int(found["part"] or 0), int(bool(found["sub"])), encrypted)
    clean = replace(part, encrypted=False)
    return part if path in (part.video, clean.index, clean.sums) and part.part < 65536 else None


def is_thumb(path: str) -> bool:
    """Say whether a file is a picture of an hour, which nothing proves."""
    return THUMB.fullmatch(path.rpartition("/")[2]) is not None
