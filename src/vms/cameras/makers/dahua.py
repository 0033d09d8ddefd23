"""Dahua, and the many makers that sell its devices under their own names."""

from vms.cameras.makers.base import Maker
from vms.common import StreamName

CHANNELS = 256
SUBTYPES = {StreamName.MAIN: 0, StreamName.SUB: 1}


def path(channel: int, stream: StreamName) -> str:
    """Return Dahua's path: ``subtype`` 0 is the main stream, 1 the sub-stream."""
    return f"/cam/realmonitor?channel={channel}&subtype={SUBTYPES[stream]}"


MAKER = Maker(
    id="dahua",
    title="Dahua",
    path=path,
    channels=CHANNELS,
    notes="On a recorder the channel is its input, counted from 1.",
)
