"""Archives to read from: days gone by, written by the recorder's own hand, and a
product that runs on them with its database and a key of the platform."""

import contextlib
import http.client
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import product as products
from product import ROOT, Product, simulator

sys.path.append(str(ROOT / "tests"))

from managed import Api, token

SECOND_US = 1_000_000
HOUR_US = 3600 * SECOND_US
MEBI = 1 << 20
BLOCK = 4 * MEBI


@dataclass(frozen=True)
class Video:
    """What an archive shows: pictures that ffmpeg makes, which repeat."""

    size: str
    fps: int
    group_s: int
    # For x264: a rate, or a quality.
    rate: tuple[str, ...]
    source: str = "testsrc2=s={size}:r={fps}"
    seconds: int = 8

    def make(self, folder: Path) -> Path:
        """Write it as Annex B."""
        path, group = folder / "video.h264", str(self.fps * self.group_s)
        picture = self.source.format(size=self.size, fps=self.fps)
        command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", picture]
        command += ["-t", str(self.seconds), "-c:v", "libx264", "-preset", "veryfast"]
        command += ["-pix_fmt", "yuv420p", "-g", group, "-keyint_min", group, "-bf", "0"]
        command += ["-x264-params", "scenecut=0:repeat-headers=1:slices=1", *self.rate]
        subprocess.run([*command, "-f", "h264", str(path)], check=True, timeout=120)
        return path


# Little video, so that a month fits; fragments, records and indexes as of any camera.
SMALL = Video("160x120", 2, 2, ("-crf", "45"), "color=s={size}:r={fps}")
# A key frame as large as of a camera, little between: a whole hour fits.
STILL = Video("1920x1080", 2, 4, ("-crf", "40"), f"{Video.source},loop=-1:1")
# As a camera of 4 Mbit/s sends it.
_RATE = ("-b:v", "4M", "-minrate", "4M", "-maxrate", "4M", "-bufsize", "4M", "-nal-hrd", "cbr")
FULL = Video("1920x1080", 25, 2, _RATE)


@dataclass(frozen=True)
class Archive:
    """What was written into a data folder."""

    data: Path
    from_us: int
    to_us: int
    fragments: int
    bytes: int
    cameras: tuple[str, ...]

    def files(self, cameras: Iterable[str]) -> list[Path]:
        """All files of some cameras."""
        home = self.data / "recordings" / "cameras"
        return [path for name in cameras for path in (home / name).rglob("*") if path.is_file()]

    def size(self) -> int:
        """Bytes on disk."""
        return sum(path.stat().st_size for path in self.files(self.cameras))


def write_archive(
    load_client: Path,
    data: Path,
    video: Video,
    *,
    cameras: int = 1,
    hours: int = 1,
    every: int = 1,
    seconds: int = 3600,
) -> Archive:
    """Write recordings that end with the last whole hour."""
    end_us = time.time_ns() // 1000 // HOUR_US * HOUR_US
    from_us = end_us - hours * HOUR_US
    source = video.make(data)
    command = [str(load_client), "archive", "--data", str(data), "--video", str(source)]
    for name, value in {
        "from-us": from_us, "hours": hours, "every": every, "seconds": seconds,
        "cameras": cameras, "fps": video.fps,
    }.items():  # fmt: skip
        command += [f"--{name}", str(value)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=3600)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    source.unlink()
    made = json.loads(done.stdout)
    os.sync()
    names = tuple(f"cam{number}" for number in range(1, cameras + 1))
    return Archive(data, made["from_us"], made["to_us"], made["fragments"], made["bytes"], names)


def drop(paths: Iterable[Path]) -> None:
    """Take files out of the page cache."""
    for path in paths:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(handle)


def read_cold(paths: Sequence[Path]) -> float:
    """Seconds that reading some files takes, out of the cache."""
    drop(paths)
    begun = time.perf_counter()
    for path in paths:
        with path.open("rb", buffering=0) as stream:
            while stream.read(BLOCK):
                pass
    return time.perf_counter() - begun


