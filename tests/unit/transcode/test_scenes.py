"""Scenes of simulated cameras, decoded again to see what is in them."""

import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from vms.common import InvalidError
from vms.transcode import SceneSpec, ensure_scene
from vms.transcode.picture import last_picture
from vms.transcode.street import BRIGHTEST, Street

SMALL = SceneSpec(width=320, height=180, bitrate=200_000, fps=10, seconds=2)


@pytest.mark.parametrize("codec", ["h264", "h265", "av1", "vp8", "vp9", "mpeg4"])
def test_a_scene_is_closed_groups_with_a_key_frame_each_second(tmp_path: Path, codec: str) -> None:
    path = ensure_scene(tmp_path, replace(SMALL, codec=codec))
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == 20
    assert (frames[0].width, frames[0].height) == (320, 180)
    keys = [number for number, frame in enumerate(frames) if frame.key_frame]
    assert keys == [0, 10]
    # A codec without start codes is decoded all the same where a still is made.
    group = path.read_bytes()
    assert last_picture(codec, group).width == 320
    if group.startswith(b"DKIF"):
        (size,) = struct.unpack_from("<I", group, 32)
        assert last_picture(codec, group[44 : 44 + size]).width == 320, "one frame alone"


def test_each_picture_of_motion_jpeg_is_a_key_frame(tmp_path: Path) -> None:
    path = ensure_scene(tmp_path, replace(SMALL, codec="mjpeg"))
    with av.open(str(path)) as container:
        assert [frame.key_frame for frame in container.decode(video=0)] == [True] * 20
    with pytest.raises(InvalidError, match="cannot be decoded"):
        last_picture("mjpeg", path.read_bytes()[:20])


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_groups_may_be_longer(tmp_path: Path, codec: str) -> None:
    path = ensure_scene(tmp_path, replace(SMALL, codec=codec, seconds=4, group_seconds=2))
    assert path.name != replace(SMALL, codec=codec, seconds=4).file_name
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    assert [number for number, frame in enumerate(frames) if frame.key_frame] == [0, 20]


def test_a_scene_is_made_once_and_appears_whole(tmp_path: Path) -> None:
    shares: list[float] = []
    spec = SMALL
    path = ensure_scene(tmp_path, spec, shares.append)
    made = path.stat().st_mtime_ns
    assert shares[-1] == 1.0
    assert shares == sorted(shares)
    assert ensure_scene(tmp_path, spec, shares.append) == path
    assert path.stat().st_mtime_ns == made
    assert [entry.name for entry in tmp_path.iterdir()] == [spec.file_name]


def test_the_street_moves_and_repeats_without_a_seam() -> None:
    frames = list(Street(320, 180, fps=10, frames=10).frames())
    road = slice(120, 165)
    moved = np.abs(frames[0][road].astype(int) - frames[1][road].astype(int))
    assert (moved > 40).any(), "the cars drive"
    assert max(int(frame[:180].max()) for frame in frames) <= BRIGHTEST
    second_loop = Street(320, 180, fps=10, frames=10)
    again = next(iter(second_loop.frames()))
    np.testing.assert_array_equal(frames[0], again)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"codec": "vp7"}, "codec 'vp7'"),
        ({"width": 321}, "321x180"),
        ({"height": 10}, "320x10"),
        ({"width": 8192, "height": 8192}, "8192x8192"),
        ({"fps": 0}, "0 fps"),
        ({"seconds": 1000}, "1000 s"),
        ({"group_seconds": 0}, "key interval 0 s"),
        ({"group_seconds": 3, "seconds": 10}, "key interval 3 s: a whole part of 10 s"),
        ({"bitrate": 1}, "bitrate 1"),
    ],
)
def test_what_cannot_be_encoded_is_refused_by_name(
    tmp_path: Path, change: dict[str, Any], word: str
) -> None:
    spec = replace(SMALL, **change)
    with pytest.raises(InvalidError, match=word):
        ensure_scene(tmp_path, spec)
    assert not list(tmp_path.iterdir())
