"""Viewers that note each picture they get, so that a lost second is seen."""

import contextlib
import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import IO, cast

import av
import av.container
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

# What simulated cameras write into each picture before the time: UTC_SEI_UUID of the engine.
MARK = bytes.fromhex("5a1c93e47b0d4f268ed136aa79c852f7")
# A player that hears nothing for so long gives up.
PATIENCE_S = 10.0
# Of the media socket: a message that holds a frame, and the bytes before it.
SOCKET_FRAME, SOCKET_HEAD = 1, 24
# Options of ffmpeg's: play what comes, without looking at seconds of it first.
AT_ONCE = {"fflags": "nobuffer", "analyzeduration": "500000"}
PLAY_AT_ONCE = [word for name, value in AT_ONCE.items() for word in (f"-{name}", value)]


def taken_s(access_unit: bytes) -> float | None:
    """Return when a simulated camera took a picture, in seconds of UTC by its clock."""
    at = access_unit.find(MARK)
    if at < 0:
        return None
    end = at + len(MARK)
    # A zero is followed by an emulation prevention byte where three would stand in a row.
    stamp = access_unit[end : end + 12].replace(b"\0\0\3", b"\0\0")[:8]
    return int.from_bytes(stamp) / 1e6


@dataclass(frozen=True)
class Seen:
    """A picture: when it came (monotonic), and when the camera took it (UTC)."""

    at: float
    taken: float


@dataclass
class Watcher:
    """Notes the pictures of one viewer."""

    name: str
    seen: list[Seen] = field(default_factory=list)
    ended: str | None = None
    stopped: bool = False

    def take(self, access_unit: bytes) -> None:
        """Note a picture."""
        taken = taken_s(access_unit)
        if taken is not None:
            self.seen.append(Seen(time.monotonic(), taken))

    def lost(self, longest_s: float, since: float = 0.0, bursts_s: float = 0.0) -> list[str]:
        """Return each pause longer than this since then, on the camera's clock or on ours.

        Pictures may come in bursts, so long apart. The pause in which ``since`` lies counts.
        """
        after = sum(picture.at < since for picture in self.seen)
        pictures = self.seen[max(after - 1, 0) :]
        if not pictures:
            return [f"{self.name}: no picture ({self.ended})"]
        found = [
            f"{self.name}: {later.taken - picture.taken:.2f} s of pictures missing, "
            f"a pause of {later.at - picture.at:.2f} s"
            for picture, later in pairwise(pictures)
            if later.taken - picture.taken > longest_s
            or later.at - picture.at > longest_s + bursts_s
        ]
        silent = time.monotonic() - pictures[-1].at
        if silent > longest_s + bursts_s:
            found.append(f"{self.name}: nothing for {silent:.2f} s at the end ({self.ended})")
        return found


# Plays until its watcher is stopped, and gives it each picture.
Play = Callable[[Watcher], None]


def _follow(watcher: Watcher, container: av.container.InputContainer) -> None:
    for packet in container.demux(video=0):
        if watcher.stopped:
            return
        watcher.take(bytes(packet))
    watcher.ended = "it ended"


def by_rtsp(url: str) -> Play:
    """Play by RTSP, media in its connection."""

    def play(watcher: Watcher) -> None:
        options = {"rtsp_transport": "tcp", **AT_ONCE}
        with av.open(url, options=options, timeout=PATIENCE_S) as container:
            _follow(watcher, container)

    return play


def by_ffmpeg(url: str) -> Play:
    """Play what PyAV's own ffmpeg does not speak, by the program."""
    command = ["ffmpeg", "-v", "error", *PLAY_AT_ONCE, "-i", url, "-map", "0:v"]
    command += ["-c", "copy", "-f", "mpegts", "-flush_packets", "1", "pipe:1"]

    def play(watcher: Watcher) -> None:
        with subprocess.Popen(
            command, bufsize=0, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            threading.Thread(target=_ends_with, args=(process, watcher), daemon=True).start()
            try:
                output = cast("IO[bytes]", process.stdout)
                with av.open(output, format="mpegts", mode="r", options=AT_ONCE) as container:
                    _follow(watcher, container)
            finally:
                process.kill()

    return play


def by_socket(url: str, wish: dict[str, object]) -> Play:
    """Play one tile by the media socket (docs/reference/media-socket.md)."""

    def play(watcher: Watcher) -> None:
        with connect(url, max_size=None, open_timeout=PATIENCE_S) as socket:
            socket.send(json.dumps({"type": "subscribe", "id": 1, **wish}))
            while not watcher.stopped:
                said = socket.recv(timeout=PATIENCE_S)
                if isinstance(said, str) and json.loads(said)["type"] in {"refused", "ended"}:
                    watcher.ended = said
                    return
                if isinstance(said, bytes) and said[0] == SOCKET_FRAME:
                    watcher.take(said[SOCKET_HEAD:])

    return play


def _ends_with(process: subprocess.Popen[bytes], watcher: Watcher) -> None:
    while process.poll() is None:
        if watcher.stopped:
            process.kill()
        time.sleep(0.1)


@contextlib.contextmanager
def watched(name: str, play: Play) -> Iterator[Watcher]:
    """Watch a stream while the block runs."""
    watcher = Watcher(name)

    def follow() -> None:
        try:
            play(watcher)
        except (av.FFmpegError, OSError, WebSocketException) as error:
            watcher.ended = str(error)

    thread = threading.Thread(target=follow, name=name, daemon=True)
    thread.start()
    try:
        yield watcher
    finally:
        watcher.stopped = True
        thread.join(PATIENCE_S + 5)
