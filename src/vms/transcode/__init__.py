"""Work with PyAV: pictures in, pictures out. Never on the packet path.

What cameras send is decoded only in workers, processes that hold nothing worth taking.
"""

from vms.transcode.jobs import Picture, Sprite, Still
from vms.transcode.live import LiveFrames
from vms.transcode.motion import Motion, MotionDetector, MotionGate
from vms.transcode.pool import WorkerPool
from vms.transcode.ring import FrameRing, RingFrame
from vms.transcode.scenes import CODECS, SceneSpec, ensure_scene
from vms.transcode.watch import Lost, Moved, Watch
from vms.transcode.watching import MotionWorker

__all__ = [
    "CODECS",
    "FrameRing",
    "LiveFrames",
    "Lost",
    "Motion",
    "MotionDetector",
    "MotionGate",
    "MotionWorker",
    "Moved",
    "Picture",
    "RingFrame",
    "SceneSpec",
    "Sprite",
    "Still",
    "Watch",
    "WorkerPool",
    "ensure_scene",
]
