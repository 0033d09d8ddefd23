"""Recording: when and for how long, what there is, and what may be taken away or held."""

from vms.recording.away import AwayEngine
from vms.recording.catalogue import Catalogue, CatalogueRecorder, Reader
from vms.recording.model import (
    DAY_US,
    LATEST_US,
    AtUs,
    GapView,
    Keeping,
    Manual,
    ManualAction,
    ManualOrder,
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
from vms.recording.motion import MotionWatch
from vms.recording.pictures import PictureFormat, Pictures, PictureView
from vms.recording.ports import Cities, ClipQuota
from vms.recording.rules import Orders, Plan, RecordingRules, recorded
from vms.recording.services import Recordings
from vms.recording.timeline import Timelines
from vms.recording.timer import ScheduleTimer

__all__ = [
    "DAY_US",
    "LATEST_US",
    "AtUs",
    "AwayEngine",
    "Catalogue",
    "CatalogueRecorder",
    "Cities",
    "ClipQuota",
    "GapView",
    "Keeping",
    "Manual",
    "ManualAction",
    "ManualOrder",
    "Mark",
    "MarkKind",
    "MotionWatch",
    "Orders",
    "PictureFormat",
    "PictureView",
    "Pictures",
    "Plan",
    "PolicyView",
    "Reader",
    "ReasonView",
    "RecordingRules",
    "Recordings",
    "Rule",
    "RuleView",
    "ScheduleTimer",
    "Slot",
    "SpanView",
    "StreamRule",
    "ThinStep",
    "Timeline",
    "Timelines",
    "recorded",
]
