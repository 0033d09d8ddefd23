"""Settings: one typed model, read from file, environment and flags."""

from vms.config.load import (
    ENV_DATA,
    FILE_NAME,
    default_data,
    environment_names,
    load,
    shown,
)
from vms.config.model import Camera, Settings
from vms.config.reference import example, reference
from vms.config.texts import listen_address

__all__ = [
    "ENV_DATA",
    "FILE_NAME",
    "Camera",
    "Settings",
    "default_data",
    "environment_names",
    "example",
    "listen_address",
    "load",
    "reference",
    "shown",
]
