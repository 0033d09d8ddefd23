"""A process that makes Opus of one camera's sound, for browsers that do not take the camera's own.

Its words with the engine stand in :mod:`vms.transcode.wire`. Like every process that decodes what
cameras send it has no keys, no database and, where the system allows, no network.
"""

import re
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from vms.transcode.wire import Engine, Frame, GivesUpError, Head, Tell, serve
from vms.transcode.worker import shut_in

RATE = 48_000
# Samples of 20 ms.
STEP = 960
BITS_PER_SECOND = {"mono": 32_000, "stereo": 64_000}
# The camera's times and its count of samples may differ by so much before sound jumps.
MOST_DRIFT_US = 60_000
# Frames in a row that nobody can decode: seconds of most cameras' sound.
MOST_BROKEN = 100
DECODERS = {1: "aac", 2: "pcm_alaw", 3: "pcm_mulaw"}
_CONFIG = re.compile(rb"(?:^|[;\s])config=\"?([0-9a-fA-F]+)", re.IGNORECASE)

# An Opus packet and when it begins, in 1/48000 s of UTC.
Said = Callable[[int, bytes], None]


def open_decoder(head: Head) -> AudioCodecContext:
    """Open what decodes a camera's sound."""
    name = DECODERS.get(head.codec)
    if name is None:
        raise GivesUpError(f"codec {head.codec} is not known")
    decoder = cast("AudioCodecContext", av.CodecContext.create(name, "r"))
    if name == "aac":
        config = _CONFIG.search(head.fmtp)
        digits = config.group(1) if config else b""
        decoder.extradata = bytes.fromhex(digits.decode()) if digits else _plain_aac(head)
    else:
        decoder.sample_rate = head.rate
        decoder.layout = "stereo" if head.channels == 2 else "mono"
    return decoder


def _plain_aac(head: Head) -> bytes:
    """Return the configuration of AAC-LC (ISO/IEC 14496-3, 1.6.2.1) for who tells none."""
    rates = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
    if head.rate not in rates:
        raise GivesUpError(f"AAC of {head.rate} samples a second without its configuration")
    return (2 << 11 | rates.index(head.rate) << 7 | head.channels << 3).to_bytes(2, "big")


@dataclass(slots=True)
class Encoder:
    """One unbroken run of sound: from the camera's samples to packets of Opus."""

    # When its first sample was taken.
    begun_us: int
    shape: tuple[int, str, str]
    tell: Said
    _resampler: AudioResampler = field(init=False)
    _fifo: AudioFifo = field(default_factory=AudioFifo)
    _opus: AudioCodecContext = field(init=False)
    _samples_in: int = 0
    _samples_out: int = 0

    def __post_init__(self) -> None:
        _, _, channels = self.shape
        layout = "mono" if channels == "mono" else "stereo"
        self._resampler = AudioResampler("s16", layout, RATE)
        self._opus = av.CodecContext.create("libopus", "w")
        self._opus.sample_rate = RATE
        self._opus.layout = layout
        self._opus.format = "s16"
        self._opus.bit_rate = BITS_PER_SECOND[layout]
        self._opus.options = {"application": "audio", "frame_duration": "20"}

    def next_us(self) -> int:
        """When a frame was taken that follows on what came."""
        return self.begun_us + self._samples_in * 1_000_000 // self.shape[0]

    def feed(self, frame: AudioFrame) -> None:
        """Encode what fills whole packets."""
        self._samples_in += frame.samples
        frame.pts = None
        for resampled in self._resampler.resample(frame):
            resampled.pts = None
            self._fifo.write(resampled)
        while (step := self._fifo.read(STEP)) is not None:
            step.pts = self._samples_out
            self._samples_out += STEP
            for packet in self._opus.encode(step):
                # Negative while the encoder looks ahead: those samples are its own.
                self.tell(self.begun_us * 48 // 1000 + (packet.pts or 0), bytes(packet))


@dataclass(slots=True)
class Transcoder:
    """The sound of one camera."""

    tell: Tell
    _head: Head | None = None
    _decoder: AudioCodecContext | None = None
    _encoder: Encoder | None = None
    _last: int | None = None
    _broken: int = 0

    def begin(self, head: Head) -> None:
        """Start an epoch of the camera."""
        self._head = head
        self._decoder, self._encoder, self._last = open_decoder(head), None, None

    def make_key(self) -> None:
        """Every packet of sound can be begun with."""

    def feed(self, frame: Frame) -> None:
        """Transcode one frame of the camera."""
        if self._decoder is None:
            raise GivesUpError("a frame came before its head")
        if frame.missing:
            self._encoder = None
        try:
            samples = self._decoder.decode(av.Packet(frame.data))
            self._broken = 0
        except av.FFmpegError as error:
            self._broken += 1
            if self._broken >= MOST_BROKEN:
                raise GivesUpError(f"{MOST_BROKEN} frames could not be decoded: {error}") from None
            return
        for some in samples:
            self._encode(some, frame.utc_us)

    def _encode(self, frame: AudioFrame, utc_us: int) -> None:
        shape = (frame.sample_rate, frame.format.name, frame.layout.name)
        encoder = self._encoder
        if encoder is None or encoder.shape != shape:
            encoder = None
        else:
            ahead_us = utc_us - encoder.next_us()
            if ahead_us < -MOST_DRIFT_US:
                # More sound than time: what would be said twice is left out.
                return
            if ahead_us > MOST_DRIFT_US:
                encoder = None
        if encoder is None:
            encoder = Encoder(utc_us, shape, self._told)
        self._encoder = encoder
        encoder.feed(frame)

    def _told(self, at: int, data: bytes) -> None:
        """Pass a packet on, unless a new run begins before the old one's end."""
        if self._head is not None and (self._last is None or at - self._last >= STEP):
            self._last = at
            self.tell(self._head.epoch, at, data)


if __name__ == "__main__":
    shut_in(int(sys.argv[1]))
    engine = Engine(socket.socket(fileno=int(sys.argv[2])))
    serve(engine, Transcoder(engine.tell))
