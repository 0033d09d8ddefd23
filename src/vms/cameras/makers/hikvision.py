"""Hikvision, and makers that sell its devices (HiLook, HiWatch)."""

from vms.cameras.makers.base import Maker
from vms.common import StreamName

STREAMS = {StreamName.MAIN: "01", StreamName.SUB: "02"}


def path(channel: int, stream: StreamName) -> str:
    """Return the path: the channel, then 01 for the main stream or 02 for the sub-stream."""
    return f"/Streaming/Channels/{channel}{STREAMS[stream]}"


MAKER = Maker(
    id="hikvision",
    title="Hikvision",
    path=path,
    channels=256,
    notes=(
        "Newer devices refuse every password until RTSP authentication is set to "
        "`digest` with MD5 in their security menu."
    ),
)
