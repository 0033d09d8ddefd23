"""Cameras and their streams: what is known of them, and who makes which."""

from vms.cameras.access import (
    camera_groups,
    camera_runs,
    camera_streams,
    cameras_of_group,
)
from vms.cameras.editor import Seeded
from vms.cameras.exchange import CameraFile, Format, Item
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
from vms.cameras.place import CameraPlace, camera_place, place_seen
from vms.cameras.ports import CameraQuota, Places
from vms.cameras.service import Cameras, city_of
from vms.cameras.services import CameraServices
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
    "CameraFile",
    "CameraHistory",
    "CameraItem",
    "CameraPlace",
    "CameraQuota",
    "CameraServices",
    "CameraState",
    "Cameras",
    "Change",
    "Draft",
    "Filter",
    "Format",
    "ImportReport",
    "Item",
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
    "camera_place",
    "camera_runs",
    "camera_streams",
    "cameras_of_group",
    "city_of",
    "desired_state",
    "draft_of_entry",
    "parse_camera",
    "place_seen",
    "wish_of",
    "wish_of_entry",
]
