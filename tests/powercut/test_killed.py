"""A recording process that is killed loses half a second, says so, and all it wrote is genuine.

``POWERCUT_REAL_KILLS`` says how often, ``POWERCUT_SEED`` when: a seed repeats a run.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from managed import LIVE_LIMIT_S, Api, token
from product import Farm, Product, running, wait_for

KILLS = int(os.environ.get("POWERCUT_REAL_KILLS", "5"))
SEED = int(os.environ.get("POWERCUT_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
# What may be lost at most, and what a busy machine may take from camera to disk.
LOST_US = 500_000
WAY_US = 400_000
BACK_LIMIT_S = 30.0


def timeline(api: Api, camera: str, from_us: int) -> dict[str, Any]:
    """Return what was recorded of a camera since an instant."""
    to_us = time.time_ns() // 1000 + 1_000_000
    status, told = api.ask("GET", f"cameras/{camera}/timeline?from_us={from_us}&to_us={to_us}")
    return told if status == 200 else {"spans": [], "gaps": []}


def recorded_until(api: Api, camera: str, since_us: int) -> int:
    """Return the end of what is recorded after an instant; nothing: 0."""
    ends = [span["to_us"] for span in timeline(api, camera, since_us)["spans"]]
    return max((end for end in ends if end > since_us), default=0)


def kill(product: Product, api: Api, dice: random.Random) -> int:
    """Kill the media process at an instant of chance; returns when, once it records again."""
    time.sleep(dice.uniform(0.1, 2.5))
    before = product.run["pids"]["media"]
    killed_us = time.time_ns() // 1000
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: product.run["pids"]["media"] != before, BACK_LIMIT_S)
    for camera in ("gate", "yard"):
        wait_for(lambda: recorded_until(api, camera, killed_us), BACK_LIMIT_S)  # noqa: B023
    return killed_us


def frames(video: Path) -> int:
    """Return how many frames ffprobe decodes of a file."""
    command = ["ffprobe", "-v", "error", "-count_frames", "-select_streams", "v:0", "-of", "json"]
    done = subprocess.run(
        [*command, "-show_entries", "stream=nb_read_frames", str(video)],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert not done.stderr, done.stderr
    return int(json.loads(done.stdout)["streams"][0]["nb_read_frames"])


def proved(folder: Path) -> dict[str, Any]:
    """Return what the verifier says of all that was recorded."""
    done = subprocess.run(
        [sys.executable, "-m", "vms.cli", "verify", str(folder), "--json"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_a_kill_costs_half_a_second_and_a_word(
    cameras: Farm, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    dice = random.Random(SEED)  # noqa: S311 - instants
    data = tmp_path / "data"
    flags = ["up"]
    for number, camera in enumerate(("gate", "yard"), 1):
        flags += ["--camera", cameras.camera(camera, number)]
    with running(flags, data, tmp_path / "log") as product:
        api = Api(product, token(data))
        begun_us = time.time_ns() // 1000
        for camera in ("gate", "yard"):
            wait_for(lambda: recorded_until(api, camera, begun_us), LIVE_LIMIT_S)  # noqa: B023
        kills = [kill(product, api, dice) for _ in range(KILLS)]
        told = {camera: timeline(api, camera, begun_us) for camera in ("gate", "yard")}
    for camera, line in told.items():
        crashes = [gap for gap in line["gaps"] if gap["reason"]["code"] == "power_or_crash"]
        lost = []
        for killed_us in kills:
            those = (g for g in crashes if g["from_us"] - WAY_US <= killed_us < g["to_us"])
            gap = next(those, None)
            assert gap, (SEED, camera, killed_us, line["gaps"])
            lost.append(killed_us - gap["from_us"])
        assert max(lost) <= LOST_US + WAY_US, (SEED, camera, lost)
        record_property(f"lost_us_{camera}", lost)
    videos = sorted((data / "recordings").rglob("video_*.mp4"))
    assert len(videos) >= 2 * (KILLS + 1)
    assert all(frames(video) > 0 for video in videos)
    verdict = proved(data / "recordings")
    assert verdict["verdict"] == "intact", verdict
