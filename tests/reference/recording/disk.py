"""What lies in the folder of a camera, read before anything is judged."""

from dataclasses import dataclass, field
from pathlib import Path

from . import boxes, ledger, names, records, video
from .fields import TornError, Values
from .records import Damage, Record
from .report import CHANGED, MISSING, Finding


@dataclass(slots=True)
class Fragment:
    """One fragment as the index has it."""

    record: Record
    values: Values
    part: "Part"

    @property
    def sequence(self) -> int:
        """Return its number."""
        return int(self.values["sequence"])

    @property
    def end_us(self) -> int:
        """Return when it ends."""
        return int(self.values["utc_us"] + self.values["duration_us"])

    @property
    def video_end(self) -> int:
        """Return where it ends in the video file."""
        return int(self.values["offset"] + self.values["size"])

    def finding(self, state: str, why: str = "", groups: int = ledger.ALL) -> Finding:
        """Say something of it."""
        span = (self.sequence, self.sequence, self.values["utc_us"], self.end_us)
        return Finding(state, self.part.name.video, why, *span, groups)


@dataclass(slots=True)
class Part:
    """A video, its index, its checksums."""

    name: names.Part
    video: bytes | None
    index: bytes | None
    sums: bytes | None
    key: bytes | None = None
    close: Values | None = None
    fragments: list[Fragment] = field(default_factory=list)

    def span(self) -> tuple[int, int, int, int]:
        """Return first and last sequence, begin and end."""
        if not self.fragments:
            return 0, 0, self.name.hour * names.HOUR_US, (self.name.hour + 1) * names.HOUR_US
        first, last = self.fragments[0], self.fragments[-1]
        return first.sequence, last.sequence, first.values["utc_us"], last.end_us


@dataclass(slots=True)
class Disk:
    """A camera's folder on one volume."""

    city: str
    camera: str
    entries: list[ledger.Entry]
    parts: list[Part]
    findings: list[Finding]
    strangers: list[str]
    ledger_damaged: bool


def files_of(root: Path, camera: str) -> dict[str, bytes]:
    """Return every file of a camera by its path below the root."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted((root / "cameras" / camera).rglob("*"))
        if path.is_file()
    }


def read(files: dict[str, bytes], camera: str, master_keys: dict[str, bytes]) -> Disk:
    """Read everything of one camera."""
    found: list[Finding] = []
    own = names.ledger(camera)
    entries, head = read_ledger(own, files.get(own, b""), found)
    damaged = bool(found)
    parts = [read_part(name, files, master_keys, found) for name in part_names(files)]
    strangers = [
        path for path in files
        if path != own and names.parse(path) is None and not names.is_thumb(path)
    ]  # fmt: skip
    city = head["city"] if head else ""
    if head and head["camera"] != camera:
        found.append(Finding(CHANGED, own, f"it is of the camera {head['camera']}"))
    return Disk(city, camera, entries, parts, found, strangers, damaged)


def part_names(files: dict[str, bytes]) -> list[names.Part]:
    """Return every part of which any file is there."""
    found = {part for path in files if (part := names.parse(path))}
    encrypted = {part for part in found if part.encrypted}
    return sorted(encrypted | {part for part in found if part.as_encrypted() not in encrypted})


def read_ledger(
    path: str, data: bytes, found: list[Finding]
) -> tuple[list[ledger.Entry], Values | None]:
    """Read a ledger and its HEADER; what is torn is named by the records around it."""
    all_records, damage = records.scan(data)
    entries = ledger.entries(all_records)
    try:
        head = records.header_of(all_records)
    except TornError as error:
        head = None
        found.append(Finding(CHANGED, path, str(error)))
    for torn in damage:
        before = [e.values for e in entries if e.at < torn.at]
        behind = [e.values for e in entries if e.at > torn.at]
        from_us = before[-1]["utc_us"] if before else 0
        to_us = behind[0]["utc_us"] if behind else 0
        why = f"torn from byte {torn.at} to {torn.end}, behind record {len(before)}"
        found.append(Finding(CHANGED, path, why, from_us=from_us, to_us=to_us))
    return entries, head


def read_part(
    name: names.Part, files: dict[str, bytes], master_keys: dict[str, bytes], found: list[Finding]
) -> Part:
    """Read one part; what its index lacks is taken from the video and named."""
    part = Part(name, files.get(name.video), files.get(name.index), files.get(name.sums))
    found += [
        Finding(MISSING, path, "the file is not there")
        for path, data in ((name.video, part.video), (name.index, part.index))
        if data is None
    ]
    damage = read_index(part, master_keys, found)
    known = {each.sequence for each in part.fragments}
    if part.video is not None and (part.key or not name.encrypted):
        if name.encrypted and part.key is None:
            part.key = video.data_key(part.video, master_keys, name.camera)
        for record, at, size in video.salvage(part.video, name.camera, part.key):
            fragment = Fragment(video.rebuilt(record, at, size, name.part), record.values(), part)
            if fragment.sequence not in known:
                add_salvaged(fragment, found)
    part.fragments.sort(key=lambda each: each.sequence)
    span = part.span()
    why = "; ".join(f"torn from byte {torn.at} to {torn.end}" for torn in damage)
    if why:
        found.append(Finding(CHANGED, name.index, why, *span))
    return part


def add_salvaged(fragment: Fragment, found: list[Finding]) -> None:
    """Take a fragment from the video, and name it as one that the index lacks."""
    part = fragment.part
    fragment.values = Fragment(fragment.record, fragment.record.values(), part).values
    part.fragments.append(fragment)
    span = (fragment.sequence, fragment.sequence, fragment.values["utc_us"], fragment.end_us)
    if part.index is not None:
        found.append(Finding(CHANGED, part.name.index, "the index lacks it", *span))


def read_index(part: Part, master_keys: dict[str, bytes], found: list[Finding]) -> list[Damage]:
    """Read an index, if there is one."""
    if part.index is None:
        return []
    all_records, damage = records.scan(part.index)
    for record in all_records:
        if record.type == records.FRAGMENT:
            part.fragments.append(Fragment(record, record.values(), part))
        elif record.type == records.CLOSE:
            part.close = record.values()
        elif record.type == records.DATAKEY and record.values()["master"] in master_keys:
            part.key = boxes.unwrap(record.values(), master_keys, part.name.camera)
    name = part.name
    place = {"camera": name.camera, "stream": name.stream, "hour": name.hour, "part": name.part}
    head = all_records[0].values() if all_records and all_records[0].type == records.HEADER else {}
    if not damage and {key: head.get(key) for key in place} != place:
        found.append(Finding(CHANGED, name.index, "its HEADER is of another place", *part.span()))
    return damage
