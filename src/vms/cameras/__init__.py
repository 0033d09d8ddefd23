"""Cameras and their streams: what is known of them, and who makes which."""

from vms.cameras.access import camera_groups
from vms.cameras.editor import Seeded
from vms.cameras.exchange import Format
from vms.cameras.history import BEAT_S, CameraHistory, Known
from vms.cameras.makers import GENERIC, MAKERS, Maker
from vms.cameras.model import (
    Area,
    Camera,
    CameraItem,
    CameraState,
    Change,
    Draft,
    NewCamera,
    RosterEntry,
    Secrets,
    Status,
    StreamChange,
    Transition,
    Why,
    desired_state,
    draft_of_entry,
    parse_camera,
    wish_of,
    wish_of_entry,
)
from vms.cameras.ports import CameraQuota, Places
from vms.cameras.service import Cameras
from vms.cameras.store import Filter
from vms.cameras.trace import MARK
from vms.cameras.transfer import ImportReport, RowOutcome, RowReport, Transfer
from vms.cameras.uptime import Outage, Span, Uptime

__all__ = [
    "BEAT_S",
    "GENERIC",
    "MAKERS",
    "MARK",
    "Area",
    "Camera",
    "CameraHistory",
    "CameraItem",
    "CameraQuota",
    "CameraState",
    "Cameras",
    "Change",
    "Draft",
    "Filter",
    "Format",
    "ImportReport",
    "Known",
    "Maker",
    "NewCamera",
    "Outage",
    "Places",
    "RosterEntry",
    "RowOutcome",
    "RowReport",
    "Secrets",
    "Seeded",
    "Span",
    "Status",
    "StreamChange",
    "Transfer",
    "Transition",
    "Uptime",
    "Why",
    "camera_groups",
    "desired_state",
    "draft_of_entry",
    "parse_camera",
    "wish_of",
    "wish_of_entry",
]
