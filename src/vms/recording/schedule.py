"""When a rule says what: schedules of the week by a city's own clock. Pure.

Slots are meant by what a clock on the wall shows. On the day that a clock goes
forward a time that it skips begins where it lands; on the day that it goes back
an hour that comes twice counts both times.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo

from vms.common import StreamName
from vms.engine import RecordMode, StreamRecord
from vms.recording.model import SECOND_US, Manual, ManualAction, Rule, Slot, StreamRule

_DAY = 24 * 60
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A week and the day before it hold every change there is.
_LOOK = timedelta(days=8)


def moment(at_us: int, zone: tzinfo) -> datetime:
    """Return an instant as a clock of the zone shows it."""
    return (_EPOCH + timedelta(microseconds=at_us)).astimezone(zone)


def instant(at: datetime) -> int:
    """Return a moment as microseconds of UTC."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def mode_at(rule: StreamRule, at_us: int, zone: tzinfo) -> RecordMode:
    """Return what a rule says at an instant."""
    local = moment(at_us, zone)
    minute = local.hour * 60 + local.minute
    for slot in rule.schedule:
        if _holds(slot, local.isoweekday(), minute):
            return slot.mode
    return rule.mode


def _holds(slot: Slot, weekday: int, minute: int) -> bool:
    begin, end = _minute(slot.begin), _minute(slot.end)
    if begin < end:
        return weekday in slot.days and begin <= minute < end
    # Over midnight: the day before it has begun. Equal ends are a whole day.
    before = 7 if weekday == 1 else weekday - 1
    return (weekday in slot.days and minute >= begin) or (before in slot.days and minute < end)


def _minute(text: str) -> int:
    hour, _colon, minute = text.partition(":")
    return int(hour) * 60 + int(minute)


def next_change(rule: StreamRule, at_us: int, zone: tzinfo) -> int | None:
    """Return the next instant at which a rule says something else; none: never."""
    now = mode_at(rule, at_us, zone)
    if all(slot.mode is rule.mode for slot in rule.schedule):
        return None
    for candidate in sorted(set(_candidates(rule, at_us, zone))):
        if candidate > at_us and mode_at(rule, candidate, zone) is not now:
            return candidate
    return None


def _candidates(rule: StreamRule, at_us: int, zone: tzinfo) -> Iterator[int]:
    """Yield the instants at which a clock shows a slot's end, and those at which it is set."""
    start = moment(at_us, zone)
    minutes = {_minute(text) for slot in rule.schedule for text in (slot.begin, slot.end)}
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    for day in range(_LOOK.days + 1):
        for minute in minutes:
            shown = midnight + timedelta(days=day, minutes=minute)
            for fold in (0, 1):
                yield instant(shown.replace(tzinfo=zone, fold=fold))
    yield from clock_changes(at_us, instant(start + _LOOK), zone)


def clock_changes(from_us: int, to_us: int, zone: tzinfo) -> Iterator[int]:
    """Yield the instants, to the second, at which a zone's clocks are set."""
    step = 3600 * 12 * SECOND_US
    low = from_us
    while low < to_us:
        high = min(low + step, to_us)
        if moment(low, zone).utcoffset() != moment(high, zone).utcoffset():
            yield _bisect(low, high, zone)
        low = high


def _bisect(low: int, high: int, zone: tzinfo) -> int:
    before = moment(low, zone).utcoffset()
    while high - low > SECOND_US:
        middle = (low + high) // 2
        if moment(middle, zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high // SECOND_US * SECOND_US


def record_at(
    rule: Rule, manual: Manual | None, streams: tuple[StreamName, ...], at_us: int, zone: tzinfo
) -> dict[StreamName, StreamRecord]:
    """Return how a camera's streams are recorded at an instant."""
    found = {}
    for stream in streams:
        own = rule.main if stream is StreamName.MAIN else rule.sub
        said = _by_hand(manual, at_us)
        mode = said or mode_at(own, at_us, zone)
        found[stream] = StreamRecord(
            mode, own.audio, own.pre_s, own.post_s, by_hand=said is RecordMode.OFF
        )
    return found


def _by_hand(manual: Manual | None, at_us: int) -> RecordMode | None:
    if manual is None or (manual.until_us is not None and manual.until_us <= at_us):
        return None
    return RecordMode.CONTINUOUS if manual.action is ManualAction.START else RecordMode.OFF


def change_after(rule: Rule, manual: Manual | None, at_us: int, zone: tzinfo) -> int | None:
    """Return when a camera's recording may change next by itself; none: never."""
    if manual is not None and _by_hand(manual, at_us) is not None:
        return manual.until_us
    found = [next_change(own, at_us, zone) for own in (rule.main, rule.sub)]
    return min((one for one in found if one is not None), default=None)


def days_of(from_us: int, to_us: int, zone: tzinfo) -> Iterator[str]:
    """Yield the days of the calendar that a time touches."""
    if to_us <= from_us:
        return
    day, last = moment(from_us, zone).date(), moment(to_us - 1, zone).date()
    while day <= last:
        yield day.isoformat()
        day += timedelta(days=1)
