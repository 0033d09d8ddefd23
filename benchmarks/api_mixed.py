"""Rows about the whole API: workers of a product where people sign in, asked over the front."""

import contextlib
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from product import PATIENCE_S, VMS, Product, Usage, product

HERE = Path(__file__).parent
WORKERS, CAMERAS = 2, 50
# A key may ask 60,000 times a minute, a thousand a second.
TOKENS = 4
PART_OF_FULL = 0.6
# Of ten requests: four lists of cameras, three cameras, two lists of streams, one page of the
# events of a stream.
LIST = "/api/v1/cameras?limit=50"
CAMERA = "/api/v1/cameras/cam{number}"
STREAMS = "/api/v1/streams?limit=50"
EVENTS = "/api/v1/cameras/cam{number}/history"
MIX = (LIST, CAMERA, STREAMS, LIST, CAMERA, LIST, EVENTS, CAMERA, STREAMS, LIST)


@dataclass(frozen=True)
class Run:
    """What came of one rate, and the cores that each part used meanwhile."""

    said: dict[str, Any]
    workers: float
    media: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return float(self.said["rate"])

    def told(self) -> str:
        """It as words of the table."""
        said = self.said
        failed = f", {said['failed']} not answered well" if said["failed"] else ""
        return (
            f"P50 {said['p50_ms']:.1f}, P95 {said['p95_ms']:.1f} ms{failed} (workers "
            f"{self.workers:.2f}, front {self.media:.2f}, client {said['own_cores']:.2f} core)"
        )


@dataclass(frozen=True)
class Asked:
    """A product that is asked, and by whom."""

    running: Product
    tokens: list[str]

    def at(self, rate: float, seconds: float) -> Run:
        """Ask so many requests a second; 0: as many as are answered."""
        place = urlsplit(self.running.addresses["api"])
        command = [sys.executable, str(HERE / "api_load.py")]
        command += [str(place.hostname), str(place.port), str(rate), str(seconds)]
        paths = [path.format(number=n) for n in range(1, CAMERAS + 1) for path in MIX]
        told = json.dumps({"paths": paths, "tokens": self.tokens})
        workers = [int(pid) for pid in self.running.run["pids"]["api"]]
        pids = [self.running.media_pid, *workers]
        before = [Usage.of(pid) for pid in pids]
        done = subprocess.run(command, input=told, capture_output=True, text=True, check=True)
        media, *used = (
            Usage.of(pid).cores_since(was) for pid, was in zip(pids, before, strict=True)
        )
        return Run(json.loads(done.stdout), sum(used), media)


@contextlib.contextmanager
def asked() -> Iterator[Asked]:
    """The product with its workers, and cameras that are not called."""
    extra = f"[api]\nworkers = {WORKERS}\n"
    with product("", 0, extra=extra, flags=()) as running:
        tokens = [_token(running.data, number) for number in range(TOKENS)]
        for number in range(1, CAMERAS + 1):
            _make_camera(running.addresses["api"], tokens[0], number)
        _wait_listed(running.addresses["api"], tokens[0])
        yield Asked(running, tokens)


def _token(data: Path, number: int) -> str:
    command = [str(VMS), "token", "create", "--name", f"bench {number}", "--per-minute", "60000"]
    command += ["--role", "admin", "--scope", "platform", "--json", "--data", str(data)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return str(json.loads(done.stdout)["token"])


def _wait_listed(api: str, token: str) -> None:
    """Return when the media process knows every camera."""
    request = urllib.request.Request(api + STREAMS, headers={"Authorization": f"Bearer {token}"})
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with urllib.request.urlopen(request) as answer:
            if len(json.load(answer)["items"]) == CAMERAS:
                return
        time.sleep(0.1)
    raise RuntimeError(f"not {CAMERAS} cameras listed after {PATIENCE_S:.0f} s")


def _make_camera(api: str, token: str, number: int) -> None:
    wanted = {
        "id": f"cam{number}",
        "city": "local",
        "name": f"Camera {number}",
        "url": f"rtsp://192.0.2.{number}/live",
        "enabled": False,
    }
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    body = json.dumps(wanted).encode()
    request = urllib.request.Request(f"{api}/api/v1/cameras", body, headers, method="POST")
    urllib.request.urlopen(request).close()
