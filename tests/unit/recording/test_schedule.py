"""Schedules of the week, also on the days on which clocks are set."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.common import StreamName
from vms.engine import RecordMode
from vms.recording import Manual, ManualAction, Rule, Slot, StreamRule
from vms.recording import schedule as schedules

LISBON = ZoneInfo("Europe/Lisbon")
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)
NIGHT = Slot(EVERY_DAY, "22:00", "06:00", RecordMode.EVENT)
OFFICE = Slot((1, 2, 3, 4, 5), "08:00", "18:00", RecordMode.OFF)


def us(*at: int, zone: ZoneInfo = LISBON, fold: int = 0) -> int:
    return schedules.instant(datetime(*at, tzinfo=zone, fold=fold))  # type: ignore[misc,arg-type]


def rule(*slots: Slot, mode: RecordMode = RecordMode.CONTINUOUS) -> StreamRule:
    return StreamRule(mode=mode, schedule=slots)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ((2026, 11, 23, 7, 59), RecordMode.CONTINUOUS),
        ((2026, 11, 23, 8, 0), RecordMode.OFF),
        ((2026, 11, 23, 17, 59), RecordMode.OFF),
        ((2026, 11, 23, 18, 0), RecordMode.CONTINUOUS),
        # Sunday is none of its days.
        ((2026, 11, 22, 12, 0), RecordMode.CONTINUOUS),
    ],
)
def test_a_slot_holds_from_its_begin_to_its_end(at: tuple[int, ...], expected: RecordMode) -> None:
    assert schedules.mode_at(rule(OFFICE), us(*at), LISBON) is expected


def test_a_slot_over_midnight_belongs_to_the_day_it_begins_on() -> None:
    friday = rule(Slot((5,), "22:00", "06:00", RecordMode.OFF))
    assert schedules.mode_at(friday, us(2026, 11, 20, 23, 0), LISBON) is RecordMode.OFF
    assert schedules.mode_at(friday, us(2026, 11, 21, 5, 59), LISBON) is RecordMode.OFF
    assert schedules.mode_at(friday, us(2026, 11, 20, 5, 0), LISBON) is RecordMode.CONTINUOUS
    # Monday begins after Sunday.
    sunday = rule(Slot((7,), "22:00", "06:00", RecordMode.OFF))
    assert schedules.mode_at(sunday, us(2026, 11, 23, 1, 0), LISBON) is RecordMode.OFF


def test_the_first_slot_that_holds_decides_and_24_00_ends_a_day() -> None:
    all_day = Slot(EVERY_DAY, "00:00", "24:00", RecordMode.EVENT)
    both = rule(OFFICE, all_day)
    assert schedules.mode_at(both, us(2026, 11, 23, 9, 0), LISBON) is RecordMode.OFF
    assert schedules.mode_at(both, us(2026, 11, 23, 23, 59), LISBON) is RecordMode.EVENT


def test_times_are_those_of_the_citys_own_clock() -> None:
    at = us(2026, 11, 23, 8, 0, zone=SAO_PAULO)
    assert schedules.mode_at(rule(OFFICE), at, SAO_PAULO) is RecordMode.OFF
    # 11:00 in Lisbon; in UTC it is 11:00 too.
    assert datetime.fromtimestamp(at / 1e6, UTC).hour == 11


def test_a_time_that_the_clock_skips_begins_where_it_lands() -> None:
    # 29 March 2026, Lisbon: 01:00 becomes 02:00.
    skipped = rule(Slot(EVERY_DAY, "01:30", "03:00", RecordMode.OFF))
    before = us(2026, 3, 29, 0, 30)
    change = schedules.next_change(skipped, before, LISBON)
    assert change == us(2026, 3, 29, 2, 0)
    assert schedules.next_change(skipped, change, LISBON) == us(2026, 3, 29, 3, 0)


def test_an_hour_that_comes_twice_counts_both_times() -> None:
    # 25 October 2026, Lisbon: 02:00 becomes 01:00.
    twice = rule(Slot(EVERY_DAY, "01:15", "01:45", RecordMode.OFF))
    first = us(2026, 10, 25, 1, 15)
    ends = [us(2026, 10, 25, 1, 45), us(2026, 10, 25, 1, 15, fold=1)]
    ends.append(us(2026, 10, 25, 1, 45, fold=1))
    at = first
    for end in ends:
        at = schedules.next_change(twice, at, LISBON) or 0
        assert at == end


def test_without_another_mode_nothing_ever_changes() -> None:
    same = rule(Slot(EVERY_DAY, "08:00", "18:00", RecordMode.CONTINUOUS))
    assert schedules.next_change(same, us(2026, 1, 1), LISBON) is None
    assert schedules.next_change(rule(), us(2026, 1, 1), LISBON) is None


times = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
slots = st.builds(
    Slot,
    st.lists(st.integers(1, 7), min_size=1, max_size=3, unique=True).map(tuple),
    times,
    times,
    st.sampled_from(RecordMode),
)


@given(
    st.lists(slots, max_size=3).map(tuple),
    st.datetimes(datetime(2026, 3, 20), datetime(2026, 11, 5)),  # noqa: DTZ001 - a zone is given
)
def test_between_now_and_the_next_change_nothing_changes(
    drawn: tuple[Slot, ...], at: datetime
) -> None:
    wanted = rule(*drawn)
    begin = schedules.instant(at.replace(tzinfo=LISBON))
    change = schedules.next_change(wanted, begin, LISBON)
    now = schedules.mode_at(wanted, begin, LISBON)
    if change is not None:
        assert schedules.mode_at(wanted, change, LISBON) is not now
    end = min(change or begin + 8 * 86_400_000_000, begin + 86_400_000_000)
    for probe in range(begin, end, 60_000_000 * 13):
        assert schedules.mode_at(wanted, probe, LISBON) is now


def test_by_hand_goes_before_the_rules_until_its_time() -> None:
    off = Rule(main=StreamRule(mode=RecordMode.OFF), sub=StreamRule(audio=False))
    streams = (StreamName.MAIN, StreamName.SUB)
    start = Manual(ManualAction.START, 100, 0, "user:ana")
    during = schedules.record_at(off, start, streams, 99, LISBON)
    after = schedules.record_at(off, start, streams, 100, LISBON)
    assert during[StreamName.MAIN].mode is RecordMode.CONTINUOUS
    assert after[StreamName.MAIN].mode is RecordMode.OFF
    assert after[StreamName.SUB].audio is False
    assert schedules.change_after(off, start, 99, LISBON) == 100
    stop = Manual(ManualAction.STOP, None, 0, "user:ana")
    stopped = schedules.record_at(off, stop, streams, 5, LISBON)
    assert {one.mode for one in stopped.values()} == {RecordMode.OFF}
    assert schedules.change_after(off, stop, 5, LISBON) is None


def test_days_of_the_calendar_are_as_long_as_they_are() -> None:
    # The day of 25 hours: its last minute belongs to it.
    begin, end = us(2026, 10, 25, 23, 30), us(2026, 10, 25, 23, 59)
    assert list(schedules.days_of(begin, end, LISBON)) == ["2026-10-25"]
    assert list(schedules.days_of(begin, us(2026, 10, 26), LISBON)) == ["2026-10-25"]
    assert list(schedules.days_of(begin, us(2026, 10, 26) + 1, LISBON)) == [
        "2026-10-25",
        "2026-10-26",
    ]
    assert list(schedules.days_of(end, end, LISBON)) == []
