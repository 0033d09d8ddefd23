"""Which streams run here, their state, reconnects and reasons."""

from vms.ingest.director import Director
from vms.ingest.model import MEDIA_DOWN, Expected, StreamBoard, StreamView, view_of
from vms.ingest.ports import History, Steering
from vms.ingest.recorder import StatusRecorder
from vms.ingest.roster import Roster
from vms.ingest.service import IngestWatch
from vms.ingest.steering import Bystander, FixedState

__all__ = [
    "MEDIA_DOWN",
    "Bystander",
    "Director",
    "Expected",
    "FixedState",
    "History",
    "IngestWatch",
    "Roster",
    "StatusRecorder",
    "Steering",
    "StreamBoard",
    "StreamView",
    "view_of",
]
