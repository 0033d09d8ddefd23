"""The product as a person runs it: ``vms up --open`` with simulated cameras."""

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vms.transcode import SceneSpec

# Small, so that the encoder is quick and the decoder of a test too.
MAIN = SceneSpec(width=640, height=360, bitrate=600_000, seconds=4)
SUB = SceneSpec(width=320, height=180, bitrate=150_000, seconds=4)
START_LIMIT_S = 60.0

# Every listener of the product.
PORTS = ("port", "rtsp-port", "rtmp-port", "srt-port", "webrtc-port", "webrtc-udp-port", "hls-port")


def wait_for(what: Callable[[], Any], limit_s: float, every_s: float = 0.02) -> Any:  # noqa: ANN401
    """Return the first true answer of ``what``; fail after ``limit_s``."""
    until = time.monotonic() + limit_s
    while True:
        if answer := what():
            return answer
        if time.monotonic() > until:
            raise AssertionError(f"not within {limit_s} s: {what}")
        time.sleep(every_s)


def free_port() -> int:
    """Return a port of this machine at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Product:
    """A running ``vms``."""

    process: subprocess.Popen[str]
    data: Path
    log: Path

    @property
    def run(self) -> dict[str, Any]:
        """What ``run.json`` says now."""
        said: dict[str, Any] = json.loads((self.data / "run.json").read_text(encoding="utf-8"))
        return said

    @property
    def api(self) -> str:
        """The address of the front."""
        return str(self.run["addresses"]["api"])

    @property
    def trust(self) -> ssl.SSLContext | None:
        """What its own certificate is checked by; nothing where it has none."""
        made = self.data / "tls" / "certificate.pem"
        return ssl.create_default_context(cafile=made) if made.exists() else None

    def get(self, path: str, api: str | None = None) -> Any:  # noqa: ANN401 - JSON
        """Ask the API; returns what it says, or nothing where nobody answers."""
        try:
            with urllib.request.urlopen(  # noqa: S310 - addresses of our own
                f"{api or self.api}{path}", timeout=10, context=self.trust
            ) as answer:
                return json.load(answer)
        except (urllib.error.URLError, OSError, json.JSONDecodeError):
            return None

    def streams(self, api: str | None = None) -> dict[str, dict[str, Any]]:
        """Every stream by name."""
        page = self.get("/api/v1/streams", api) or {"items": []}
        return {f"{item['camera']}/{item['stream']}": item for item in page["items"]}

    def wait_live(self, *names: str, limit_s: float = 15.0) -> None:
        """Return when these streams are live."""
        wait_for(
            lambda: all(self.streams().get(name, {}).get("state") == "live" for name in names),
            limit_s,
        )

    @property
    def said(self) -> str:
        """What it printed so far."""
        return self.log.read_text(encoding="utf-8")

    def stop(self) -> float:
        """Stop it by SIGTERM; returns how long it took."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=20)
        return time.monotonic() - begun


def measured_late() -> dict[str, str]:
    """Return the environment, such that the coverage of processes begins with their work."""
    env = dict(os.environ)
    if config := env.pop("COVERAGE_PROCESS_CONFIG", ""):
        hook = str(Path(__file__).with_name("measured"))
        before = [env["PYTHONPATH"]] if "PYTHONPATH" in env else []
        env |= {"COVERAGE_OF_WORK": config, "PYTHONPATH": os.pathsep.join([hook, *before])}
    return env


@contextlib.contextmanager
def running(
    arguments: list[str], data: Path, log: Path, *, within: Sequence[str] = ()
) -> Iterator[Product]:
    """Run ``vms`` until the block ends; ``within`` is a command that becomes it."""
    command = [*within, sys.executable, "-m", "vms.cli", *arguments, "--data", str(data)]
    ports = [text for name in PORTS for text in (f"--{name}", "0")]
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [*command, *ports], stdout=output, stderr=output, text=True, env=measured_late()
        )
        product = Product(process, data, log)
        try:
            wait_for(
                lambda: (data / "run.json").exists() or process.poll() is not None, START_LIMIT_S
            )
            assert process.poll() is None, log.read_text(encoding="utf-8")
            yield product
        finally:
            if process.poll() is None:
                product.stop()


@contextlib.contextmanager
def steered(data: Path, port: int, log: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a media process that other machines steer until the block ends, which it does well."""
    names = ("API", "RTSP", "RTMP", "SRT", "WEBRTC", "HLS")
    environment = {**measured_late(), **{f"VMS_{name}__PORT": "0" for name in names}}
    environment["VMS_WEBRTC__UDP_PORT"] = "0"
    command = [sys.executable, "-m", "vms.cli", "run", "media", "--data", str(data)]
    command += ["--control-listen", f"127.0.0.1:{port}"]
    with (
        log.open("w", encoding="utf-8") as output,
        subprocess.Popen(
            command, stdout=output, stderr=output, text=True, env=environment
        ) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
            process.wait(timeout=20)
    assert process.returncode == 0, log.read_text(encoding="utf-8")


@dataclass
class Farm:
    """A running farm of simulated cameras."""

    address: str
    simulator: Any
    login: str = ""

    def fault(self, number: int, fault: str) -> None:
        """Put a fault on a camera, as ``stall`` or ``close:2``; ``none`` takes it back."""
        self.simulator.fault(number, fault)

    def camera(self, name: str, number: int, query: str = "", *, sub: bool = False) -> str:
        """Return a ``--camera`` argument."""
        base = f"rtsp://{self.login}{self.address}/cam{number}"
        return f"{name}={base}{query}" + (f",{base}/sub{query}" if sub else "")


@contextlib.contextmanager
def farm(
    scenes: tuple[Path, Path],
    user: tuple[str, str] | None = None,
    *,
    audio: bool = False,
    sound: str = "pcma",
) -> Iterator[Farm]:
    """Run a farm in this process."""
    from vms import _engine  # noqa: PLC0415 - absent where it is not built

    config = {
        "main": str(scenes[0]),
        "sub": str(scenes[1]),
        "cameras": 8,
        "main_fps": MAIN.fps,
        "sub_fps": SUB.fps,
        "user": user,
        "audio": audio,
        "sound": sound,
    }
    simulator = _engine.Simulator(json.dumps(config).encode())
    address = simulator.start()
    try:
        yield Farm(address, simulator, f"{user[0]}:{user[1]}@" if user else "")
    finally:
        simulator.stop()
