"""Messages between our own processes, typed and frozen.

``launch`` goes from parent to child, ``report`` back, ``engine_v1`` is the gRPC
contract of the media process (a package of its own, so that a process which
needs no gRPC does not load it).
"""

from vms.proto.launch import (
    Announcement,
    ApiLaunch,
    ApiSettings,
    CameraEntry,
    DatabaseSettings,
    HlsSettings,
    HubSettings,
    Launch,
    LogSettings,
    NodesSettings,
    RecordingSettings,
    RtspSettings,
    S3Settings,
    SimulateLaunch,
    SimulatorLaunch,
    SourceSettings,
    StreamSettings,
    SupervisorLaunch,
    TierSettings,
    TlsSettings,
    Transport,
    VolumeSettings,
    WebRtcSettings,
)
from vms.proto.report import Failed, Ready, Report

__all__ = [
    "Announcement",
    "ApiLaunch",
    "ApiSettings",
    "CameraEntry",
    "DatabaseSettings",
    "Failed",
    "HlsSettings",
    "HubSettings",
    "Launch",
    "LogSettings",
    "NodesSettings",
    "Ready",
    "RecordingSettings",
    "Report",
    "RtspSettings",
    "S3Settings",
    "SimulateLaunch",
    "SimulatorLaunch",
    "SourceSettings",
    "StreamSettings",
    "SupervisorLaunch",
    "TierSettings",
    "TlsSettings",
    "Transport",
    "VolumeSettings",
    "WebRtcSettings",
]
