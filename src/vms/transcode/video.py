"""A process that makes H.264 without B-frames of one camera's pictures.

It is for viewers who do not take the camera's own. Its words with the engine stand in
:mod:`vms.transcode.wire`. Like every process that decodes what cameras send it has no keys, no
database and, where the system allows, no network. It is one thread: it never takes more than one
core, and gives way to whatever else wants it.
"""

import os
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame

from vms.transcode.decoders import open_decoder
from vms.transcode.ring import packet as as_packet
from vms.transcode.wire import Engine, Frame, GivesUpError, Head, Tell, serve
from vms.transcode.worker import shut_in

RATE = 90_000
# The longer side and the shorter one.
MOST_SIZE = (1280, 720)
KEY_EVERY = 2 * RATE
# A camera of more pictures a second gives every other one.
LEAST_STEP = RATE // 40
# Pictures that wait for us so long are left out, but for one a second.
LATE_US = 500_000
LATE_STEP = RATE
# Frames in a row that nobody can decode: ten seconds of most cameras.
MOST_BROKEN = 250
MEMORY_BYTES = 1536 << 20
NICE = 5
# By the numbers of the engine (vms.transcode.wire).
CODECS = {16: "h264", 17: "h265", 18: "av1", 19: "vp8", 20: "vp9", 21: "mjpeg", 22: "mpeg4"}
# Of one second at its rate, and no more than half a second of it at once.
OPTIONS = {
    "preset": "superfast",
    "tune": "zerolatency",
    "profile": "baseline",
    "crf": "23",
    "maxrate": "3000k",
    "bufsize": "1500k",
    "forced-idr": "1",
    "x264-params": "threads=1:sliced-threads=0:scenecut=0",
}


def now_us() -> int:
    """Return the time in microseconds of UTC."""
    return time.time_ns() // 1000


def size_of(width: int, height: int) -> tuple[int, int]:
    """Return the size that pictures are made: never larger, of the same shape, even."""
    longer, shorter = MOST_SIZE
    scale = min(1.0, longer / max(width, height), shorter / min(width, height))
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def open_encoder(width: int, height: int, aspect: Fraction | None) -> VideoCodecContext:
    """Return an encoder that gives each picture at once."""
    encoder = av.CodecContext.create("libx264", "w")
    if not isinstance(encoder, VideoCodecContext):
        raise GivesUpError("there is no encoder of H.264")
    encoder.width, encoder.height = width, height
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = Fraction(1, RATE)
    encoder.framerate = Fraction(25)
    # Key frames are made where they are wanted, see below.
    encoder.gop_size = 10_000
    encoder.max_b_frames = 0
    encoder.thread_count = 1
    if aspect:
        encoder.sample_aspect_ratio = aspect
    encoder.options = OPTIONS
    return encoder


@dataclass(slots=True)
class Transcoder:
    """The pictures of one camera."""

    tell: Tell
    now: Callable[[], int] = now_us
    _head: Head | None = None
    _decoder: VideoCodecContext | None = None
    _encoder: VideoCodecContext | None = None
    _last: int | None = None
    _last_key: int | None = None
    _broken: int = 0

    def begin(self, head: Head) -> None:
        """Start an epoch of the camera."""
        self._head = head
        self._decoder = self._encoder = self._last = None
        if head.codec not in CODECS:
            raise GivesUpError(f"codec {head.codec} is not known")

    def make_key(self) -> None:
        """Make a key frame of the next picture."""
        self._last_key = None

    def feed(self, frame: Frame) -> None:
        """Transcode one frame of the camera."""
        if self._head is None:
            raise GivesUpError("a frame came before its head")
        if frame.missing:
            self._decoder = None
        if self._decoder is None:
            if not frame.key:
                return
            self._decoder = open_decoder(CODECS[self._head.codec])
        for picture in self._decode(frame, self._decoder, CODECS[self._head.codec]):
            self._encode(picture, frame.lag_us, self._decoder.sample_aspect_ratio)

    def _decode(self, frame: Frame, decoder: VideoCodecContext, codec: str) -> list[VideoFrame]:
        packet = av.Packet(as_packet(codec, frame.data))
        # The time of a frame is that of its showing: decoders put it back into its order.
        packet.pts, packet.time_base = frame.utc_us, Fraction(1, 1_000_000)
        try:
            pictures = decoder.decode(packet)
        except av.FFmpegError as error:
            self._broken += 1
            if self._broken >= MOST_BROKEN:
                raise GivesUpError(f"{MOST_BROKEN} frames could not be decoded: {error}") from None
            return []
        if pictures:
            self._broken = 0
        return pictures

    def _encode(self, picture: VideoFrame, lag_us: int, aspect: Fraction | None) -> None:
        if picture.pts is None or self._head is None:
            return
        at = picture.pts * (RATE // 1000) // 1000
        late = self.now() - picture.pts - lag_us > LATE_US
        if self._last is not None and at - self._last < (LATE_STEP if late else LEAST_STEP):
            return
        width, height = size_of(picture.width, picture.height)
        encoder = self._encoder
        if encoder is None or (encoder.width, encoder.height) != (width, height):
            encoder = self._encoder = open_encoder(width, height, aspect)
            self._last_key = None
        small = picture.reformat(width, height, "yuv420p", interpolation="BILINEAR")
        key = self._last_key is None or at - self._last_key >= KEY_EVERY
        small.pict_type = PictureType.I if key else PictureType.NONE
        small.pts, small.time_base = at, Fraction(1, RATE)
        for made in encoder.encode(small):
            self.tell(self._head.epoch, made.pts or at, bytes(made))
        self._last = at
        if key:
            self._last_key = at


if __name__ == "__main__":
    os.nice(NICE)
    shut_in(int(sys.argv[1]), MEMORY_BYTES)
    engine = Engine(socket.socket(fileno=int(sys.argv[2])))
    serve(engine, Transcoder(engine.tell))
