"""A camera that calls us: a real encoder publishes to the addresses that the API hands out."""

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from managed import LIVE_LIMIT_S, Api, token
from product import Product, running, wait_for

VECTOR = Path(__file__).parents[1] / "vectors" / "camera.h264"
FORMATS = {"rtmp": "flv", "srt": "mpegts"}
RECORDED_LIMIT_S = 30.0
HEARD_LIMIT_S = 10.0


@contextlib.contextmanager
def encoder(protocol: str, address: str) -> Iterator[subprocess.Popen[str]]:
    """Publish a clip with sound, in real time, for ever."""
    command = [
        *("ffmpeg", "-v", "error", "-re", "-stream_loop", "-1", "-f", "h264", "-r", "25"),
        *("-i", str(VECTOR), "-re", "-f", "lavfi", "-i", "sine=r=48000"),
        *("-c:v", "copy", "-c:a", "aac", "-f", FORMATS[protocol], address),
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Product, Api]]:
    """Run a product with one camera that is to call."""
    folder = tmp_path_factory.mktemp("publish")
    data = folder / "data"
    with running(["up"], data, folder / "log") as product:
        api = Api(product, token(data))
        camera = {"id": "gate", "city": "local", "name": "Gate", "url": "publish:"}
        status, made = api.ask("POST", "cameras", camera)
        assert status == 201, made
        yield product, api


def key_of(api: Api, name: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Make a stream key for the camera."""
    status, made = api.ask(
        "POST", "stream-keys", {"name": name, "scope": "camera:local/gate"} | more
    )
    assert status == 201, made
    return dict(made)


def reason(api: Api) -> str | None:
    """Return why the stream is not live."""
    _, page = api.ask("GET", "streams")
    (stream,) = page["items"]
    code = (stream["reason"] or {}).get("code")
    return None if code is None else str(code)


@pytest.mark.parametrize("protocol", FORMATS)
def test_a_camera_that_calls_is_live_and_recorded_and_waited_for_again(
    waiting: tuple[Product, Api], protocol: str
) -> None:
    _, api = waiting
    wait_for(lambda: api.streams().get("gate/main") == "connecting", HEARD_LIMIT_S)
    made = key_of(api, f"encoder of {protocol}", publish=True)
    (address,) = [one["address"] for one in made["publish_to"] if one["protocol"] == protocol]
    with encoder(protocol, address):
        wait_for(lambda: api.streams()["gate/main"] == "live", LIVE_LIMIT_S)

        def recorded() -> bool:
            now_us = time.time_ns() // 1000
            asked = f"from_us={now_us - 600_000_000}&to_us={now_us}"
            _, found = api.ask("GET", f"cameras/gate/timeline?{asked}")
            return any(span["to_us"] - span["from_us"] > 2_000_000 for span in found["spans"])

        wait_for(recorded, RECORDED_LIMIT_S)
    wait_for(lambda: api.streams()["gate/main"] == "connecting", LIVE_LIMIT_S)
    assert reason(api) == "camera_closed"


def test_who_has_no_right_to_publish_is_refused(waiting: tuple[Product, Api]) -> None:
    _, api = waiting
    publishing = key_of(api, "encoder", publish=True)
    viewing = key_of(api, "player")
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
    assert api.streams()["gate/main"] == "connecting"
