"""Uptime: of what is known, how much was online."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.cameras import CameraState, Why
from vms.cameras.uptime import Outage, Span, Transition, spans, uptime
from vms.common import InvalidError

ONLINE, OFFLINE, OFF, UNKNOWN = CameraState
DARK, WRONG = Why("no_video"), Why("wrong_password")


def test_percent_is_of_what_is_known() -> None:
    report = uptime(
        [
            Transition(100, ONLINE),
            Transition(400, OFFLINE, DARK),
            Transition(500, UNKNOWN),
            Transition(600, OFF),
            Transition(700, ONLINE),
        ],
        0,
        1000,
    )
    assert (report.online_us, report.offline_us, report.off_us, report.unknown_us) == (
        600,
        100,
        100,
        200,
    )
    assert report.percent == pytest.approx(100 * 600 / 700, abs=1e-4)
    assert report.unknown == (Span(0, 100, UNKNOWN), Span(500, 600, UNKNOWN))


def test_an_outage_lists_every_reason_once() -> None:
    report = uptime(
        [
            Transition(100, OFFLINE, DARK),
            Transition(200, OFFLINE, WRONG),
            Transition(300, OFFLINE, DARK),
            Transition(400, ONLINE),
            Transition(900, OFFLINE, WRONG),
        ],
        150,
        1000,
    )
    assert report.outages == (Outage(150, 400, (DARK, WRONG)), Outage(900, 1000, (WRONG,)))
    assert report.outages_total == 2


@pytest.mark.parametrize("transitions", [[], [Transition(1000, ONLINE)]])
def test_what_nobody_watched_has_no_percentage(transitions: list[Transition]) -> None:
    report = uptime(transitions, 0, 1000)
    assert (report.percent, report.unknown_us, report.outages) == (None, 1000, ())


def test_only_the_newest_outages_are_listed_and_all_are_counted() -> None:
    flapping = [
        Transition(at, ONLINE if at % 2 else OFFLINE, None if at % 2 else DARK)
        for at in range(2, 4002)
    ]
    report = uptime(flapping, 0, 5000)
    assert (len(report.outages), report.outages_total) == (1000, 2000)
    assert report.outages[-1].from_us == 4000


@pytest.mark.parametrize(("begin", "end"), [(5, 5), (6, 5), (-1, 5), (0, 367 * 86_400 * 1_000_000)])
def test_a_period_is_forward_and_bounded(begin: int, end: int) -> None:
    with pytest.raises(InvalidError, match="period"):
        uptime([], begin, end)


@given(
    st.lists(st.tuples(st.integers(0, 2000), st.sampled_from(CameraState)), max_size=30),
    st.integers(0, 1000),
    st.integers(1, 1000),
)
def test_spans_cover_the_period_without_gap_or_overlap(
    changes: list[tuple[int, CameraState]], begin: int, length: int
) -> None:
    transitions = [Transition(at, state) for at, state in sorted(changes, key=lambda c: c[0])]
    cut = spans(transitions, begin, begin + length)
    assert [cut[0].from_us, cut[-1].to_us] == [begin, begin + length]
    assert all(a.to_us == b.from_us for a, b in pairwise(cut))
    report = uptime(transitions, begin, begin + length)
    assert report.online_us + report.offline_us + report.off_us + report.unknown_us == length
