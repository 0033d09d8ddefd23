"""The engine as Python sees it: its model, and a media process over gRPC.

``native`` (the compiled engine in this process) is not part of the face: only
the media process and the simulator load it.
"""

from vms.engine.client import EngineClient
from vms.engine.journal import Journal
from vms.engine.model import (
    AccessRules,
    Addresses,
    Applied,
    CameraWish,
    Description,
    DesiredState,
    EngineConfig,
    Event,
    EventBatch,
    FarmConfig,
    FrontConfig,
    Keep,
    Reason,
    RecordMode,
    Revocation,
    RingConfig,
    RtspConfig,
    StreamKeyRule,
    StreamLimits,
    StreamRecord,
    StreamSource,
    StreamState,
    StreamStatus,
    Thin,
    ThinTo,
    TlsConfig,
    VerifyKey,
    WebRtcConfig,
)
from vms.engine.ports import LocalEngine, MediaControl, RecordingControl
from vms.engine.server import EngineServicer, MediaService, serve, serve_far
from vms.engine.snapshot import SnapshotStore
from vms.engine.sockets import MAX_SOCKET_PATH, media_socket, runtime_folder

__all__ = [
    "MAX_SOCKET_PATH",
    "AccessRules",
    "Addresses",
    "Applied",
    "CameraWish",
    "Description",
    "DesiredState",
    "EngineClient",
    "EngineConfig",
    "EngineServicer",
    "Event",
    "EventBatch",
    "FarmConfig",
    "FrontConfig",
    "Journal",
    "Keep",
    "LocalEngine",
    "MediaControl",
    "MediaService",
    "Reason",
    "RecordMode",
    "RecordingControl",
    "Revocation",
    "RingConfig",
    "RtspConfig",
    "SnapshotStore",
    "StreamKeyRule",
    "StreamLimits",
    "StreamRecord",
    "StreamSource",
    "StreamState",
    "StreamStatus",
    "Thin",
    "ThinTo",
    "TlsConfig",
    "VerifyKey",
    "WebRtcConfig",
    "media_socket",
    "runtime_folder",
    "serve",
    "serve_far",
]
