"""Sound of cameras made into Opus: in this process, and by a real one over real sockets."""

import asyncio
import contextlib
import itertools
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
import pytest

from vms.services.transcodes import TranscodeSteward
from vms.transcode import wire
from vms.transcode.sound import STEP, Transcoder
from vms.transcode.wire import Frame, GivesUpError, Head

BEGUN_US = 1_790_000_000_000_000
CODECS = {1: "aac", 2: "pcm_alaw", 3: "pcm_mulaw"}
# Of 1: the beep has some 0.3.
LOUD = 0.05


@dataclass
class Camera:
    """Encodes a beep of 200 ms that begins half a second after the sound."""

    codec: int
    rate: int
    channels: int = 1
    fmtp: bytes = b""
    frames: list[bytes] = field(default_factory=list)
    # Samples a frame.
    step: int = 0

    def __post_init__(self) -> None:
        name = CODECS[self.codec]
        encoder = av.CodecContext.create(name, "w")
        encoder.sample_rate = self.rate
        encoder.layout = "mono" if self.channels == 1 else "stereo"
        encoder.format = "fltp" if name == "aac" else "s16"
        at = np.arange(2 * self.rate) / self.rate
        beep = np.where((at >= 0.5) & (at < 0.7), 0.3 * np.sin(2 * np.pi * 1000 * at), 0)
        self.step = 1024 if name == "aac" else self.rate // 50
        for begin in range(0, len(beep) - self.step, self.step):
            self._encode(encoder, beep[begin : begin + self.step], begin)
        if name == "aac":
            self.fmtp = b"mode=AAC-hbr; config=" + bytes(encoder.extradata or b"").hex().encode()
            # The encoder's first frame is of what was before the sound.
            self.frames = self.frames[1:]

    def _encode(self, encoder: av.CodecContext, samples: np.ndarray, at: int) -> None:
        assert isinstance(encoder, av.AudioCodecContext)
        if encoder.format.name == "fltp":
            data = np.tile(samples.astype(np.float32), (self.channels, 1))
        else:
            data = np.repeat((samples * 32767).astype(np.int16), self.channels)[None]
        frame = av.AudioFrame.from_ndarray(data, encoder.format.name, encoder.layout.name)
        frame.sample_rate, frame.pts = self.rate, at
        self.frames += [bytes(packet) for packet in encoder.encode(frame)]

    @property
    def source(self) -> Head:
        """How the engine would introduce it."""
        return Head(7, self.codec, self.channels, self.rate, self.fmtp)

    def time_of(self, number: int) -> int:
        """When a frame was taken."""
        return BEGUN_US + number * self.step * 1_000_000 // self.rate


@dataclass
class Heard:
    """What a viewer would get."""

    packets: list[tuple[int, int, bytes]] = field(default_factory=list)

    def tell(self, epoch: int, at: int, data: bytes) -> None:
        """Keep one packet."""
        self.packets.append((epoch, at, data))

    def loud_from_us(self) -> float:
        """When it gets loud, after the beginning."""
        decoder = av.CodecContext.create("libopus", "r")
        assert isinstance(decoder, av.AudioCodecContext)
        decoder.sample_rate, decoder.layout = 48_000, "stereo"
        for _, at, data in self.packets:
            for frame in decoder.decode(av.Packet(data)):
                samples = np.abs(frame.to_ndarray().astype(np.float64).reshape(-1, 2)[:, 0])
                loud = samples > LOUD * (1 if "flt" in frame.format.name else 32768)
                if loud.any():
                    return at * 1000 / 48 + float(loud.argmax()) * 1e6 / 48_000 - BEGUN_US
        raise AssertionError("it never gets loud")


@pytest.mark.parametrize(
    ("codec", "rate", "channels"),
    [(1, 8_000, 1), (1, 16_000, 1), (1, 44_100, 2), (1, 48_000, 1), (2, 8_000, 1), (3, 8_000, 2)],
)
def test_sound_of_cameras_becomes_opus_at_its_time(codec: int, rate: int, channels: int) -> None:
    camera, heard = Camera(codec, rate, channels), Heard()
    transcoder = Transcoder(heard.tell)
    transcoder.begin(camera.source)
    for number, data in enumerate(camera.frames):
        transcoder.feed(Frame(camera.time_of(number), data))
    times = [at for _, at, _ in heard.packets]
    assert 80 < len(times) <= 100
    assert {epoch for epoch, _, _ in heard.packets} == {7}
    assert {later - earlier for earlier, later in itertools.pairwise(times)} == {STEP}
    # AAC overlaps its frames, so that a beep begins a little early.
    assert abs(heard.loud_from_us() - 500_000) < 30_000