def percentile(values: Sequence[float], part: float) -> float:
    """The value that so great a part of all stays at or under."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def told(values: Sequence[float]) -> str:
    """Middle, 95 % and largest of some seconds, as milliseconds."""
    middle, high = statistics.median(values), percentile(values, 0.95)
    return f"P50 {middle * 1e3:.0f}, P95 {high * 1e3:.0f}, at most {max(values) * 1e3:.0f} ms"


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder on the disk of temporary files, or where BENCH_DISK says."""
    with tempfile.TemporaryDirectory(prefix="vms-bench-", dir=os.environ.get("BENCH_DISK")) as name:
        yield Path(name)


@dataclass(frozen=True)
class Looker:
    """Somebody who plays recordings of a product."""

    product: Product
    key: str

    def connection(self) -> http.client.HTTPConnection:
        """A connection of its own, as a tile of a page has."""
        place = urllib.parse.urlsplit(self.product.addresses["api"])
        return http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)

    def ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """Ask the API."""
        status, answer = Api(_Address(self.product.addresses["api"]), self.key).ask(
            method, path, body
        )
        if status >= 300:
            raise RuntimeError(f"{method} {path}: {status} {answer}")
        return answer

    def address(self, camera: str, from_us: int, to_us: int) -> dict[str, Any]:
        """The signed address of a time."""
        wanted = {"from_us": from_us, "to_us": to_us}
        answer: dict[str, Any] = self.ask("POST", f"cameras/{camera}/playback/address", wanted)
        return answer

    def group(self, of: "Tile", at_us: int) -> tuple[float, int]:
        """Seconds to the whole group of pictures at an instant, and its bytes."""
        begun = time.perf_counter()
        of.connection.request("GET", f"{of.path}/{at_us}.m4s?token={of.address}")
        answer = of.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{of.path}/{at_us}.m4s: {answer.status} {body[:200]!r}")
        return time.perf_counter() - begun, len(body)

    def picture(self, of: "Tile", camera: str, at_us: int) -> tuple[float, int]:
        """Seconds to the JPEG of an instant, and its bytes."""
        begun = time.perf_counter()
        path = f"/api/v1/cameras/{camera}/picture?at_us={at_us}"
        of.connection.request("GET", path, headers={"Authorization": f"Bearer {self.key}"})
        answer = of.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {body[:200]!r}")
        return time.perf_counter() - begun, len(body)


@dataclass(frozen=True)
class _Address:
    """What ``managed.Api`` needs of a product."""

    api: str


@dataclass(frozen=True)
class Tile:
    """A camera that is shown, with the signed address that it plays by."""

    connection: http.client.HTTPConnection
    path: str
    address: str


def tile(looker: Looker, archive: Archive, camera: str) -> Tile:
    """Open a camera for the whole archive."""
    found = looker.address(camera, archive.from_us, archive.to_us)
    opened = looker.connection()
    opened.connect()
    return Tile(opened, found["path"], found["address"])


@contextlib.contextmanager
def running(data: Path, cameras: int, live: int, size: str = "720p") -> Iterator[Looker]:
    """A product on an archive; the first ``live`` of its cameras send and are recorded."""
    with (
        simulator(max(live, 1), size=size) as (farm, _),
        products.product(farm, cameras, flags=(), data=data) as product,
    ):
        if live:
            product.wait_metric("vms_camera_status", live)
        yield Looker(product, token(data))


def seek_together(
    looker: Looker, archive: Archive, cameras: Sequence[str], at_us: int, pool: ThreadPoolExecutor
) -> float:
    """Seconds until every camera shown has its group at one instant, nothing of it cached."""
    tiles = [tile(looker, archive, name) for name in cameras]
    drop(archive.files(cameras))
    begun = time.perf_counter()
    list(pool.map(lambda one: looker.group(one, at_us), tiles))
    took = time.perf_counter() - begun
    for one in tiles:
        one.connection.close()
    return took


def instants(archive: Archive, count: int, seed: int = 1) -> list[int]:
    """Random instants of an archive without holes."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    last = archive.to_us - 10 * SECOND_US
    return [dice.randrange(archive.from_us, last) for _ in range(count)]
