"""What is read of recordings: seeking, pictures of an instant, exports, a start on an archive.

Caches of what is read are dropped before each measure by ``posix_fadvise``; what
the file system itself remembers of names stays. Rates are told beside a plain
read or copy of the same bytes in the same run.

    BENCH_DISK=DIR       where archives are made (default: of temporary files)
    BENCH_MONTH_HOURS=720, BENCH_CAMERAS=100, BENCH_ROUNDS=40   how much of it
"""

import json
import os
import random
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from archive import (
    BLOCK,
    FULL,
    MEBI,
    SECOND_US,
    SMALL,
    STILL,
    Archive,
    drop,
    folder,
    instants,
    read_cold,
    running,
    seek_together,
    tile,
    told,
    write_archive,
)
from product import TICKS, Usage, product, simulator
from vms import _engine
from vms.engine import (
    EngineConfig,
    FrontConfig,
    RecordingConfig,
    RingConfig,
    RtspConfig,
    VolumeConfig,
    WebRtcConfig,
)

MONTH_HOURS = int(os.environ.get("BENCH_MONTH_HOURS", "720"))
CAMERAS = int(os.environ.get("BENCH_CAMERAS", "100"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "40"))
EXPORT_S = int(os.environ.get("BENCH_EXPORT_SECONDS", "1200"))
RECORDING = 20
# Tiles of a wall.
SHOWN = (1, 4, 9, 16)


@contextmanager
def engine(data: Path) -> Iterator[Any]:
    """The engine alone, on what lies in a data folder."""
    config = EngineConfig(
        front=FrontConfig("127.0.0.1:0", str(data / "none.sock"), open=False),
        rtsp=RtspConfig("127.0.0.1:0"),
        webrtc=WebRtcConfig("127.0.0.1:0", ("127.0.0.1:0",)),
        backoff_ms=(100, 1000),
        no_video_ms=5000,
        ring=RingConfig(1 << 20, 2, 1 << 24),
        recording=RecordingConfig(
            (VolumeConfig("archive", str(data / "recordings"), 0),),
            str(data / "keys"),
            str(data / "ledgers"),
        ),
    )
    made = _engine.Engine(msgspec.json.encode(config))
    made.start()
    try:
        yield made
    finally:
        made.stop()


def call(made: Any, name: str, **asked: object) -> tuple[dict[str, Any], bytes]:  # noqa: ANN401 - compiled
    """Ask the engine."""
    answer, data = made.recording(name, json.dumps(asked).encode())
    return json.loads(answer), data


def month(load_client: Path) -> str:
    """Seeking anywhere in a month of one camera, through the front."""
    with folder() as data:
        made = write_archive(load_client, data, SMALL, hours=MONTH_HOURS)
        files = made.files(made.cameras)
        took, parts = [], []
        with running(data, 1, 0) as looker:
            one = tile(looker, made, "cam1")
            for at_us in instants(made, ROUNDS):
                drop(files)
                took.append(looker.group(one, at_us)[0])
                parts.append(read_cold(_hour_files(made, at_us)))
        size = made.size() / 1e9
    return (
        f"{told(took)} of {ROUNDS} in {MONTH_HOURS} hour files ({size:.1f} GB, "
        f"{made.fragments} fragments); reading index and video of such an hour {told(parts)}"
    )


