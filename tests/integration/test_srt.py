"""Players by SRT, with the product as a person runs it."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from product import Product, farm, running


@pytest.fixture(scope="module")
def product(
    tmp_path_factory: pytest.TempPathFactory, scenes: tuple[Path, Path]
) -> Iterator[Product]:
    """Run an open product with a simulated camera."""
    folder = tmp_path_factory.mktemp("srt")
    with farm(scenes) as cameras:
        command = ["up", "--open", "--camera", cameras.camera("gate", 1, sub=True)]
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


@pytest.mark.parametrize("streamid", ["gate", "read:nowhere", "publish:gate", ""])
def test_what_is_not_there_is_refused_and_the_log_says_so(product: Product, streamid: str) -> None:
    at = product.run["addresses"]["srt"]
    before = product.log.read_text(encoding="utf-8").count("a caller of SRT was refused")
    assert probed(f"{at}?streamid={streamid}").returncode != 0
    assert product.log.read_text(encoding="utf-8").count("a caller of SRT was refused") > before
