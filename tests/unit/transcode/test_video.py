"""Pictures of cameras made into H.264 without B-frames, in this process."""

import itertools
import socket
import struct
from dataclasses import dataclass, field, replace
from fractions import Fraction

import av
import numpy as np
import pytest

from vms.transcode.decoders import open_decoder
from vms.transcode.video import RATE, Transcoder, size_of
from vms.transcode.wire import Engine, Frame, GivesUpError, Head, serve

BEGUN_US = 1_790_000_000_000_000
FPS = 25
ENCODERS = {16: "libx264", 17: "libx265"}


def prefixed(stream: bytes) -> bytes:
    """Return Annex B as NAL units with 4-byte lengths."""
    nals = [nal.rstrip(b"\0") for nal in stream.split(b"\0\0\1")]
    return b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals if nal)


@dataclass
class Camera:
    """A grey picture that gets brighter with each frame; sent in the order of decoding."""

    codec: int
    size: tuple[int, int] = (320, 180)
    b_frames: int = 0
    count: int = 75
    frames: list[Frame] = field(default_factory=list)

    def __post_init__(self) -> None:
        encoder = av.CodecContext.create(ENCODERS[self.codec], "w")
        assert isinstance(encoder, av.VideoCodecContext)
        encoder.width, encoder.height = self.size
        encoder.pix_fmt, encoder.time_base = "yuv420p", Fraction(1, FPS)
        encoder.framerate, encoder.gop_size = Fraction(FPS), FPS
        encoder.max_b_frames = self.b_frames
        quiet = {"x265-params": "log-level=none:bframes=0"} if self.codec == 17 else {}
        encoder.options = {"preset": "ultrafast", "bf": str(self.b_frames), **quiet}
        for number in range(self.count):
            grey = np.full((self.size[1] * 3 // 2, self.size[0]), 128, np.uint8)
            grey[: self.size[1]] = 40 + number
            picture = av.VideoFrame.from_ndarray(grey, "yuv420p")
            picture.pts = number
            self._send(encoder.encode(picture))
        self._send(encoder.encode(None))

    def _send(self, packets: list[av.Packet]) -> None:
        for packet in packets:
            utc_us = BEGUN_US + (packet.pts or 0) * 1_000_000 // FPS
            self.frames.append(Frame(utc_us, prefixed(bytes(packet)), key=packet.is_keyframe))

    @property
    def head(self) -> Head:
        """How the engine would introduce it."""
        return Head(7, self.codec, 0, 90_000)


@dataclass
class Seen:
    """What a viewer would get."""

    made: list[tuple[int, int, bytes]] = field(default_factory=list)

    def tell(self, epoch: int, at: int, data: bytes) -> None:
        """Keep one picture."""
        self.made.append((epoch, at, data))

    @property
    def keys(self) -> list[int]:
        """The numbers of the key frames."""
        return [n for n, (_, _, data) in enumerate(self.made) if b"\0\0\1\x65" in data]

    def shown(self) -> list[tuple[float, int, int]]:
        """Brightness and size of every picture, decoded one by one: none may wait for another."""
        decoder = open_decoder("h264")
        found = []
        for _, _, data in self.made:
            (picture,) = decoder.decode(av.Packet(data))
            luma = picture.to_ndarray()[: picture.height]
            found.append((float(luma.mean()), picture.width, picture.height))
        return found


def transcoded(camera: Camera, *, late_us: int = 0, lag_us: int = 0) -> Seen:
    """Return what is made of a camera whose pictures are so late when it is their turn.

    ``lag_us``: so late they came to this machine already, by its clock.
    """
    seen = Seen()
    newest = [0]
    transcoder = Transcoder(seen.tell, lambda: newest[0] + late_us)
    transcoder.begin(camera.head)
    for frame in camera.frames:
        newest[0] = max(newest[0], frame.utc_us)
        transcoder.feed(replace(frame, lag_us=lag_us))
    return seen


@pytest.mark.parametrize(("codec", "b_frames"), [(17, 0), (16, 0), (16, 3)])
def test_pictures_come_in_their_order_at_their_time(codec: int, b_frames: int) -> None:
    camera = Camera(codec, b_frames=b_frames)
    shown_us = [frame.utc_us for frame in camera.frames]
    assert (shown_us != sorted(shown_us)) == bool(b_frames), "the scene is what the test is about"
    seen = transcoded(camera)
    # Only what a decoder still holds back at the end is missing.
    assert camera.count - 4 <= len(seen.made) <= camera.count
    assert {epoch for epoch, _, _ in seen.made} == {7}
    times = [at for _, at, _ in seen.made]
    assert times[0] == BEGUN_US * 90 // 1000
    assert {b - a for a, b in itertools.pairwise(times)} == {RATE // FPS}
    assert seen.keys == [0, 50], "a key frame every two seconds"
    for number, (bright, width, height) in enumerate(seen.shown()):
        assert abs(bright - 40 - number) < 3
        assert (width, height) == camera.size


def test_a_key_frame_is_made_when_it_is_wanted_and_after_a_loss() -> None:
    camera, seen = Camera(16), Seen()
    transcoder = Transcoder(seen.tell, lambda: BEGUN_US)
    transcoder.begin(camera.head)
    for number, frame in enumerate(camera.frames):
        if number == 10:
            transcoder.make_key()
        # What follows a loss is worth nothing until the camera's own next key frame.
        missing = number == 20
        transcoder.feed(Frame(frame.utc_us, frame.data, missing, frame.key))
    assert seen.keys == [0, 10, 60 - 5]
    assert len(seen.made) == 75 - 5


def test_who_falls_behind_leaves_pictures_out_but_goes_on() -> None:
    seen = transcoded(Camera(16), late_us=2_000_000)
    times = [(at - BEGUN_US * 90 // 1000) / RATE for _, at, _ in seen.made]
    assert times == [0, 1, 2]


@pytest.mark.parametrize("clocks_us", [-3_600_000_000, -2_000_000, 2_000_000])
def test_the_clock_of_another_machines_camera_makes_nobody_late(clocks_us: int) -> None:
    camera = Camera(16)
    in_time = transcoded(camera, late_us=clocks_us, lag_us=clocks_us)
    assert len(in_time.made) == camera.count
    behind = transcoded(camera, late_us=clocks_us + 600_000, lag_us=clocks_us)
    assert len(behind.made) == 3


def test_the_engine_says_how_late_frames_come() -> None:
    fed: list[Frame] = []

    class Listening(Transcoder):
        def feed(self, frame: Frame) -> None:
            fed.append(frame)

    messages = [
        b"F" + struct.pack("<Bq", 2, 40) + b"a",
        b"L" + struct.pack("<q", -500),
        b"F" + struct.pack("<Bq", 1, 80) + b"b",
    ]
    ours, theirs = socket.socketpair()
    with theirs:
        with ours:
            for message in messages:
                ours.sendall(struct.pack("<I", len(message)) + message)
        serve(Engine(theirs), Listening(Seen().tell))
    assert fed == [
        Frame(40, b"a", key=True),
        Frame(80, b"b", missing=True, lag_us=-500),
    ]


@pytest.mark.parametrize(
    ("size", "made"),
    [
        ((1920, 1080), (1280, 720)),
        ((3840, 2160), (1280, 720)),
        ((640, 360), (640, 360)),
        ((704, 577), (704, 576)),
        ((1080, 1920), (720, 1280)),
        ((2592, 1944), (960, 720)),
        ((5120, 720), (1280, 180)),
    ],
)
def test_pictures_are_made_smaller_and_keep_their_shape(
    size: tuple[int, int], made: tuple[int, int]
) -> None:
    assert size_of(*size) == made


def test_what_cannot_be_transcoded_is_given_up() -> None:
    transcoder = Transcoder(Seen().tell)
    with pytest.raises(GivesUpError, match="before its head"):
        transcoder.feed(Frame(0, b"x", key=True))
    with pytest.raises(GivesUpError, match="codec 9"):
        transcoder.begin(Head(1, 9, 0, 90_000))
    transcoder.begin(Head(1, 21, 0, 90_000))
    for _ in range(249):
        transcoder.feed(Frame(0, b"no picture", key=True))
    with pytest.raises(GivesUpError, match="could not be decoded"):
        transcoder.feed(Frame(0, b"no picture", key=True))
