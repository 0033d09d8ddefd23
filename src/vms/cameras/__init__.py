"""Cameras and their streams. So far they come from the settings alone."""

from vms.cameras.model import Camera, camera_of, desired_state, parse_camera

__all__ = ["Camera", "camera_of", "desired_state", "parse_camera"]
