"""Timelines: what there is of cameras in a time, at any zoom, from the catalogue alone."""

import zoneinfo
from collections.abc import Iterable, Sequence
from datetime import tzinfo

import msgspec

from vms.admin import Function, Principal
from vms.cameras import CameraPlace
from vms.common import Clock, InvalidError, StreamName
from vms.database import Database, Unit
from vms.recording import schedule
from vms.recording.access import check_time, find
from vms.recording.model import (
    SECOND_US,
    GapView,
    Mark,
    MarkKind,
    ReasonView,
    SpanView,
    Timeline,
)
from vms.recording.ports import Cities
from vms.recording.store import catalogue as store

# A year, and a day for the clocks.
MOST_DAYS = 367
MOST_CAMERAS = 200
# A part waits so long for a key frame after its hour.
_ROLLING_US = 60 * SECOND_US
# Parts that follow one another this closely are one span at any zoom.
JOINED_US = SECOND_US

_events = msgspec.json.Decoder(tuple[tuple[int, int], ...])
_values = msgspec.json.Decoder(dict[str, str | int | float])


class Timelines:
    """Reads timelines."""

    def __init__(self, database: Database, clock: Clock, cities: Cities) -> None:
        self._database = database
        self._clock = clock
        self._cities = cities

    async def one(
        self,
        who: Principal,
        camera: str,
        stream: StreamName,
        from_us: int,
        to_us: int,
        pixel_us: int = 0,
    ) -> Timeline:
        """Return one camera's timeline; what is closer than a pixel is one."""
        (found,) = await self.many(who, [camera], stream, from_us, to_us, pixel_us)
        return found

    async def many(
        self,
        who: Principal,
        cameras: Sequence[str],
        stream: StreamName,
        from_us: int,
        to_us: int,
        pixel_us: int = 0,
    ) -> list[Timeline]:
        """Return the timelines of several cameras, in their order; all or none."""
        check_time(from_us, to_us, MOST_DAYS)
        names = tuple(dict.fromkeys(cameras))
        if len(names) > MOST_CAMERAS:
            raise InvalidError(
                f"at most {MOST_CAMERAS} cameras at once",
                code="too_many_cameras",
                values={"most": MOST_CAMERAS},
            )

        def work(unit: Unit) -> list[Timeline]:
            places = [find(unit, who, name, Function.PLAYBACK_VIEW) for name in names]
            made: dict[str, Timeline] = {}
            for city in {place.city for place in places}:
                of_city = [place for place in places if place.city == city]
                for line in self._of_city(unit, city, of_city, stream, (from_us, to_us), pixel_us):
                    made[line.camera] = line
            return [made[name] for name in names]

        return await self._database.run(work, who.scope, read=True)

    def _of_city(
        self,
        unit: Unit,
        city: str,
        places: Sequence[CameraPlace],
        stream: StreamName,
        time: tuple[int, int],
        pixel_us: int,
    ) -> Iterable[Timeline]:
        names = [place.camera for place in places]
        zone_name = self._cities.terms(unit, city).time_zone
        zone = zoneinfo.ZoneInfo(zone_name)
        spans = store.spans(unit, city, names, stream, *time)
        gaps = store.gaps(unit, city, names, stream, *time)
        noted = {
            kind: store.marks(unit, kind.value, city, names, *time)
            for kind in (MarkKind.BOOKMARK, MarkKind.CLIP, MarkKind.HOLD)
        }
        for name in names:
            held = [(at, to or at) for at, to, _id, _text in noted[MarkKind.HOLD][name]]
            rows = spans[name]
            merged = merge(rows, max(pixel_us, JOINED_US), held)
            marks = [
                Mark(at, to, kind, mark, text)
                for kind, found in noted.items()
                for at, to, mark, text in found[name]
            ]
            marks += _triggers(rows, time, pixel_us)
            marks.sort(key=lambda mark: mark.at_us)
            yield Timeline(
                camera=name,
                stream=stream,
                from_us=time[0],
                to_us=time[1],
                spans=merged,
                gaps=_gaps(gaps[name], pixel_us, self._clock.utc_us()),
                marks=marks,
                days=days_of(((span.from_us, span.to_us) for span in merged), time, zone),
                time_zone=zone_name,
            )


