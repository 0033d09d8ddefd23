"""What three players make of a file: FFmpeg's two programs and GStreamer."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_LIMIT_S = 60
_CLOCK = re.compile(r"last-message = chain .* pts: (\d+):(\d+):([\d.]+), ")


@dataclass(frozen=True)
class Played:
    """How many pictures a player decoded, and when the last one is shown, in seconds."""

    player: str
    pictures: int
    last_s: float


def _run(*command: str) -> str:
    program = shutil.which(command[0])
    assert program, f"{command[0]} is missing: scripts/require.sh ffmpeg gstreamer"
    done = subprocess.run(
        [program, *command[1:]], capture_output=True, text=True, timeout=_LIMIT_S, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stderr}"
    assert "error" not in done.stderr.lower(), f"{command}: {done.stderr}"
    return done.stdout


def seconds(path: Path) -> float:
    """Return how long a file says it is."""
    show = ["-of", "csv=p=0", "-show_entries", "format=duration"]
    told = _run("ffprobe", "-v", "error", *show, str(path))
    return float(told)


def ffprobe(path: Path) -> Played:
    """Decode every picture with ffprobe."""
    show = ["-of", "csv=p=0", "-select_streams", "v", "-show_entries", "frame=pts_time"]
    times = [
        float(line.split(",")[0])
        for line in _run("ffprobe", "-v", "error", *show, str(path)).split()
    ]
    return Played("ffprobe", len(times), times[-1])


def ffmpeg(path: Path) -> Played:
    """Decode every picture with ffmpeg, at the times that the file says."""
    show = ["-map", "0:v", "-fps_mode", "passthrough", "-copyts", "-f", "framecrc", "-"]
    lines = _run("ffmpeg", "-v", "error", "-i", str(path), *show).splitlines()
    (base,) = (line.split(":")[1] for line in lines if line.startswith("#tb 0"))
    over, under = base.split("/")
    frames = [line.split(",") for line in lines if not line.startswith("#")]
    return Played("ffmpeg", len(frames), int(frames[-1][2]) * int(over) / int(under))


def gstreamer(path: Path) -> Played:
    """Decode every picture with GStreamer."""
    demuxer = "matroskademux" if path.suffix == ".mkv" else "qtdemux"
    pipeline = (
        f"filesrc location={path} ! {demuxer} name=d d.video_0 ! queue ! h264parse ! avdec_h264 ! "
        "identity name=seen silent=false ! fakesink sync=false"
    )
    told = _run("gst-launch-1.0", "-v", *pipeline.split(" "))
    times = [int(h) * 3600 + int(m) * 60 + float(s) for h, m, s in _CLOCK.findall(told)]
    return Played("GStreamer", len(times), times[-1])


PLAYERS = (ffprobe, ffmpeg, gstreamer)
