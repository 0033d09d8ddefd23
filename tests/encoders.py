"""Publishers: a real encoder that sends what it makes to an address."""

import contextlib
import subprocess
from collections.abc import Iterator

FORMATS = {"rtmp": "flv", "srt": "mpegts"}


@contextlib.contextmanager
def encoder(protocol: str, address: str) -> Iterator[subprocess.Popen[str]]:
    """Publish pictures with sound, in real time, for ever."""
    command = [
        *("ffmpeg", "-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25"),
        *("-re", "-f", "lavfi", "-i", "sine=r=48000", "-c:v", "libx264", "-preset", "ultrafast"),
        *("-tune", "zerolatency", "-g", "25", "-pix_fmt", "yuv420p"),
        *("-c:a", "aac", "-f", FORMATS[protocol], address),
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            # It says goodbye, which SRT is not told otherwise.
            process.terminate()
