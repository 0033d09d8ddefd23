"""Players and publishers by SRT, with the product as a person runs it."""

import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from product import Product, farm, running

LIVE_LIMIT_S = 20.0
PUBLISHER = (
    "ffmpeg -v error -re -f lavfi -i testsrc2=size=320x180:rate=25 -f lavfi -i sine "
    "-c:v libx264 -preset ultrafast -tune zerolatency -g 25 -c:a aac -f mpegts"
)


@pytest.fixture(scope="module")
def product(
    tmp_path_factory: pytest.TempPathFactory, scenes: tuple[Path, Path]
) -> Iterator[Product]:
    """Run an open product with a simulated camera, and one that calls."""
    folder = tmp_path_factory.mktemp("srt")
    with farm(scenes) as cameras:
        given = (cameras.camera("gate", 1, sub=True), "door=publish:")
        command = ["up", "--open", *(text for one in given for text in ("--camera", one))]
        with running(command, folder / "data", folder / "log") as product:
            product.wait_live("gate/main", "gate/sub")
            yield product


def probed(address: str) -> subprocess.CompletedProcess[str]:
    """Return what ffprobe finds within a second of a stream."""
    command = ["ffprobe", "-v", "error", "-read_intervals", "%+1", "-count_packets"]
    fields = ["-show_entries", "stream=codec_name,width,nb_read_packets", "-of", "csv=p=0"]
    return subprocess.run(
        [*command, *fields, address], capture_output=True, text=True, timeout=30, check=False
    )


@pytest.mark.parametrize(("name", "width"), [("gate", 640), ("gate/main", 640), ("gate/sub", 320)])
def test_a_camera_is_played_by_srt(product: Product, name: str, width: int) -> None:
    at = product.run["addresses"]["srt"]
    assert at.startswith("srt://127.0.0.1:")
    played = probed(f"{at}?streamid=read:{name}")
    codec, found, packets = played.stdout.split()[0].split(",")[:3]
    assert (codec, int(found)) == ("h264", width), played
    assert int(packets) >= 20, played


def test_what_is_published_is_live_and_is_played(product: Product) -> None:
    at = product.run["addresses"]["srt"]
    assert product.streams()["door/main"]["reason"]["code"] == "no_publisher"
    command = [*PUBLISHER.split(), f"{at}?streamid=publish:door"]
    with subprocess.Popen(command) as publisher:
        try:
            product.wait_live("door/main", limit_s=LIVE_LIMIT_S)
            played = probed(f"{at}?streamid=read:door")
            found = [line.split(",") for line in played.stdout.split()]
            packets = {line[0]: int([part for part in line if part][-1]) for line in found}
            assert packets["h264"] >= 20, played
            assert packets["aac"] >= 20, played
        finally:
            publisher.kill()


def refused(product: Product) -> int:
    """Return how many callers were refused so far."""
    with urllib.request.urlopen(f"{product.api}/metrics/media", timeout=10) as page:  # noqa: S310 - our own
        lines = page.read().decode().splitlines()
    (count,) = [line.split()[1] for line in lines if line.startswith("vms_srt_refused_total ")]
    return int(count)


@pytest.mark.parametrize("streamid", ["gate", "read:nowhere", "publish:gate", ""])
def test_what_is_not_there_is_refused_and_counted(product: Product, streamid: str) -> None:
    at = product.run["addresses"]["srt"]
    before = refused(product)
    assert probed(f"{at}?streamid={streamid}").returncode != 0
    assert refused(product) > before
