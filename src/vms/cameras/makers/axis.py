"""Axis: one address, and what is wanted stands in its query (VAPIX)."""

from vms.cameras.makers.base import Maker
from vms.common import StreamName

# What VAPIX calls a camera is one lens or one input of a video encoder.
SMALL = "&videocodec=h264&resolution=640x360"


def path(channel: int, stream: StreamName) -> str:
    """Return the path: main as the camera is set, sub as a small picture."""
    wanted = SMALL if stream is StreamName.SUB else ""
    return f"/axis-media/media.amp?camera={channel}{wanted}"


MAKER = Maker(
    id="axis",
    title="Axis",
    path=path,
    channels=16,
    notes=(
        "The sub-stream is asked for as H.264 at 640x360; where a model lacks that size, "
        "use `generic` with an address that names one it has."
    ),
)
