"""Cameras that are files, and those that send pictures by HTTP, with the whole product."""

import itertools
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import av
import pytest

from managed import LIVE_LIMIT_S, Api, token
from played import SECOND_US, load, recorded
from product import Product, running, wait_for

VECTORS = Path(__file__).parents[1] / "vectors"
SCENE = "ffmpeg -v error -re -f lavfi -i testsrc2=size=320x240:rate=10"
JPEG = "-c:v mjpeg -q:v 5 -huffman default"
MPJPEG = f"{SCENE} {JPEG} -f mpjpeg -"


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


@cache
def known() -> tuple[bytes, ...]:
    """Return a second of pictures, of which none is like another."""
    command = f"{SCENE} -frames:v 10 {JPEG} -f image2pipe -".replace(" -re", "")
    made = subprocess.run(command.split(), capture_output=True, check=True, timeout=30).stdout
    end = b"\xff\xd9"
    return tuple(piece + end for piece in made.split(end)[:-1])


class KnownPictures(Pictures):
    """The same, of pictures that are known, ten a second."""

    def do_GET(self) -> None:
        """Send pictures until nobody takes them."""
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=picture")
        self.end_headers()
        self.close_connection = True
        for picture in itertools.cycle(known()):
            head = (
                f"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
            )
            try:
                self.wfile.write(head.encode() + picture + b"\r\n")
            except OSError:
                return
            time.sleep(0.1)


@contextmanager
def pictures(camera: type[Pictures] = Pictures) -> Iterator[str]:
    """Run such a camera; yields its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), camera) as server:
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
            reason = wait_for(lambda: product.streams()["none/main"]["reason"], LIVE_LIMIT_S)
            assert reason == {"code": "file_not_found", "values": {"detail": "none.mkv"}}


def test_a_file_is_recorded(media: Path, tmp_path: Path) -> None:
    assert media.is_dir()
    data = tmp_path / "data"
    with running(["up", "--camera", "film=file:clip.mkv"], data, tmp_path / "log") as product:
        api = Api(product, token(data))
        wait_for(lambda: api.streams().get("film/main") == "live", LIVE_LIMIT_S)
        # Without a break, though the file began anew meanwhile.
        recorded(api, "film", 4)


def test_motion_jpeg_is_recorded_and_played_byte_for_byte(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with pictures(KnownPictures) as address:
        flags = ["up", "--camera", f"old={address}"]
        with running(flags, data, tmp_path / "log") as product:
            api = Api(product, token(data))
            begins = recorded(api, "old", 4)["from_us"]
            still = f"/api/v1/cameras/old/picture?at_us={begins + SECOND_US}"
            assert load(product, still, api.key)[0] == 200
            wanted = {"from_us": begins, "to_us": begins + 600 * SECOND_US}
            status, told = api.ask("POST", "cameras/old/playback/address", wanted)
            assert status == 200, told
            path, key = told["path"], told["address"]
            played, at = load(product, f"{path}/init.mp4?at={begins}", key)[2], begins
            for _ in range(4):
                _, headers, body = load(product, f"{path}/{at}.m4s", key)
                played, at = played + body, int(headers["Vms-Next"])
    (tmp_path / "played.mp4").write_bytes(played)
    files = sorted((data / "recordings/cameras/old").rglob("video_*.mp4"))
    assert files
    for file in [*files, tmp_path / "played.mp4"]:
        with av.open(str(file)) as recording:
            found = [bytes(packet) for packet in recording.demux(video=0) if packet.size]
        assert len(found) >= 4
        first = known().index(found[0])
        expected = itertools.islice(itertools.cycle(known()), first, first + len(found))
        assert found == list(expected), file
