"""Cameras that are files, and those that send pictures by HTTP, with the whole product."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from managed import LIVE_LIMIT_S, Api, token
from played import recorded
from product import Product, running, wait_for

VECTORS = Path(__file__).parents[1] / "vectors"
SCENE = "ffmpeg -v error -re -f lavfi -i testsrc2=size=320x240:rate=10"
MPJPEG = f"{SCENE} -c:v mjpeg -q:v 5 -huffman default -f mpjpeg -"


class Pictures(BaseHTTPRequestHandler):
    """A camera that sends Motion JPEG to everybody who asks."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Send pictures until nobody takes them."""
        self.send_response(200)
        self.send_header("Content-Type", 'multipart/x-mixed-replace;boundary="ffmpeg"')
        self.end_headers()
        self.close_connection = True
        with subprocess.Popen(MPJPEG.split(), stdout=subprocess.PIPE) as camera:
            assert camera.stdout
            try:
                while piece := os.read(camera.stdout.fileno(), 4096):
                    self.wfile.write(piece)
            except OSError:
                camera.kill()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def pictures() -> Iterator[str]:
    """Run such a camera; yields its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Pictures) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/video"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def media(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder for files with two seconds of a camera in it."""
    folder = tmp_path / "media"
    folder.mkdir()
    clip = str(VECTORS / "camera.h264")
    make = ["ffmpeg", "-v", "error", "-r", "25", "-f", "h264", "-i", clip, "-c:v", "copy"]
    subprocess.run([*make, str(folder / "clip.mkv")], check=True, timeout=30)
    monkeypatch.setenv("VMS_SOURCE__MEDIA_DIR", str(folder))
    return folder


def probed(product: Product, name: str) -> tuple[str, int]:
    """Return codec and packets of two seconds of a stream by RTSP."""
    address = f"{product.run['addresses']['rtsp']}/{name}"
    command = ["ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-read_intervals", "%+2"]
    fields = ["-count_packets", "-show_entries", "stream=codec_name,nb_read_packets"]
    done = subprocess.run(
        [*command, *fields, "-of", "csv=p=0", address],
        capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    codec, packets = done.stdout.split()[0].split(",")[:2]
    return codec, int(packets)


def test_a_file_and_motion_jpeg_are_live(media: Path, tmp_path: Path) -> None:
    assert media.is_dir()
    with pictures() as address:
        flags = ["up", "--open", "--camera", "film=file:clip.mkv", "--camera", f"old={address}"]
        flags += ["--camera", "none=file:none.mkv"]
        with running(flags, tmp_path / "data", tmp_path / "log") as product:
            product.wait_live("film/main", "old/main")
            codec, packets = probed(product, "film")
            assert codec == "h264"
            assert packets >= 25
            reason = product.streams()["none/main"]["reason"]
            assert reason == {"code": "file_not_found", "values": {"detail": "none.mkv"}}


def test_a_file_is_recorded(media: Path, tmp_path: Path) -> None:
    assert media.is_dir()
    data = tmp_path / "data"
    with running(["up", "--camera", "film=file:clip.mkv"], data, tmp_path / "log") as product:
        api = Api(product, token(data))
        wait_for(lambda: api.streams().get("film/main") == "live", LIVE_LIMIT_S)
        # Without a break, though the file began anew meanwhile.
        recorded(api, "film", 4)
