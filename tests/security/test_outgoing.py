"""Where this product opens sockets by itself: towards cameras, and there by one policy.

Only the engine dials, and what it may reach is a setting; Python opens none.
"""

import ast
import asyncio
from pathlib import Path
from typing import Any

import pytest

from vms.cli.settings import orders_of
from vms.common import StreamName
from vms.config import load
from vms.engine import CameraWish, DesiredState, Reason, StreamSource

SOURCES = Path(__file__).parents[2] / "src" / "vms"
# What could call another machine by a name that somebody chose.
CALLERS = {
    "aiohttp",
    "ftplib",
    "http.client",
    "httpx",
    "requests",
    "smtplib",
    "socket",
    "urllib.request",
    "create_connection",
    "open_connection",
    "create_datagram_endpoint",
    "secure_channel",
}
# Our own listeners and processes, and a command that a person gives a farm.
# Nodes call the control machine, to join by a command and to renew.
# Frames for motion and for transcodes come over a Unix socket of the media process.
OWN = (
    {"bus/server.py", "cli/fault.py", "trust/channel.py", "trust/door.py"}
    | {
        "trust/joining.py",
        "trust/secured.py",
    }
    | {
        *(
            f"transcode/{name}.py"
            for name in ("live", "sound", "video", "watch", "watching", "wire")
        ),
        *(
            f"services/{name}.py"
            for name in (
                "api",
                "certificate",
                "child",
                "listen",
                "media",
                "supervisor",
                "transcodes",
                "tree",
            )
        ),
    }
)
LIMIT_S = 15.0


def names_in(source: str) -> set[str]:
    """Return what a module imports, and every attribute that it names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {str(node.module)} | {f"{node.module}.{one.name}" for one in node.names}
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
    return found


def test_no_request_makes_python_call_another_machine() -> None:
    callers = {
        str(path.relative_to(SOURCES))
        for path in SOURCES.rglob("*.py")
        if CALLERS & names_in(path.read_text(encoding="utf-8"))
    }
    assert callers == OWN


@pytest.mark.engine
@pytest.mark.parametrize(
    ("networks", "url", "refused"),
    [
        ([], "rtsp://169.254.169.254/latest", "169.254.169.254"),
        ([], "rtsp://[::ffff:169.254.169.254]/latest", "169.254.169.254"),
        (["0.0.0.0/0"], "rtsp://169.254.169.254/latest", "169.254.169.254"),
        (["10.0.0.0/8"], "rtsp://127.0.0.1:1/a", "127.0.0.1"),
        (["10.0.0.0/8"], "rtsp://localhost:1/a", None),
        (["10.0.0.0/8"], "rtsp://[::1]:1/a", "::1"),
        (["10.0.0.0/8", "127.0.0.0/8"], "rtsp://127.0.0.1:1/a", ""),
    ],
)
async def test_no_camera_leads_out_of_the_networks_of_the_settings(
    tmp_path: Path, networks: list[str], url: str, refused: str | None
) -> None:
    media = pytest.importorskip("vms.services.media")
    reason = await _reason(media, tmp_path, networks, url)
    if refused == "":
        assert reason.code != "address_refused"
        return
    assert reason.code == "address_refused"
    if refused is not None:
        assert reason.values == {"detail": refused}


async def _reason(media: Any, data: Path, networks: list[str], url: str) -> Reason:  # noqa: ANN401
    """Start an engine as the settings say, and return why it does not call a camera."""
    ports: dict[str, Any] = {name: {"port": 0} for name in ("api", "rtsp", "webrtc", "hls")}
    ports["webrtc"]["udp_port"] = 0
    settings = load(data, {**ports, "source": {"allowed_networks": networks}})
    launch = orders_of(settings, data, open_=False)
    engine = media.NativeEngine(media.engine_config(launch))
    await engine.start()
    try:
        camera = CameraWish("gate", {StreamName.MAIN: StreamSource(url)})
        await engine.apply(DesiredState(1, (camera,)))
        async with asyncio.timeout(LIMIT_S):
            async for events in engine.events():
                for event in events:
                    if event.reason is not None:
                        return event.reason
    finally:
        await engine.stop()
    raise AssertionError("the events ended")
