"""Work with PyAV: pictures in, pictures out. Never on the packet path.

What cameras send is decoded only in workers, processes that hold nothing worth taking.
"""

from vms.transcode.jobs import Picture, Sprite, Still
from vms.transcode.motion import Motion, MotionDetector, MotionGate
from vms.transcode.pool import WorkerPool
from vms.transcode.scenes import CODECS, SceneSpec, ensure_scene

__all__ = [
    "CODECS",
    "Motion",
    "MotionDetector",
    "MotionGate",
    "Picture",
    "SceneSpec",
    "Sprite",
    "Still",
    "WorkerPool",
    "ensure_scene",
]
