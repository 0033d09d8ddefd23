"""What a maker of cameras is to us: how its streams are addressed."""

from collections.abc import Callable
from dataclasses import dataclass

from vms.common import RTSP_PORT, InvalidError, StreamName, host_text

# Channel (from 1) and stream to the path on the device, which begins with a slash.
PathOf = Callable[[int, StreamName], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """One maker. ``path`` is absent where addresses are given in full."""

    id: str
    title: str
    path: PathOf | None
    default_port: int = RTSP_PORT
    # The highest channel: more than 1 where recorders or several lenses are addressed too.
    channels: int = 1
    notes: str = ""

    def address(self, host: str, port: int | None, channel: int, stream: StreamName) -> str:
        """Return the address of a stream; it never holds credentials."""
        if self.path is None:
            raise InvalidError(f"{self.title}: give the address itself", code="camera_url_missing")
        if not 1 <= channel <= self.channels:
            raise InvalidError(
                f"{self.title} has channels 1 to {self.channels}, not {channel}",
                code="camera_channel_invalid",
                values={"channel": channel, "most": self.channels},
            )
        number = self.default_port if port is None else port
        return f"rtsp://{host_text(host)}:{number}{self.path(channel, stream)}"