def merge(
    rows: Iterable[store.SpanRow], near_us: int, held: Sequence[tuple[int, int]] = ()
) -> list[SpanView]:
    """Return spans; those closer than ``near_us`` are one. Rebuilt ones stay apart but at a
    zoom at which they could not be told apart anyway.
    """
    found: list[SpanView] = []
    run: list[store.SpanRow] = []
    last = 0
    coarse = near_us > JOINED_US
    for row in rows:
        if run and (row[0] - last > near_us or not (coarse or row[6] == run[-1][6])):
            found.append(_span(run, last, held))
            run = [row]
            last = row[1]
        else:
            run.append(row)
            if row[1] > last:
                last = row[1]
    if run:
        found.append(_span(run, last, held))
    return found


def _span(run: Sequence[store.SpanRow], end: int, held: Sequence[tuple[int, int]]) -> SpanView:
    keys, sizes, errors, offsets, rebuilt = zip(*(row[2:7] for row in run), strict=True)
    known = [offset for offset in offsets if offset is not None]
    begin = run[0][0]
    return SpanView(
        from_us=begin,
        to_us=end,
        keys=sum(keys),
        bytes=sum(sizes),
        # One part whose times are uncertain makes the whole so.
        error_us=None if None in errors else max(errors),
        camera_offset_ms=round(known[-1]) if known else None,
        rebuilt=any(rebuilt),
        held=any(at < end and to > begin for at, to in held),
    )


def _gaps(rows: Iterable[store.GapRow], pixel_us: int, now_us: int) -> list[GapView]:
    """Return gaps; of those that one pixel shows together the longest is told.

    One that lasts was noted some time ago: it goes on to now.
    """
    found: list[GapView] = []
    for begin, noted, reason, values, is_open in rows:
        end = max(noted, now_us) if is_open else noted
        if pixel_us and found and end - found[-1].from_us < pixel_us:
            if end - begin <= found[-1].to_us - found[-1].from_us:
                continue
            found.pop()
        found.append(GapView(begin, end, ReasonView(reason, _values.decode(values)), bool(is_open)))
    return found


def _triggers(rows: Iterable[store.SpanRow], time: tuple[int, int], pixel_us: int) -> list[Mark]:
    """Return when something was triggered; what is closer than a pixel is one mark."""
    found: list[Mark] = []
    begun, ended = 0, -1
    from_us, to_us = time
    # Of a part that is no wider than three pixels all events are one mark.
    narrow_us = 3 * pixel_us + _ROLLING_US
    for row in rows:
        text = row[7]
        if text == "[]":
            continue
        wide = row[1] - row[0] > narrow_us
        for begin, end in _events.decode(text) if wide else _ends(text):
            if end <= from_us or begin >= to_us:
                continue
            if ended >= 0 and begin - ended <= pixel_us:
                ended = max(ended, end)
                continue
            if ended >= 0:
                found.append(Mark(begun, ended, MarkKind.TRIGGER, "", ""))
            begun, ended = begin, end
    if ended >= 0:
        found.append(Mark(begun, ended, MarkKind.TRIGGER, "", ""))
    return found


def _ends(text: str) -> tuple[tuple[int, int], ...]:
    """Return all events of a part as one, without reading those between first and last."""
    return ((int(text[2 : text.index(",")]), int(text[text.rindex(",") + 1 : -2])),)


def days_of(spans: Iterable[tuple[int, int]], time: tuple[int, int], zone: tzinfo) -> list[str]:
    """Return the days of the calendar on which something was recorded, in order."""
    found: dict[str, None] = {}
    for begin, end in spans:
        for day in schedule.days_of(max(begin, time[0]), min(end, time[1]), zone):
            found[day] = None
    return list(found)
