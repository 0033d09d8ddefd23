"""How much of a time a camera was online, from the changes of its state. Pure.

A change holds from its moment to the next one. What was before the first is
unknown, and unknown is never counted as down: percent = online / (online +
offline). Nothing known at all has no percentage.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec

from vms.cameras.model import CameraState, Transition, Why
from vms.common import InvalidError

US = 1_000_000
LONGEST_PERIOD_US = 366 * 86_400 * US
MOST_OUTAGES = 1_000


class Span(msgspec.Struct, frozen=True):
    """A stream was in a state from one time to another."""

    from_us: int
    to_us: int
    state: CameraState
    reason: Why | None = None


class Outage(msgspec.Struct, frozen=True):
    """A time without video, and every reason that was seen in it, in order."""

    from_us: int
    to_us: int
    reasons: tuple[Why, ...]


class Uptime(msgspec.Struct, frozen=True):
    """How a camera did in a period."""

    from_us: int
    to_us: int
    # Of what is known; absent where nothing is.
    percent: float | None
    online_us: int
    offline_us: int
    off_us: int
    unknown_us: int
    # The newest, oldest first; ``outages_total`` counts them all.
    outages: tuple[Outage, ...]
    outages_total: int
    unknown: tuple[Span, ...]


def check_period(from_us: int, to_us: int) -> None:
    """Refuse a period that is empty or too long."""
    if not 0 <= from_us < to_us or to_us - from_us > LONGEST_PERIOD_US:
        raise InvalidError(
            f"a period goes from an earlier to a later time, at most 366 days; not "
            f"{from_us} to {to_us}",
            code="period_invalid",
            values={"from_us": from_us, "to_us": to_us},
        )


def spans(transitions: Sequence[Transition], from_us: int, to_us: int) -> list[Span]:
    """Cut a period into spans; ``transitions`` are in order and may begin before it."""
    edges = [Transition(0, CameraState.UNKNOWN), *transitions]
    found: list[Span] = []
    for now, after in pairwise([*edges, Transition(max(to_us, edges[-1].at_us), edges[-1].state)]):
        begins, ends = max(now.at_us, from_us), min(after.at_us, to_us)
        if begins < ends:
            found.append(Span(begins, ends, now.state, now.reason))
    return found


def uptime(transitions: Sequence[Transition], from_us: int, to_us: int) -> Uptime:
    """Return how a stream did from one time to another."""
    check_period(from_us, to_us)
    cut = spans(transitions, from_us, to_us)
    total = dict.fromkeys(CameraState, 0)
    for span in cut:
        total[span.state] += span.to_us - span.from_us
    known = total[CameraState.ONLINE] + total[CameraState.OFFLINE]
    outages = list(_outages(cut))
    unknown = [span for span in cut if span.state is CameraState.UNKNOWN]
    return Uptime(
        from_us=from_us,
        to_us=to_us,
        percent=round(100 * total[CameraState.ONLINE] / known, 4) if known else None,
        online_us=total[CameraState.ONLINE],
        offline_us=total[CameraState.OFFLINE],
        off_us=total[CameraState.OFF],
        unknown_us=total[CameraState.UNKNOWN],
        outages=tuple(outages[-MOST_OUTAGES:]),
        outages_total=len(outages),
        unknown=tuple(unknown[-MOST_OUTAGES:]),
    )


def _outages(cut: Sequence[Span]) -> Iterator[Outage]:
    """Join offline spans that follow each other: only their reasons differ."""
    current: list[Span] = []
    for span in cut:
        if span.state is CameraState.OFFLINE:
            current.append(span)
        elif current:
            yield _outage(current)
            current = []
    if current:
        yield _outage(current)


def _outage(cut: Sequence[Span]) -> Outage:
    reasons: list[Why] = []
    for span in cut:
        if span.reason is not None and span.reason not in reasons:
            reasons.append(span.reason)
    return Outage(cut[0].from_us, cut[-1].to_us, tuple(reasons))
