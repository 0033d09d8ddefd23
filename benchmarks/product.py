"""Starts the product and its simulated cameras as their user would, and reads
what a process has used from the system."""

import contextlib
import json
import os
import re
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
VMS = ROOT / ".venv" / "bin" / "vms"
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
PATIENCE_S = 120.0

# Every listener of the product.
PORTS = ("port", "rtsp-port", "rtmp-port", "srt-port", "webrtc-port", "webrtc-udp-port", "hls-port")


@dataclass(frozen=True)
class Usage:
    """What a process has used up to a moment."""

    at: float
    cpu_s: float
    rss_bytes: int
    handles: int

    @staticmethod
    def of(pid: int) -> "Usage":
        """Reads /proc of a process."""
        stat = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        handles = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        cpu_s = (int(stat[11]) + int(stat[12])) / TICKS
        return Usage(time.monotonic(), cpu_s, pages * PAGE, handles)

    def cores_since(self, before: "Usage") -> float:
        """Processor cores used on average since an earlier moment."""
        return (self.cpu_s - before.cpu_s) / (self.at - before.at)


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What viewers cost the media process, beside what it uses without them."""

    viewers: int
    megabits: float
    seconds: float
    cpu_ms: float
    # Of the media process as a whole, of the viewers themselves, and of the simulator.
    media_cores: float
    own_cores: float
    farm_cores: float
    rss_bytes: float

    def processor(self) -> str:
        """Tell what it took of the processor."""
        return (
            f"{self.cpu_ms / self.megabits:.3f} ms of CPU a Mbit ({self.media_cores:.2f} core, "
            f"{self.megabits / self.seconds:.0f} Mbit/s)"
        )


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def simulator(
    cameras: int,
    *,
    size: str = "1080p",
    faults: tuple[str, ...] = (),
    args: tuple[str, ...] = (),
) -> Iterator[tuple[str, int]]:
    """A farm in a process of its own; gives its address and process id."""
    command = [str(VMS), "simulate", "--cameras", str(cameras), "--port", "0", "--size", size]
    command += args
    for fault in faults:
        command += ["--fault", fault]
    # Scenes are made once; the farm speaks when its cameras answer.
    with subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, text=True) as process:
        try:
            found = None
            for line in process.stdout or ():
                found = re.search(r"127\.0\.0\.1:\d+", line)
                if found:
                    break
            if not found:
                raise RuntimeError("the simulator ended before it was ready")
            yield found.group(), process.pid
        finally:
            _stop(process)


@dataclass
class Product:
    """A running `vms up`."""

    run: dict[str, Any]
    data: Path
    media_pid: int
    addresses: dict[str, str] = field(default_factory=dict)

    def get(self, path: str) -> bytes:
        """What the product answers at a path of its origin."""
        with urllib.request.urlopen(self.addresses["api"] + path) as answer:
            body: bytes = answer.read()
        return body

    def streams(self) -> list[dict[str, object]]:
        """The list of streams, as the API tells it."""
        items: list[dict[str, object]] = []
        cursor = ""
        while True:
            page = json.loads(self.get(f"/api/v1/streams?limit=200{cursor}"))
            items += page["items"]
            if page["next"] is None:
                return items
            cursor = f"&cursor={page['next']}"

    def reconnects(self) -> int:
        """How often cameras were called again, all together."""
        return sum(int(str(item["reconnects"])) for item in self.streams())

    def metric(self, name: str) -> float:
        """A metric of the media process, summed over what it is told of."""
        lines = self.get("/metrics/media").decode().splitlines()
        return sum(
            float(line.rsplit(" ", 1)[1])
            for line in lines
            if line.startswith((f"{name} ", f"{name}{{"))
        )

    def hub_bytes(self) -> int:
        """Bytes of video held for viewers who join."""
        return int(self.metric("vms_hub_bytes"))

    def wait_metric(self, name: str, least: float) -> None:
        """Until a metric is as high."""
        deadline = time.monotonic() + PATIENCE_S
        while self.metric(name) < least:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{name} is {self.metric(name)}, not {least}")
            time.sleep(0.2)

    def wait_live(self, count: int) -> None:
        """Until so many streams are live."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if sum(item["state"] == "live" for item in self.streams()) >= count:
                return
            time.sleep(0.2)
        states = [(item["camera"], item["state"], item["reason"]) for item in self.streams()]
        raise RuntimeError(f"not {count} streams live after {PATIENCE_S:.0f} s: {states[:5]}")


def settings(farm: str, cameras: int, streams: tuple[str, ...], extra: str) -> str:
    """A settings file with the farm's cameras."""
    lines = [extra]
    for number in range(1, cameras + 1):
        lines.append(f'[[cameras]]\nid = "cam{number}"')
        if "main" in streams:
            lines.append(f'url = "rtsp://{farm}/cam{number}"')
        else:
            # One stream a camera: the small one stands in for main.
            lines.append(f'url = "rtsp://{farm}/cam{number}/sub"')
        if streams == ("main", "sub"):
            lines.append(f'sub_url = "rtsp://{farm}/cam{number}/sub"')
    return "\n".join(lines) + "\n"


@contextlib.contextmanager
def product(
    farm: str,
    cameras: int,
    streams: tuple[str, ...] = ("main",),
    extra: str = "",
    flags: tuple[str, ...] = ("--open",),
    data: Path | None = None,
) -> Iterator[Product]:
    """`vms up` on a data folder of its own, or on one that is there."""
    with tempfile.TemporaryDirectory(prefix="vms-bench-") as name:
        data = data or Path(name)
        (data / "vms.toml").write_text(settings(farm, cameras, streams, extra))
        ports = [text for name in PORTS for text in (f"--{name}", "0")]
        command = [str(VMS), "up", *flags, "--data", str(data), *ports, "--log-level", "error"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, text=True) as process:
            try:
                yield _ready(process, data)
            finally:
                _stop(process)


def _ready(process: subprocess.Popen[str], data: Path) -> Product:
    deadline = time.monotonic() + PATIENCE_S
    path = data / "run.json"
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"vms up ended with {process.returncode}")
        if path.exists():
            run = json.loads(path.read_text())
            return Product(run, data, run["pids"]["media"], run["addresses"])
        time.sleep(0.05)
    raise RuntimeError("vms up was not ready in time")