def _hour_files(made: Archive, at_us: int) -> list[Path]:
    moment = time.gmtime(at_us // SECOND_US)
    day = made.data / "recordings/cameras/cam1" / time.strftime("%Y-%m-%d", moment)
    return list(day.glob(f"*_{moment.tm_hour:02}*"))


@contextmanager
def many(load_client: Path) -> Iterator[Archive]:
    """A whole hour of many cameras, key frames of 1080p, every index as long as of any camera."""
    with folder() as data:
        yield write_archive(load_client, data, STILL, cameras=CAMERAS)


def cameras_shown(load_client: Path) -> str:
    """Seeking by the number of cameras that are shown, through the front."""
    said = []
    with (
        many(load_client) as made,
        running(made.data, CAMERAS, 0) as looker,
        ThreadPoolExecutor(max(SHOWN)) as pool,
    ):
        dice = random.Random(5)  # noqa: S311 - no secret
        for count in SHOWN:
            took = [
                seek_together(looker, made, dice.sample(made.cameras, count), at_us, pool)
                for at_us in instants(made, ROUNDS, count)
            ]
            said.append(f"{count} shown: {told(took)}")
    return (
        f"{len(made.cameras)} cameras with an hour of 1080p key frames each ({made.fragments} "
        f"fragments), whose indexes the engine knows: {'; '.join(said)}"
    )


def scrub(load_client: Path) -> str:
    """The JPEG of a random instant while other cameras are recorded, and the engine's share."""
    dice = random.Random(7)  # noqa: S311 - no secret
    with many(load_client) as made:
        shown = [dice.choice(made.cameras) for _ in range(ROUNDS)]
        asked = list(zip(shown, instants(made, ROUNDS, 3), strict=True))
        files = made.files(made.cameras)
        whole, sizes = [], []
        with running(made.data, CAMERAS, RECORDING, "1080p") as looker:
            opened = {name: tile(looker, made, name) for name in set(shown)}
            for name, at_us in asked:
                drop(files)
                seconds, size = looker.picture(opened[name], name, at_us)
                whole.append(seconds)
                sizes.append(size)
        share = []
        with engine(made.data) as alone:
            for name, at_us in asked:
                drop(files)
                begun = time.perf_counter()
                call(alone, "picture", camera=name, stream="main", at_us=at_us, exact=False)
                share.append(time.perf_counter() - begun)
    each = statistics.median(sizes) / 1e3
    return (
        f"{told(whole)} of {ROUNDS} pictures of 1080p over the API ({each:.0f} kB), {RECORDING} "
        f"cameras recorded meanwhile; the engine alone {told(share)}"
    )


@dataclass(frozen=True)
class Copied:
    """One round: a plain copy and an export of the same video."""

    copy_s: float
    export_s: float
    cpu_s: float

    @property
    def ratio(self) -> float:
        """How fast the export is beside the copy."""
        return self.copy_s / self.export_s


def export(load_client: Path, container: str) -> str:
    """An export beside a plain copy of the same file, both made durable."""
    with folder() as data:
        made = write_archive(load_client, data, FULL, seconds=EXPORT_S)
        video = next(path for path in made.files(["cam1"]) if path.suffix == ".mp4")
        files = made.files(["cam1"])
        with engine(data) as alone:
            cold = [_round(alone, made, video, container, lambda: drop(files)) for _ in range(5)]
            warm = [_round(alone, made, video, container, lambda: None) for _ in range(3)]
        size = video.stat().st_size

    def say(rounds: list[Copied]) -> str:
        ratio = statistics.median(one.ratio for one in rounds)
        least, most = min(one.ratio for one in rounds), max(one.ratio for one in rounds)
        speed = statistics.median(size / one.export_s / MEBI for one in rounds)
        copy = statistics.median(size / one.copy_s / MEBI for one in rounds)
        cpu = statistics.median(one.cpu_s for one in rounds)
        return (
            f"{ratio:.2f} of a copy ({least:.2f} to {most:.2f}; {speed:.0f} beside {copy:.0f} "
            f"MiB/s; {cpu:.2f} s of CPU)"
        )

    times = EXPORT_S / statistics.median(one.export_s for one in cold)
    return (
        f"{size / MEBI:.0f} MiB, {EXPORT_S} s of 1080p of 4 Mbit/s: {say(cold)}; "
        f"source in the cache: {say(warm)}; {times:.0f}x real time"
    )


def _round(
    alone: Any,  # noqa: ANN401 - compiled
    made: Archive,
    video: Path,
    container: str,
    prepare: Callable[[], None],
) -> Copied:
    target = made.data / "copy"
    os.sync()
    prepare()
    begun = time.perf_counter()
    with video.open("rb", buffering=0) as source, target.open("wb", buffering=0) as sink:
        while block := source.read(BLOCK):
            sink.write(block)
        os.fsync(sink.fileno())
    copy_s = time.perf_counter() - begun
    target.unlink()
    os.sync()
    prepare()
    where = made.data / "export"
    part = {
        "camera": "cam1", "streams": ["main"], "from_us": made.from_us, "to_us": made.to_us,
    }  # fmt: skip
    begun, cpu = time.perf_counter(), time.process_time()
    call(
        alone, "export_start", id="bench", parts=[part], container=container, audio=True,
        by="bench", why="", folder=str(where),
    )  # fmt: skip
    while (status := call(alone, "export_status", id="bench")[0])["state"] == "running":
        time.sleep(0.002)
    export_s, cpu_s = time.perf_counter() - begun, time.process_time() - cpu
    if status["state"] != "done":
        raise RuntimeError(f"no export: {status}")
    for path in where.iterdir():
        path.unlink()
    return Copied(copy_s, export_s, cpu_s)


def start(cameras: int) -> str:
    """From the start of the media process on recordings of many cameras until all record."""
    small = ("sub",)
    with folder() as data, simulator(cameras, size="720p") as (farm, _):
        with product(farm, cameras, small, flags=(), data=data) as first:
            first.wait_metric("vms_camera_status", cameras)
            time.sleep(10)
        before = _recorded(data)
        with product(farm, cameras, small, flags=(), data=data) as again:
            begun = _begun(again.media_pid)
            while len(_cameras_of(_recorded(data) - before)) < cameras:
                if time.time() > begun + 60:
                    raise RuntimeError("not all cameras record after a minute")
                time.sleep(0.02)
            first_s = _first_after(_recorded(data) - before, begun)
            cpu = Usage.of(again.media_pid).cpu_s
    return (
        f"{max(first_s):.1f} s until the last of {cameras} has its first fragment on disk (half of "
        f"them after {statistics.median(first_s):.1f} s), which waits for a key frame, one a "
        f"second, and is half a second long; {cpu:.1f} s of CPU of the media process"
    )


def _first_after(paths: set[Path], begun: float) -> list[float]:
    """When each camera's first file was born, in seconds after a moment."""
    command = ["stat", "--format=%w", *map(str, sorted(paths))]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    born: dict[str, float] = {}
    for path, line in zip(sorted(paths), done.stdout.splitlines(), strict=True):
        day, clock, zone = line.split()
        moment = datetime.fromisoformat(f"{day}T{clock[:15]}{zone[:3]}:{zone[3:]}").timestamp()
        name = path.parent.parent.name
        born[name] = min(born.get(name, moment), moment)
    return [moment - begun for moment in born.values()]


def _begun(pid: int) -> float:
    """When a process began, in seconds of the system's time."""
    stat = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    return time.time() - uptime + int(stat[19]) / TICKS


def _recorded(data: Path) -> set[Path]:
    """Video files; one appears with its first fragment."""
    return set((data / "recordings/cameras").rglob("video_*.mp4"))


def _cameras_of(paths: set[Path]) -> set[str]:
    return {path.parent.parent.name for path in paths}
