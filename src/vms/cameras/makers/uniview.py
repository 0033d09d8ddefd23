"""Uniview."""

from vms.cameras.makers.base import Maker
from vms.common import StreamName

STREAMS = {StreamName.MAIN: 0, StreamName.SUB: 1}


def path(channel: int, stream: StreamName) -> str:
    """Return the path: ``c`` counts channels from 1, ``s`` streams from 0."""
    return f"/unicast/c{channel}/s{STREAMS[stream]}/live"


MAKER = Maker(
    id="uniview",
    title="Uniview",
    path=path,
    channels=256,
    notes="Some single cameras answer only at `/media/video1` and `/media/video2`: use `generic`.",
)
