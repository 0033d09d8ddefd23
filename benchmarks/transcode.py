"""What a converted camera costs: CPU, delay and memory of a worker for 1080p25 of H.265.

The worker is the product's own process, fed as the engine feeds it, in real time; a second run
feeds it as fast as it takes pictures, which tells how many it could make at most.

    benchmarks/transcode.py [SECONDS]     default 30
"""

import os
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))

import av

from product import Usage
from vms.transcode import SceneSpec, ensure_scene

FPS = 25
SCENE = SceneSpec(width=1920, height=1080, bitrate=4_000_000, codec="h265", fps=FPS, seconds=4)
EPOCH, H265, RATE = 1, 17, 90_000
# Of a video parameter set, which comes with each key frame (H.265, table 7-1).
VPS = 32
# The first pictures find a process that is still starting.
WARM_S = 3.0
SOON_US = 60_000_000


def message(kind: bytes, body: bytes) -> bytes:
    """Return what the engine says."""
    return struct.pack("<I", 1 + len(body)) + kind + body


def frames() -> Iterator[tuple[bool, bytes]]:
    """Yield the access units of the scene, over and over, as the engine hands them out."""
    path = ensure_scene(Path(tempfile.gettempdir()) / "vms-bench-scenes", SCENE)
    parser = av.CodecContext.create("hevc", "r")
    stream = path.read_bytes()
    units = [bytes(packet) for packet in [*parser.parse(stream), *parser.parse(b"")]]
    found = []
    for unit in units:
        nals = [nal.rstrip(b"\0") for nal in unit.split(b"\0\0\1") if nal.rstrip(b"\0")]
        key = any(nal[0] >> 1 == VPS for nal in nals)
        found.append((key, b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals)))
    while True:
        yield from found


@dataclass
class Worker:
    """A worker, and when what it made came."""

    process: subprocess.Popen[bytes]
    ours: socket.socket
    came: dict[int, float] = field(default_factory=dict)
    sent_bytes: int = 0

    @classmethod
    def start(cls) -> "Worker":
        """Start one as the steward does."""
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "vms.transcode.video", str(os.getpid())]
        with theirs:
            process = subprocess.Popen(
                [*command, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env={"PYTHONPATH": os.pathsep.join(sys.path)},
            )
        made = cls(process, ours)
        threading.Thread(target=made._hear, daemon=True).start()
        made.ours.sendall(message(b"H", struct.pack("<QBBI", EPOCH, H265, 0, RATE)))
        return made

    def _hear(self) -> None:
        with self.ours.makefile("rb") as words:
            while head := words.read(4):
                body = words.read(int.from_bytes(head, "little"))
                if body[:1] == b"P":
                    self.came[int.from_bytes(body[9:17], "little")] = time.monotonic()
                    self.sent_bytes += len(body) - 17

    def feed(self, utc_us: int, data: bytes, *, key: bool) -> None:
        """Give it a picture."""
        self.ours.sendall(message(b"F", struct.pack("<Bq", 2 * key, utc_us) + data))

    def private_bytes(self) -> int:
        """Memory of its own."""
        rows = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text(encoding="ascii")
        named = {line.split()[0]: int(line.split()[1]) for line in rows.splitlines()[1:]}
        return (named["Private_Clean:"] + named["Private_Dirty:"]) * 1024

    def end(self) -> None:
        """Let it go."""
        self.ours.shutdown(socket.SHUT_RDWR)
        self.process.wait(10)


def in_real_time(seconds: float) -> str:
    """Measure a camera that is watched."""
    worker = Worker.start()
    sent: dict[int, float] = {}
    begun, before = time.monotonic(), None
    for number, (key, data) in enumerate(frames()):
        wait = begun + number / FPS - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        elapsed = time.monotonic() - begun
        if before is None and elapsed > WARM_S:
            before = Usage.of(worker.process.pid)
        if elapsed > WARM_S + seconds:
            break
        utc_us = time.time_ns() // 1000
        if before is not None:
            sent[utc_us * 90 // 1000] = time.monotonic()
        worker.feed(utc_us, data, key=key)
    after, private = Usage.of(worker.process.pid), worker.private_bytes()
    time.sleep(0.5)
    worker.end()
    delays = sorted(
        (worker.came[at] - then) * 1000 for at, then in sent.items() if at in worker.came
    )
    if before is None or not delays:
        raise RuntimeError("the worker made nothing")
    p95 = delays[len(delays) * 95 // 100]
    return (
        f"real time: {after.cores_since(before):.2f} core; delay added P50 "
        f"{statistics.median(delays):.0f} ms, P95 {p95:.0f} ms; {len(delays)} of {len(sent)} "
        f"pictures; {worker.sent_bytes * 8 / (seconds + WARM_S) / 1e6:.1f} Mbit/s; "
        f"{private / 1e6:.0f} MB of its own"
    )


def as_fast_as_it_goes(seconds: float) -> str:
    """Measure how many pictures one worker could make."""
    worker = Worker.start()
    begun, base_us = time.monotonic(), time.time_ns() // 1000 + SOON_US
    before, made_before = Usage.of(worker.process.pid), 0
    for number, (key, data) in enumerate(frames()):
        # Each is one of the time to come: none is late.
        worker.feed(base_us + number * 1_000_000 // FPS, data, key=key)
        if made_before == 0 and len(worker.came) >= FPS:
            before, made_before = Usage.of(worker.process.pid), len(worker.came)
        if time.monotonic() - begun > seconds:
            break
    after, made = Usage.of(worker.process.pid), len(worker.came)
    worker.end()
    each_s = (after.cpu_s - before.cpu_s) / (made - made_before)
    return (
        f"saturated: {each_s * 1000:.1f} ms of CPU a picture, {each_s * FPS:.2f} core at {FPS} a "
        f"second; with a core of its own {1 / each_s:.0f} a second"
    )


def main() -> None:
    """Measure and print."""
    from run import commit, machine  # noqa: PLC0415 - what every benchmark prints

    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    print(f"Machine: {machine()}\nCommit: {commit()}\n")
    print("H.265 of 1920x1080 at 25 to H.264 of 1280x720")
    print(in_real_time(seconds))
    print(as_fast_as_it_goes(seconds / 2))


if __name__ == "__main__":
    main()
