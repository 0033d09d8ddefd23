"""Cameras of every codec: brought in, recorded, and played by other people's players."""

import contextlib
import itertools
import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import av
import pytest

from managed import Api, token
from played import SECOND_US, load, recorded
from product import SUB, farm, running
from vms.transcode import SceneSpec, ensure_scene

# Ours, by the names that the simulator takes, and FFmpeg's.
CODECS = {"av1": "av1", "vp8": "vp8", "vp9": "vp9", "mjpeg": "mjpeg", "mpeg4": "mpeg4"}
RECORDED_S = 4
# Pictures of each live stream.
READ = 40
READ_LIMIT_S = 20


def read(address: str, wanted: int) -> tuple[str, int]:
    """Decode so many pictures by RTSP; returns the codec and their width.

    FFmpeg as PyAV brings it: that of most distributions knows no AV1 by RTP.
    """
    options = {"rtsp_transport": "tcp"}
    with av.open(address, "r", options=options, timeout=READ_LIMIT_S) as player:
        stream = player.streams.video[0]
        widths = {frame.width for frame in itertools.islice(player.decode(stream), wanted)}
        (width,) = widths
        return stream.codec_context.codec.canonical_name, width


def counted(file: Path) -> tuple[str, int]:
    """Return the codec of a file and how many pictures ffprobe decodes in it."""
    shown = ["-show_entries", "stream=codec_name,nb_read_frames", "-count_frames"]
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-of", "json", *shown, str(file)],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    (stream,) = json.loads(done.stdout)["streams"]
    return stream["codec_name"], int(stream["nb_read_frames"])


def test_cameras_of_every_codec_are_recorded_and_played(tmp_path: Path) -> None:
    data = tmp_path / "data"
    flags: list[str] = []
    with contextlib.ExitStack() as farms:
        for codec in CODECS:
            spec: SceneSpec = replace(SUB, codec=codec, seconds=2)
            scene = ensure_scene(tmp_path / "scenes", spec)
            flags += ["--camera", farms.enter_context(farm((scene, scene))).camera(codec, 1)]
        with running(["up", *flags], data, tmp_path / "log") as product:
            api = Api(product, token(data))
            begins = {codec: recorded(api, codec, RECORDED_S)["from_us"] for codec in CODECS}
            for codec in CODECS:
                still = f"/api/v1/cameras/{codec}/picture?at_us={begins[codec] + SECOND_US}"
                status, _, picture = load(product, still, api.key)
                assert (status, picture[:2]) == (200, b"\xff\xd8"), (codec, picture[:200])
        with running(["up", "--open", *flags], tmp_path / "open", tmp_path / "log") as product:
            product.wait_live(*(f"{codec}/main" for codec in CODECS))
            at = product.run["addresses"]["rtsp"]
            with ThreadPoolExecutor(len(CODECS)) as players:
                live = {codec: players.submit(read, f"{at}/{codec}", READ) for codec in CODECS}
            for codec, name in CODECS.items():
                assert live[codec].result() == (name, SUB.width)
    for codec, name in CODECS.items():
        files = sorted((data / "recordings/cameras" / codec).rglob("video_*.mp4"))
        found = [counted(file) for file in files]
        assert {each for each, _ in found} == {name}
        assert sum(frames for _, frames in found) >= RECORDED_S * SUB.fps - 2, (codec, found)


def looks(picture: av.VideoFrame) -> bytes:
    """Return what a picture shows."""
    return picture.to_ndarray(format="gray").tobytes()


def test_b_frames_reach_a_player_of_rtsp_in_the_order_in_which_they_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = tmp_path / "media" / "clip.mkv"
    clip.parent.mkdir()
    monkeypatch.setenv("VMS_SOURCE__MEDIA_DIR", str(clip.parent))
    # Longer than the test, so that the file does not begin anew meanwhile.
    scene = "testsrc2=size=160x120:rate=25:duration=60"
    make = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", scene]
    encode = ["-c:v", "libx264", "-g", "25", "-bf", "2", "-b_strategy", "0"]
    subprocess.run([*make, *encode, str(clip)], check=True, timeout=30)
    with av.open(str(clip)) as file:
        shown = [looks(picture) for picture in file.decode(video=0)]
    assert len(set(shown)) == len(shown)
    flags = ["up", "--open", "--camera", f"film=file:{clip.name}"]
    with running(flags, tmp_path / "data", tmp_path / "log") as product:
        product.wait_live("film/main")
        address = f"{product.run['addresses']['rtsp']}/film"
        with av.open(address, options={"rtsp_transport": "tcp"}, timeout=READ_LIMIT_S) as player:
            pictures = list(itertools.islice(player.decode(video=0), READ * 2))
    found = [shown.index(looks(picture)) for picture in pictures]
    first = found[0]
    assert found == list(range(first, first + READ * 2))
    times = [picture.pts for picture in pictures]
    steps = [
        after - before
        for before, after in itertools.pairwise(times)
        if before is not None and after is not None
    ]
    assert all(abs(step - 3_600) <= 3 for step in steps), {
        n: step for n, step in enumerate(steps) if step != 3_600
    }
