"""A camera that calls us: a real encoder publishes to the addresses that the API hands out."""

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from product import wait_for
from residents import EVERY_S, LIVE_LIMIT_S, Town, settled, until_state

FORMATS = {"rtmp": "flv", "srt": "mpegts"}
RECORDED_LIMIT_S = 30.0


@contextlib.contextmanager
def encoder(protocol: str, address: str) -> Iterator[subprocess.Popen[str]]:
    """Publish pictures with sound, in real time, for ever."""
    command = [
        *("ffmpeg", "-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25"),
        *("-re", "-f", "lavfi", "-i", "sine=r=48000", "-c:v", "libx264", "-preset", "ultrafast"),
        *("-tune", "zerolatency", "-g", "25", "-pix_fmt", "yuv420p"),
        *("-c:a", "aac", "-f", FORMATS[protocol], address),
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            # It says goodbye, which SRT is not told otherwise.
            process.terminate()


@pytest.fixture(scope="module")
def town(scenes: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Run a product with one camera that is to call."""
    with settled(scenes, tmp_path_factory.mktemp("publish")) as made:
        camera = {"id": "gate", "city": "local", "name": "Gate", "url": "publish:"}
        made.admin.post("/cameras", camera)
        yield made


def key_of(town: Town, name: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Make a stream key for the camera."""
    draft = {"name": name, "scope": "camera:local/gate"} | more
    return dict(town.admin.post("/stream-keys", draft))


def waits(town: Town, reason: str) -> None:
    """Return once the camera's stream waits for it, for this reason."""

    def waiting() -> bool:
        stream = town.admin.stream("gate/main")
        return stream["state"] == "connecting" and stream["reason"]["code"] == reason

    wait_for(waiting, LIVE_LIMIT_S, EVERY_S)


@pytest.mark.parametrize("protocol", FORMATS)
def test_a_camera_that_calls_is_live_and_recorded_and_waited_for_again(
    town: Town, protocol: str
) -> None:
    made = key_of(town, f"encoder of {protocol}", publish=True)
    (address,) = [one["address"] for one in made["publish_to"] if one["protocol"] == protocol]
    begun_us = time.time_ns() // 1000
    with encoder(protocol, address):
        until_state(town.admin, "gate/main", {"live"}, LIVE_LIMIT_S)

        def recorded() -> bool:
            asked = f"from_us={begun_us}&to_us={time.time_ns() // 1000}"
            spans = town.admin.get(f"/cameras/gate/timeline?{asked}")["spans"]
            return any(span["to_us"] - span["from_us"] > 2_000_000 for span in spans)

        wait_for(recorded, RECORDED_LIMIT_S, EVERY_S)
    waits(town, "camera_closed")


def test_who_has_no_right_to_publish_is_refused(town: Town) -> None:
    publishing, viewing = key_of(town, "encoder", publish=True), key_of(town, "player")
    (address,) = [one["address"] for one in publishing["publish_to"] if one["protocol"] == "rtmp"]
    own, foreign = publishing["key"]["id"], viewing["key"]["id"]
    for wrong in (
        address.replace(publishing["secret"], "wrong"),
        address.replace(own, foreign).replace(publishing["secret"], viewing["secret"]),
        address.partition("?")[0],
    ):
        with encoder("rtmp", wrong) as refused:
            assert refused.wait(timeout=20) != 0
            assert refused.stderr is not None
            assert "does not open this stream" in refused.stderr.read()
    assert town.admin.stream("gate/main")["state"] == "connecting"
