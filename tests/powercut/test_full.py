"""A real disk that fills up: recording stops and says so, and goes on when there is room."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from managed import LIVE_LIMIT_S, Api, token
from product import Farm, Product, running, wait_for

MEBIBYTE = 1 << 20
FULL_LIMIT_S = 60.0
BACK_LIMIT_S = 30.0
# The simulated camera writes about 80 kB a second.
SMALL, LARGE = "3m", "32m"

_MOUNTS = subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode


def volume(api: Api) -> dict[str, Any]:
    """Return how the only disk is doing."""
    status, told = api.ask("GET", "recording/volumes")
    assert status == 200, told
    (one,) = told["items"]
    found: dict[str, Any] = one
    return found


def timeline(api: Api, from_us: int) -> dict[str, Any]:
    to_us = time.time_ns() // 1000 + 1_000_000
    status, told = api.ask("GET", f"cameras/gate/timeline?from_us={from_us}&to_us={to_us}")
    return told if status == 200 else {"spans": [], "gaps": []}


def grow(product: Product, disk: Path) -> None:
    """Give the disk more room, inside the process's own mounts."""
    command = ["nsenter", "-t", str(product.process.pid), "-m", "mount", "-o"]
    subprocess.run([*command, f"remount,size={LARGE}", str(disk)], check=True, timeout=10)


@pytest.mark.skipif(_MOUNTS != 0, reason="this user may not mount: run as root")
def test_a_disk_that_fills_up_is_told_and_recording_goes_on_with_room(
    cameras: Farm, tmp_path: Path
) -> None:
    data, disk = tmp_path / "data", tmp_path / "disk"
    data.mkdir()
    disk.mkdir()
    (data / "vms.toml").write_text(
        f'[recording]\nvolumes = ["{disk}"]\nreserve_bytes = {MEBIBYTE}\n', encoding="utf-8"
    )
    mount = f'mount -t tmpfs -o size={SMALL} tmpfs "{disk}" && exec "$@"'
    within = ["unshare", "-m", "sh", "-c", mount, "sh"]
    flags = ["up", "--camera", cameras.camera("gate", 1)]
    begun_us = time.time_ns() // 1000
    with running(flags, data, tmp_path / "log", within=within) as product:
        api = Api(product, token(data))
        wait_for(lambda: api.streams().get("gate/main") == "live", LIVE_LIMIT_S)
        wait_for(lambda: volume(api)["state"] == "full", FULL_LIMIT_S)
        assert volume(api)["free"] < 2 * MEBIBYTE
        # Live goes on beside it.
        assert api.streams()["gate/main"] == "live"
        gap = wait_for(lambda: timeline(api, begun_us)["gaps"], BACK_LIMIT_S)[-1]
        assert gap["reason"]["code"].startswith("disk_full"), gap

        grow(product, disk)
        roomy_us = time.time_ns() // 1000
        wait_for(lambda: volume(api)["state"] == "ok", BACK_LIMIT_S)
        spans = wait_for(
            lambda: [s for s in timeline(api, begun_us)["spans"] if s["to_us"] > roomy_us],
            BACK_LIMIT_S,
        )
        assert len(timeline(api, begun_us)["spans"]) == 2
        assert spans[-1]["from_us"] > gap["from_us"]
        seen = Path(f"/proc/{product.process.pid}/root{disk}")
        done = subprocess.run(
            [sys.executable, "-m", "vms.cli", "verify", str(seen), "--json"],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        # The part that runs is not sealed yet; nothing is damaged.
        assert "damaged" not in done.stdout, done.stdout
