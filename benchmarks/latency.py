"""How old a picture is when it is decoded, by the camera's clock, by each way of watching.

Simulated cameras write their clock into each picture when they send it. In Chromium pictures are
those that are presented (WebRTC, HLS) or leave the decoder (media socket); by RTSP and SRT those
that leave ffmpeg's decoder, with nothing buffered on purpose. Camera and player share a clock.

LATENCY_JOINS=10      times that a player comes; the first picture is counted from its request
LATENCY_SIZE=1080p    of the camera
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import av
import av.container
from av.codec.context import Flags

from live_feel import node
from product import ROOT, Product, product, simulator

sys.path.append(str(ROOT / "tests"))
from watchers import AT_ONCE, PATIENCE_S, PLAY_AT_ONCE, taken_s

JOINS = int(os.environ.get("LATENCY_JOINS", "10"))
SIZE = os.environ.get("LATENCY_SIZE", "1080p")
# A player that just came gets a cached group; its pictures are older than live ones.
SETTLE_S = 1.5
LIMIT_S = 15.0
# What a caller of SRT asks for, milliseconds; the server's own wish, where greater, holds.
SRT_LATENCY_MS = 20


@dataclass
class Late:
    """How late pictures were, and how soon the first one came, in milliseconds."""

    late: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    missed: int = 0

    def told(self) -> str:
        """Tell it for the table."""
        if not self.late or not self.first:
            raise RuntimeError(f"no picture came in {self.missed} of {JOINS} joins")
        return (
            f"camera to picture P50 {part(self.late, 50):.0f}, P95 {part(self.late, 95):.0f} ms of "
            f"{len(self.late)} pictures; first picture P50 {part(self.first, 50):.0f}, "
            f"P95 {part(self.first, 95):.0f} ms of {len(self.first)} joins"
            + (f"; {self.missed} joins without a picture" if self.missed else "")
        )


def part(values: list[float], percent: int) -> float:
    """Return the value that so many of a hundred do not exceed."""
    return sorted(values)[min(len(values) * percent // 100, len(values) - 1)]


def in_browser(way: str, made: Product, seconds: float) -> Late:
    """Watch in Chromium."""
    origin = made.addresses["api"]
    urls = {
        "webrtc": f"{origin}/api/v1/streams/cam1/main/whep",
        "socket": f"{origin.replace('http', 'ws', 1)}/media",
        "hls": f"{origin}/live/cam1/main/",
    }
    each = max(seconds / JOINS, 2.0)
    args = (way, origin, urls[way], "cam1", str(JOINS), f"{each:.1f}")
    found = json.loads(node("latency", *args, limit_s=JOINS * (each + LIMIT_S + 10) + 30))
    late = Late()
    for join in found:
        if join is None or "first" not in join:
            late.missed += 1
            continue
        late.first.append(join["first"])
        late.late += join["late"]
        if join["unknown"] > len(join["late"]):
            raise RuntimeError(f"{join['unknown']} pictures by {way} without the camera's clock")
    return late


Opened = contextlib.AbstractContextManager[av.container.InputContainer]


@contextlib.contextmanager
def by_rtsp(made: Product) -> Iterator[av.container.InputContainer]:
    """Play by RTSP, media in its connection."""
    options = {"rtsp_transport": "tcp", **AT_ONCE}
    with av.open(f"{made.addresses['rtsp']}/cam1", options=options, timeout=PATIENCE_S) as opened:
        yield opened


@contextlib.contextmanager
def by_srt(made: Product) -> Iterator[av.container.InputContainer]:
    """Play by SRT with the program, as PyAV's own ffmpeg speaks none; frames come by a pipe."""
    wish = f"streamid=read:cam1&latency={SRT_LATENCY_MS * 1000}"
    command = ["ffmpeg", "-v", "error", *PLAY_AT_ONCE, "-i", f"{made.addresses['srt']}?{wish}"]
    command += ["-map", "0:v", "-c", "copy", "-f", "nut", "-flush_packets", "1", "pipe:1"]
    # Unbuffered: a read gives what there is.
    with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0) as process:
        end = threading.Timer(LIMIT_S * 4, process.kill)
        end.start()
        try:
            with av.open(process.stdout, format="nut", options=AT_ONCE, mode="r") as opened:
                yield opened
        finally:
            end.cancel()
            process.kill()


def by_ffmpeg(play: Callable[[Product], Opened], made: Product, seconds: float) -> Late:
    """Watch with ffmpeg's decoder."""
    late = Late()
    each = max(seconds / JOINS, 2.0)
    for _ in range(JOINS):
        begun = time.time()
        with play(made) as container:
            first = None
            for at, taken in pictures(container):
                first = first or at
                if at > first + SETTLE_S + each:
                    break
                if at > first + SETTLE_S:
                    late.late.append((at - taken) * 1000)
        if first is None:
            late.missed += 1
        else:
            late.first.append((first - begun) * 1000)
    return late


def pictures(container: av.container.InputContainer) -> Iterator[tuple[float, float]]:
    """Yield when each picture was decoded and when it was taken, in seconds of UTC."""
    video = container.streams.video[0]
    # Threads of the decoder would each hold a picture back.
    video.codec_context.thread_count = 1
    video.codec_context.flags |= Flags.low_delay
    taken: dict[int | None, float] = {}
    for packet in container.demux(video):
        stamp = taken_s(bytes(packet))
        if stamp is not None:
            taken[packet.pts] = stamp
        for frame in packet.decode():
            at = time.time()
            if frame.pts in taken:
                yield at, taken.pop(frame.pts)


WAYS: dict[str, Callable[[Product, float], Late]] = {
    "webrtc": lambda made, seconds: in_browser("webrtc", made, seconds),
    "socket": lambda made, seconds: in_browser("socket", made, seconds),
    "hls": lambda made, seconds: in_browser("hls", made, seconds),
    "rtsp": lambda made, seconds: by_ffmpeg(by_rtsp, made, seconds),
    "srt": lambda made, seconds: by_ffmpeg(by_srt, made, seconds),
}


def measured(way: str, seconds: float) -> str:
    """Watch one camera by one way, again and again."""
    with simulator(1, size=SIZE) as (farm, _), product(farm, 1) as made:
        made.wait_live(1)
        return WAYS[way](made, seconds).told()
