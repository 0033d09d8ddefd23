"""Scenes of simulated cameras: encoded once, kept in a folder.

A scene is one loop of a stream as Annex B, or as IVF for codecs without NAL
units: closed groups of pictures (a key frame each second, if not told
otherwise) with their parameter sets, no B-frames. The simulator repeats it
for ever.
"""

import os
import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from vms.common import InvalidError
from vms.transcode.street import Street

ENCODERS = {
    "h264": "libx264",
    "h265": "libx265",
    "av1": "libsvtav1",
    "vp8": "libvpx",
    "vp9": "libvpx-vp9",
    "mjpeg": "mjpeg",
    "mpeg4": "mpeg4",
}
CODECS = tuple(ENCODERS)
# How IVF names a codec.
IVF_CODES = {"av1": b"AV01", "vp8": b"VP80", "vp9": b"VP90", "mjpeg": b"MJPG", "mpeg4": b"MP4V"}
# Told in the file's name, so that a change of the drawing makes new files.
DRAWING = 1
# The largest picture of H.264 level 5.2 that cameras use.
MAX_PIXELS = 4096 * 2304

Progress = Callable[[float], None]


@dataclass(frozen=True)
class SceneSpec:
    """What a scene looks like. ``bitrate`` is in bits a second."""

    width: int
    height: int
    bitrate: int
    codec: str = "h264"
    fps: int = 25
    seconds: int = 10
    group_seconds: int = 1

    def check(self) -> None:
        """Refuses what cannot be encoded, naming the value."""
        if self.codec not in CODECS:
            allowed = ", ".join(CODECS)
            raise InvalidError(f"codec {self.codec!r}: one of {allowed} is allowed")
        odd = self.width % 2 or self.height % 2
        if odd or min(self.width, self.height) < 64 or self.width * self.height > MAX_PIXELS:
            size = f"{self.width}x{self.height}"
            raise InvalidError(f"size {size}: even numbers from 64 up to 4096x2304 are allowed")
        if not 1 <= self.fps <= 120 or not 1 <= self.seconds <= 120:
            raise InvalidError(f"{self.fps} fps for {self.seconds} s: 1 to 120 of each is allowed")
        if self.group_seconds < 1 or self.seconds % self.group_seconds:
            # A loop that ends in mid-group would have a short one at its end.
            raise InvalidError(
                f"key interval {self.group_seconds} s: a whole part of {self.seconds} s is allowed"
            )
        if not 10_000 <= self.bitrate <= 100_000_000:
            raise InvalidError(f"bitrate {self.bitrate}: 10 kbit/s to 100 Mbit/s is allowed")

    @property
    def file_name(self) -> str:
        shape = f"{self.width}x{self.height}-{self.fps}fps-{self.seconds}s"
        group = f"-g{self.group_seconds}s" if self.group_seconds > 1 else ""
        return f"street{DRAWING}-{shape}{group}-{self.bitrate // 1000}k.{self._suffix}"

    @property
    def _suffix(self) -> str:
        return f"{self.codec}.ivf" if self.codec in IVF_CODES else self.codec


def ensure_scene(folder: Path, spec: SceneSpec, progress: Progress | None = None) -> Path:
    """The scene's file, made if it is not there. ``progress`` gets 0 to 1.

    The file appears under its name only when it is whole, so several processes
    may ask at once.
    """
    spec.check()
    target = folder / spec.file_name
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder, prefix=".scene-")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            _encode(spec, file, progress or _quietly)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


def _quietly(_share: float) -> None:
    """Progress that nobody watches."""


def _encode(spec: SceneSpec, file: BinaryIO, progress: Progress) -> None:
    encoder = _encoder(spec)
    count = spec.fps * spec.seconds
    code = IVF_CODES.get(spec.codec)
    if code is not None:
        file.write(_ivf_head(spec, code, count))
    street = Street(spec.width, spec.height, spec.fps, count)
    for number, planes in enumerate(street.frames()):
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        if spec.codec == "mjpeg":
            frame = frame.reformat(format="yuvj420p", dst_color_range="JPEG")
        frame.pts = number
        file.writelines(_framed(packet, code) for packet in encoder.encode(frame))
        progress((number + 1) / count)
    file.writelines(_framed(packet, code) for packet in encoder.encode(None))


_IVF_HEAD = struct.Struct("<4sHH4sHHIIII")
_IVF_FRAME = struct.Struct("<IQ")


def _ivf_head(spec: SceneSpec, code: bytes, count: int) -> bytes:
    return _IVF_HEAD.pack(b"DKIF", 0, 32, code, spec.width, spec.height, spec.fps, 1, count, 0)


def _framed(packet: "Packet[VideoStream]", code: bytes | None) -> bytes:
    data = bytes(packet)
    return data if code is None else _IVF_FRAME.pack(len(data), packet.pts or 0) + data


def _encoder(spec: SceneSpec) -> VideoCodecContext:
    name = ENCODERS[spec.codec]
    encoder = av.CodecContext.create(name, "w")
    if not isinstance(encoder, VideoCodecContext):
        raise InvalidError(f"the encoder {name} is not in this build of PyAV")
    encoder.width, encoder.height = spec.width, spec.height
    encoder.pix_fmt = "yuvj420p" if spec.codec == "mjpeg" else "yuv420p"
    encoder.framerate = Fraction(spec.fps)
    encoder.time_base = Fraction(1, spec.fps)
    # Its low delay knows a constant quality alone.
    encoder.bit_rate = 0 if spec.codec == "av1" else spec.bitrate
    encoder.gop_size = spec.fps * spec.group_seconds
    encoder.max_b_frames = 0
    encoder.options = _options(spec)
    return encoder


def _options(spec: SceneSpec) -> dict[str, str]:
    if spec.codec in IVF_CODES:
        return _open_options(spec)
    kbit = spec.bitrate // 1000
    rate = f"vbv-maxrate={kbit}:vbv-bufsize={kbit}"
    frames = spec.fps * spec.group_seconds
    group = f"keyint={frames}:min-keyint={frames}:scenecut=0:bframes=0"
    if spec.codec == "h264":
        # One slice a frame, as cameras send it.
        return {"preset": "ultrafast", "x264-params": f"{group}:{rate}:sliced-threads=0:slices=1"}
    quiet = "log-level=error:repeat-headers=1:open-gop=0"
    return {"preset": "ultrafast", "x265-params": f"{group}:{rate}:{quiet}"}


def _open_options(spec: SceneSpec) -> dict[str, str]:
    frames = spec.fps * spec.group_seconds
    live = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "auto-alt-ref": "0"}
    return {
        "av1": {"preset": "12", "crf": "40", "svtav1-params": f"pred-struct=1:keyint={frames}"},
        "vp8": live,
        "vp9": {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"},
        # RTP tells no other tables than the usual ones.
        "mjpeg": {"huffman": "default"},
        "mpeg4": {},
    }[spec.codec]