def test_a_gap_in_time_is_a_gap_in_sound_and_nothing_is_said_twice() -> None:
    camera, heard = Camera(2, 8_000), Heard()
    transcoder = Transcoder(heard.tell)
    transcoder.begin(camera.source)
    for number in range(90):
        late_us = 1_000_000 if number >= 25 else 0
        again_us = -500_000 if number >= 50 else 0
        transcoder.feed(Frame(camera.time_of(number) + late_us + again_us, camera.frames[number]))
    times = [at for _, at, _ in heard.packets]
    steps = [later - earlier for earlier, later in itertools.pairwise(times)]
    jumps = [step for step in steps if step != STEP]
    assert len(jumps) == 1
    assert 1.0 <= jumps[0] / 48_000 < 1.05
    # Half a second of the last part was said before.
    assert len(times) < 68


def test_what_cannot_be_decoded_is_left_out_and_at_last_given_up() -> None:
    camera, heard = Camera(1, 16_000), Heard()
    transcoder = Transcoder(heard.tell)
    transcoder.begin(camera.source)
    for number in range(20):
        data = b"\xff" * 40 if number == 10 else camera.frames[number]
        transcoder.feed(Frame(camera.time_of(number), data))
    assert len(heard.packets) > 50
    for number in range(20, 119):
        transcoder.feed(Frame(camera.time_of(number), b"\xff" * 40))
    with pytest.raises(GivesUpError, match="could not be decoded"):
        transcoder.feed(Frame(camera.time_of(119), b"\xff" * 40))
    with pytest.raises(GivesUpError, match="codec 9"):
        transcoder.begin(Head(8, 9, 1, 8_000))
    with pytest.raises(GivesUpError, match="before its head"):
        Transcoder(heard.tell).feed(Frame(0, b"x"))


def test_a_camera_that_tells_no_configuration_is_taken_for_plain_aac() -> None:
    camera, heard = Camera(1, 16_000), Heard()
    transcoder = Transcoder(heard.tell)
    transcoder.begin(Head(1, 1, 1, 16_000))
    for number, data in enumerate(camera.frames):
        transcoder.feed(Frame(camera.time_of(number), data))
    assert abs(heard.loud_from_us() - 500_000) < 30_000
    with pytest.raises(GivesUpError, match="without its configuration"):
        transcoder.begin(Head(1, 1, 1, 14_000))


@dataclass
class Engine:
    """The engine's side: asks for sound, and takes workers in."""

    path: Path
    steward: asyncio.Queue[asyncio.StreamWriter] = field(default_factory=asyncio.Queue)
    workers: asyncio.Queue[tuple[str, asyncio.StreamReader, asyncio.StreamWriter]] = field(
        default_factory=asyncio.Queue
    )
    open: list[asyncio.StreamWriter] = field(default_factory=list)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one connection in."""
        self.open.append(writer)
        words = (await reader.readline()).decode().split()
        if words == ["transcode"]:
            await self.steward.put(writer)
        else:
            assert words[0] == "sound"
            await self.workers.put((words[1], reader, writer))


def message(kind: bytes, body: bytes) -> bytes:
    """Return what the engine says."""
    return struct.pack("<I", 1 + len(body)) + kind + body


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    """An engine with a steward of its own."""
    engine = Engine(tmp_path / "frames.sock")
    server = await asyncio.start_unix_server(engine.answer, engine.path)
    task = asyncio.create_task(TranscodeSteward(engine.path).run())
    yield engine
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    for writer in engine.open:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    server.close()
    await server.wait_closed()


async def test_a_worker_is_started_where_one_is_wanted_and_ends_with_its_connection(
    engine: Engine,
) -> None:
    camera = Camera(2, 8_000)
    async with asyncio.timeout(30):
        asking = await engine.steward.get()
        asking.write(b"sound gate/main\n")
        stream, reader, writer = await engine.workers.get()
        assert stream == "gate/main"
        writer.write(message(b"H", struct.pack("<QBBI", 3, 2, 1, 8_000)))
        for number, data in enumerate(camera.frames):
            writer.write(message(b"F", struct.pack("<Bq", 0, camera.time_of(number)) + data))
        heard = Heard()
        while len(heard.packets) < 40:
            (size,) = struct.unpack("<I", await reader.readexactly(4))
            body = await reader.readexactly(size)
            epoch, at = struct.unpack_from("<Qq", body, 1)
            assert (body[:1], epoch) == (b"P", 3)
            heard.tell(epoch, at, body[17:])
        assert abs(heard.loud_from_us() - 500_000) < 30_000
        # Let go and wanted again at once: the next one comes when the first has ended.
        writer.write_eof()
        asking.write(b"sound gate/main\n")
        assert await reader.read() is not None
        stream, reader, writer = await engine.workers.get()
        writer.write(message(b"H", struct.pack("<QBBI", 4, 9, 1, 8_000)))
        (size,) = struct.unpack("<I", await reader.readexactly(4))
        assert await reader.readexactly(size) == b"Ecodec 9 is not known"


def test_a_worker_of_nobody_ends() -> None:
    ours, theirs = socket.socketpair()
    ours.close()
    wire.serve(wire.Engine(theirs), Transcoder(Heard().tell))
    theirs.close()
