"""Reolink."""

from vms.cameras.makers.base import Maker
from vms.common import StreamName


def path(channel: int, stream: StreamName) -> str:
    """Return the path: the channel has two digits; the codec is as the camera is set."""
    return f"/Preview_{channel:02d}_{stream.value}"


MAKER = Maker(
    id="reolink",
    title="Reolink",
    path=path,
    channels=36,
    notes=(
        "RTSP is off on new devices: switch it on under Network, Advanced, Port Settings. "
        "Battery-powered cameras have none."
    ),
)
