"""Things about recordings that operations show as examples."""

from vms.api.rest.examples import ID, OTHER_ID, US
from vms.common import StreamName
from vms.engine import Keep, RecordMode, Thin, ThinTo
from vms.recording import (
    GapView,
    Keeping,
    Mark,
    MarkKind,
    PolicyView,
    ReasonView,
    Rule,
    RuleView,
    Slot,
    SpanView,
    StreamRule,
    ThinStep,
    Timeline,
)

HOUR_US = 3_600_000_000

SPAN = SpanView(
    from_us=US,
    to_us=US + HOUR_US,
    keys=1800,
    bytes=1_800_000_000,
    error_us=12_000,
    camera_offset_ms=-3,
    rebuilt=False,
    held=True,
)
TIMELINE = Timeline(
    camera=ID,
    stream=StreamName.MAIN,
    from_us=US,
    to_us=US + 2 * HOUR_US,
    spans=[SPAN],
    gaps=[
        GapView(
            US + HOUR_US, US + 2 * HOUR_US, ReasonView("camera_off", {"host": "192.0.2.10"}), True
        )
    ],
    marks=[
        Mark(US + 60_000_000, None, MarkKind.BOOKMARK, OTHER_ID, "A white van"),
        Mark(US, US + HOUR_US, MarkKind.HOLD, OTHER_ID, "Report 17"),
    ],
    days=["2023-11-14", "2023-11-15"],
    time_zone="America/Sao_Paulo",
)

_LADDER = (ThinStep(7, ThinTo.EVENTS), ThinStep(15, ThinTo.KEYS))
_NIGHT = Slot((1, 2, 3, 4, 5), "18:00", "06:00", RecordMode.EVENT)
RULE = RuleView(
    camera=ID,
    rule=Rule(
        main=StreamRule(schedule=(_NIGHT,)),
        sub=StreamRule(audio=False),
        keep=Keeping(min_days=5, max_days=30, thin=_LADDER),
    ),
    manual=None,
    now={StreamName.MAIN: RecordMode.CONTINUOUS, StreamName.SUB: RecordMode.CONTINUOUS},
    next_change_us=US + HOUR_US,
    keep=Keep(5, 30, None, (Thin(7, ThinTo.EVENTS), Thin(15, ThinTo.KEYS))),
    time_zone="America/Sao_Paulo",
    version=2,
)
POLICY = PolicyView(Keeping(min_days=3, max_days=30), 2, city="sp")
GROUP_POLICY = PolicyView(Keeping(min_days=15), 2, city="sp", group=ID)
PLAN_POLICY = PolicyView(Keeping(max_days=15), 2, plan="basic")
