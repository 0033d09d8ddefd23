"""The product with a database: cameras managed by its API run within a second, and stay."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from product import Farm, Product, running, wait_for

CHANGE_LIMIT_S = 1.0
LIVE_LIMIT_S = 15.0


def token(data: Path) -> str:
    """Make an API key of the platform on the command line."""
    command = [sys.executable, "-m", "vms.cli", "token", "create", "--name", "test"]
    command += ["--per-minute", "60000"]
    done = subprocess.run(
        [*command, "--role", "admin", "--scope", "platform", "--json", "--data", str(data)],
        capture_output=True, text=True, timeout=30, check=True, env={**os.environ, "LC_ALL": "C"},
    )  # fmt: skip
    return str(json.loads(done.stdout)["token"])


@dataclass
class Api:
    """The API of a running product, as somebody with a key uses it."""

    product: Product
    key: str

    def ask(
        self, method: str, path: str, body: object = None, version: int | None = None
    ) -> tuple[int, Any]:
        """Send a request; return status and JSON."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        if version is not None:
            headers["If-Match"] = f'"{version}"'
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310
            f"{self.product.api}/api/v1/{path}", data, headers, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as refused:
            return refused.code, json.load(refused)

    def streams(self) -> dict[str, str]:
        """Return the state of every stream."""
        status, page = self.ask("GET", "streams")
        if status != 200:
            return {}
        return {f"{one['camera']}/{one['stream']}": one["state"] for one in page["items"]}

    def status(self, camera: str) -> tuple[str, str | None]:
        """Return how a camera is doing, and why."""
        _, told = self.ask("GET", f"cameras/{camera}/status")
        reason = told.get("reason")
        return told["state"], reason and reason["code"]


def test_cameras_are_managed_while_the_product_runs(cameras: Farm, tmp_path: Path) -> None:
    data = tmp_path / "data"
    flags = ["up", "--camera", cameras.camera("seeded", 1)]
    with running(flags, data, tmp_path / "log") as product:
        api = Api(product, token(data))
        wait_for(lambda: api.streams() == {"seeded/main": "live"}, LIVE_LIMIT_S)

        new = {"id": "gate", "city": "local", "name": "Gate"}
        new["url"] = f"rtsp://{cameras.address}/cam2"
        new["sub_url"] = f"rtsp://{cameras.address}/cam2/sub"
        assert api.ask("POST", "cameras", new)[0] == 201
        wait_for(lambda: "gate/sub" in api.streams(), CHANGE_LIMIT_S)
        wait_for(lambda: api.streams()["gate/main"] == "live", LIVE_LIMIT_S)
        wait_for(lambda: api.status("gate") == ("online", None), LIVE_LIMIT_S)

        gone = {"url": f"rtsp://{cameras.address}/none", "sub_url": None}
        status, changed = api.ask("PATCH", "cameras/gate", gone, version=1)
        assert (status, changed["version"]) == (200, 2)
        wait_for(lambda: api.status("gate") == ("offline", "stream_not_found"), LIVE_LIMIT_S)

        assert api.ask("DELETE", "cameras/seeded", version=1)[0] == 204
        wait_for(lambda: list(api.streams()) == ["gate/main"], CHANGE_LIMIT_S)

        # A worker that is killed leaves a gap, and the next one fills it from what ran on.
        os.kill(product.run["pids"]["api"][0], signal.SIGKILL)
        wait_for(lambda: api.streams().get("gate/main") is not None, LIVE_LIMIT_S)
        wait_for(lambda: api.status("gate")[0] == "offline", LIVE_LIMIT_S)

    with running(flags, data, tmp_path / "log2") as product:
        api = Api(product, api.key)
        # What was deleted does not come back from the settings.
        wait_for(lambda: list(api.streams()) == ["gate/main"], LIVE_LIMIT_S)
        _, page = api.ask("GET", "cameras/gate/history")
        states = [one["state"] for one in page["items"]][::-1]
        assert states[:2] == ["online", "offline"]
        _, report = api.ask("GET", "cameras/gate/uptime")
        assert report["online_us"] > 0
        assert report["outages"][0]["reasons"][0]["code"] == "stream_not_found"
        assert "online" not in states[2:]
