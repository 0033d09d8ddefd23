"""The product with a database: cameras managed by its API run within a second, and stay."""

import os
import signal
from pathlib import Path

from managed import LIVE_LIMIT_S, Api, token
from product import Farm, running, wait_for

CHANGE_LIMIT_S = 1.0


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
