"""Cameras and their streams: what is known of them, and who makes which."""

from vms.cameras.makers import GENERIC, MAKERS, Maker
from vms.cameras.model import (
    Area,
    Camera,
    CameraState,
    Change,
    Draft,
    NewCamera,
    Secrets,
    Status,
    Why,
    desired_state,
    draft_of_entry,
    parse_camera,
    wish_of,
    wish_of_entry,
)

__all__ = [
    "GENERIC",
    "MAKERS",
    "Area",
    "Camera",
    "CameraState",
    "Change",
    "Draft",
    "Maker",
    "NewCamera",
    "Secrets",
    "Status",
    "Why",
    "desired_state",
    "draft_of_entry",
    "parse_camera",
    "wish_of",
    "wish_of_entry",
]
