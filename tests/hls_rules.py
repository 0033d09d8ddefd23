"""The rules of draft-pantos-hls-rfc8216bis for live playlists, read strictly.

``read`` takes one playlist apart, ``broken`` tells what is wrong with it alone, ``broken_update``
what is wrong with it after the one before. Sections are those of the draft.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"\r\n]*"|[^",]+)(?:,|$)')
# How much a sum of rounded lengths may differ, seconds.
ROUNDING = 0.001


@dataclass(frozen=True)
class Part:
    """EXT-X-PART."""

    uri: str
    duration: float
    independent: bool
    gap: bool


@dataclass(frozen=True)
class Segment:
    """A Media Segment; ``uri`` is empty while only parts of it are there."""

    number: int
    uri: str
    duration: float
    parts: tuple[Part, ...]
    discontinuity: bool
    date: datetime | None
    map: str


@dataclass(frozen=True)
class Playlist:
    """A Media Playlist."""

    version: int
    target: int
    control: dict[str, str]
    part_target: float
    sequence: int
    discontinuity_sequence: int
    skipped: int
    segments: tuple[Segment, ...]
    hint: dict[str, str]
    ended: bool
    wrong: tuple[str, ...] = ()

    @property
    def next(self) -> tuple[int, int]:
        """Number and part of what comes next."""
        last = self.segments[-1] if self.segments else None
        if last is None:
            return self.sequence + self.skipped, 0
        return (last.number + 1, 0) if last.uri else (last.number, len(last.parts))


def attributes(text: str) -> dict[str, str]:
    """Read an attribute list (4.2)."""
    found = {name: value.strip('"') for name, value in ATTRIBUTE.findall(text)}
    if sum(len(m.group(0)) for m in ATTRIBUTE.finditer(text)) != len(text):
        raise ValueError(f"no attribute list: {text}")
    return found


@dataclass
class _Reader:
    version: int = 1
    target: int = -1
    control: dict[str, str] = field(default_factory=dict)
    part_target: float = 0.0
    sequence: int = 0
    discontinuity_sequence: int = 0
    skipped: int = 0
    segments: list[Segment] = field(default_factory=list)
    hint: dict[str, str] = field(default_factory=dict)
    ended: bool = False
    wrong: list[str] = field(default_factory=list)
    once: set[str] = field(default_factory=set)
    # Of the segment that is being read.
    parts: list[Part] = field(default_factory=list)
    duration: float | None = None
    discontinuity: bool = False
    date: datetime | None = None
    map: str = ""

    def close(self, uri: str) -> None:
        number = self.sequence + self.skipped + len(self.segments)
        segment = Segment(
            number,
            uri,
            self.duration or 0.0,
            tuple(self.parts),
            self.discontinuity,
            self.date,
            self.map,
        )
        self.segments.append(segment)
        self.parts, self.duration, self.discontinuity, self.date = [], None, False, None

    def tag(self, name: str, value: str) -> None:
        checks = (
            (name in self.once, f"4.4: {name} stands there twice"),
            (
                name in _ONCE and bool(self.segments or self.parts),
                f"4.4.3: {name} stands behind segments",
            ),
            (
                name in _BEFORE_PARTS and bool(self.parts),
                f"4.4.4.9: {name} stands behind the first part of its segment",
            ),
            (name not in _TAGS, f"{name} is not known to this reader"),
        )
        self.wrong += told(checks)
        if name in _ONCE:
            self.once.add(name)
        if name in _TAGS:
            _TAGS[name](self, value)

    def take_date(self, value: str) -> None:
        self.date = datetime.fromisoformat(value)
        if self.date.tzinfo is None:
            self.wrong.append("4.4.4.6: a date without a time zone")

    def take_part(self, value: str) -> None:
        said = attributes(value)
        length, key = float(said["DURATION"]), said.get("INDEPENDENT") == "YES"
        self.parts.append(Part(said["URI"], length, key, said.get("GAP") == "YES"))

    def take_length(self, value: str) -> None:
        length, comma, _ = value.partition(",")
        self.duration = float(length)
        if not comma:
            self.wrong.append("4.4.4.1: EXTINF without a comma")

    def line(self, line: str) -> None:
        if line.startswith("#EXT"):
            name, _, value = line[1:].partition(":")
            try:
                self.tag(name, value)
            except (KeyError, ValueError) as error:
                self.wrong.append(f"{name}: {error}")
        elif not line.startswith("#"):
            if self.duration is None:
                self.wrong.append(f"4.4.4.1: {line} has no EXTINF")
            self.close(line)


def told(checks: Iterable[tuple[bool, str]]) -> list[str]:
    """Return the words of those that are so."""
    return [words for so, words in checks if so]


def _set(name: str, value: Callable[[str], object]) -> Callable[[_Reader, str], None]:
    return lambda reader, text: setattr(reader, name, value(text))


_TAGS: dict[str, Callable[[_Reader, str], None]] = {
    "EXT-X-VERSION": _set("version", int),
    "EXT-X-TARGETDURATION": _set("target", int),
    "EXT-X-SERVER-CONTROL": _set("control", attributes),
    "EXT-X-PART-INF": _set("part_target", lambda text: float(attributes(text)["PART-TARGET"])),
    "EXT-X-MEDIA-SEQUENCE": _set("sequence", int),
    "EXT-X-DISCONTINUITY-SEQUENCE": _set("discontinuity_sequence", int),
    "EXT-X-SKIP": _set("skipped", lambda text: int(attributes(text)["SKIPPED-SEGMENTS"])),
    "EXT-X-MAP": _set("map", lambda text: attributes(text)["URI"]),
    "EXT-X-DISCONTINUITY": _set("discontinuity", lambda _: True),
    "EXT-X-PROGRAM-DATE-TIME": _Reader.take_date,
    "EXT-X-PART": _Reader.take_part,
    "EXTINF": _Reader.take_length,
    "EXT-X-PRELOAD-HINT": _set("hint", attributes),
    "EXT-X-ENDLIST": _set("ended", lambda _: True),
}
_ONCE = {
    "EXT-X-VERSION",
    "EXT-X-TARGETDURATION",
    "EXT-X-SERVER-CONTROL",
    "EXT-X-PART-INF",
    "EXT-X-MEDIA-SEQUENCE",
    "EXT-X-DISCONTINUITY-SEQUENCE",
    "EXT-X-SKIP",
}
_BEFORE_PARTS = {"EXT-X-MAP", "EXT-X-DISCONTINUITY", "EXT-X-PROGRAM-DATE-TIME"}


def read(text: str) -> Playlist:
    """Take a playlist apart; what is wrong with its form is in ``wrong``."""
    reader = _Reader()
    lines = text.splitlines()
    if not lines or lines[0] != "#EXTM3U":
        reader.wrong.append("4.4.1.1: the first line is not #EXTM3U")
    for line in lines[1:]:
        if line:
            reader.line(line)
    if reader.parts or reader.discontinuity or reader.date:
        reader.close("")
    return Playlist(
        reader.version,
        reader.target,
        reader.control,
        reader.part_target,
        reader.sequence,
        reader.discontinuity_sequence,
        reader.skipped,
        tuple(reader.segments),
        reader.hint,
        reader.ended,
        tuple(reader.wrong),
    )


def broken(playlist: Playlist) -> list[str]:
    """Tell which rules a live playlist of low latency breaks by itself."""
    wrong = [*playlist.wrong, *_broken_control(playlist)]
    for segment in playlist.segments:
        wrong += _broken_segment(playlist, segment)
    dates = [segment.date for segment in playlist.segments]
    listed = {one.uri for segment in playlist.segments for one in segment.parts}
    return wrong + told(
        (
            (any(dates) and not all(dates), "B.1: some segments have a date and some have none"),
            (
                not all(segment.uri for segment in playlist.segments[:-1]),
                "4.4.4.9: a segment that is not the last has parts alone",
            ),
            (
                playlist.hint.get("URI") in listed,
                "4.4.5.3: the hint names a part that is there already",
            ),
        )
    )


def _broken_control(playlist: Playlist) -> list[str]:
    control, segments = playlist.control, playlist.segments
    part_target, target = playlist.part_target, playlist.target

    def less(name: str, least: float) -> bool:
        return float(control.get(name, "inf")) < least - ROUNDING

    return told(
        (
            (target <= 0, "4.4.3.1: no target duration"),
            (playlist.skipped > 0 and playlist.version < 9, "8: EXT-X-SKIP before version 9"),
            (
                bool(segments) and not segments[0].map and not playlist.skipped,
                "4.4.4.5: fragmented MP4 without EXT-X-MAP",
            ),
            (
                any(segment.parts for segment in segments) and not part_target,
                "4.4.3.7: parts without EXT-X-PART-INF",
            ),
            (part_target > 0 and "PART-HOLD-BACK" not in control, "4.4.3.8: no PART-HOLD-BACK"),
            (
                less("PART-HOLD-BACK", 3 * part_target),
                "4.4.3.8: PART-HOLD-BACK is less than three parts",
            ),
            (less("HOLD-BACK", 3 * target), "4.4.3.8: HOLD-BACK is less than three targets"),
            (less("CAN-SKIP-UNTIL", 6 * target), "4.4.3.8: CAN-SKIP-UNTIL is under six targets"),
            (
                part_target > 0 and control.get("CAN-BLOCK-RELOAD") != "YES",
                "B.1: no blocking reload",
            ),
        )
    )


def _broken_segment(playlist: Playlist, segment: Segment) -> list[str]:
    name, target = f"segment {segment.number}", playlist.part_target
    total = sum(part.duration for part in segment.parts)
    uris = [part.uri for part in segment.parts]
    whole = bool(segment.uri)
    checks = [
        (
            whole and int(segment.duration + 0.5) > playlist.target,
            f"4.4.3.1: {name} of {segment.duration} s, target {playlist.target} s",
        ),
        (
            whole and bool(uris) and abs(total - segment.duration) > ROUNDING * len(uris),
            f"4.4.4.9: the parts of {name} are {total} s of {segment.duration} s",
        ),
        (len(set(uris)) != len(uris), f"4.4.4.9: {name} has a part twice"),
    ]
    for at, part in enumerate(segment.parts):
        last = whole and at == len(segment.parts) - 1
        before_gap = at + 1 < len(segment.parts) and segment.parts[at + 1].gap
        free = last or part.independent or part.gap or before_gap
        length = f"{part.uri} of {part.duration} s, target {target} s"
        checks += [
            (part.duration > target + 1e-6, f"4.4.4.9: {length}"),
            (not free and part.duration < 0.85 * target, f"4.4.4.9: under 85 %: {length}"),
        ]
    return told(checks)


def merged(before: Playlist, delta: Playlist) -> Playlist:
    """Return a whole playlist of a delta and the one before (6.3.7)."""
    if not delta.skipped:
        return delta
    kept = {segment.number: segment for segment in before.segments}
    numbers = range(delta.sequence, delta.sequence + delta.skipped)
    missing = [number for number in numbers if number not in kept]
    wrong = delta.wrong
    if missing:
        wrong = (*wrong, f"6.3.7: {missing} are skipped and were never listed")
    old = [kept[number] for number in numbers if number in kept]
    map_before = old[-1].map if old else ""
    new = [one if one.map else replace(one, map=map_before) for one in delta.segments]
    return replace(delta, skipped=0, segments=(*old, *new), wrong=wrong)


def broken_update(before: Playlist, after: Playlist) -> list[str]:
    """Tell which rules are broken between two whole playlists (6.2.1, 6.2.2)."""
    gone = [one for one in before.segments if one.number < after.sequence]
    expected = before.discontinuity_sequence + sum(one.discontinuity for one in gone)
    number = after.discontinuity_sequence
    wrong = told(
        (
            *(
                (getattr(before, name) != getattr(after, name), f"6.2.1: {name} changed")
                for name in ("version", "target", "control", "part_target")
            ),
            (after.sequence < before.sequence, "4.4.3.2: the media sequence went back"),
            (
                number < before.discontinuity_sequence,
                "4.4.3.3: the discontinuity sequence went back",
            ),
            (after.next < before.next, f"6.2.1: {before.next} went back to {after.next}"),
            (
                after.sequence <= before.next[0] and number != expected,
                f"6.2.2: discontinuity sequence {number}, not {expected}",
            ),
        )
    )
    old = {segment.number: segment for segment in before.segments}
    for segment in after.segments:
        if segment.number in old:
            wrong += _changed(old[segment.number], segment)
    return wrong + _unhinted(before, after)


def _changed(was: Segment, now: Segment) -> list[str]:
    name = f"segment {now.number}"
    return told(
        (
            *(
                (getattr(was, one) != getattr(now, one), f"6.2.1: {one} of {name} changed")
                for one in ("date", "discontinuity", "map")
            ),
            (
                bool(was.uri) and (was.uri, was.duration) != (now.uri, now.duration),
                f"6.2.1: {name} changed",
            ),
            (
                bool(now.parts) and now.parts[: len(was.parts)] != was.parts,
                f"6.2.1: parts of {name} changed",
            ),
        )
    )


def _unhinted(before: Playlist, after: Playlist) -> list[str]:
    """Tell whether what was hinted at is not what came."""
    number, at = before.next
    now = next((one for one in after.segments if one.number == number), None)
    if not before.hint or now is None or not now.parts or after.next <= before.next:
        return []
    came = now.parts[at].uri if at < len(now.parts) else ""
    return told(((came != before.hint.get("URI"), "4.4.5.3: what was hinted at did not come"),))
