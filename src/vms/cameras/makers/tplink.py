"""TP-Link: Tapo and VIGI cameras."""

from vms.cameras.makers.base import Maker
from vms.common import StreamName

STREAMS = {StreamName.MAIN: 1, StreamName.SUB: 2}


def path(_channel: int, stream: StreamName) -> str:
    """Return the path: these cameras have one channel."""
    return f"/stream{STREAMS[stream]}"


MAKER = Maker(
    id="tplink",
    title="TP-Link (Tapo, VIGI)",
    path=path,
    notes="Tapo: user and password are those of the camera account, made in the Tapo app.",
)
