"""A process that looks for motion in the small streams of many cameras.

It is given rings of frames over a socket and tells when motion begins and ends. Like every process
that decodes cameras' video it has no keys, no database and, where the system allows, no network.
"""

import os
import selectors
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

import av
import msgspec
import numpy as np
from av.video.codeccontext import VideoCodecContext

from vms.common import VmsError
from vms.transcode.decoders import open_decoder
from vms.transcode.motion import COLUMNS, HEIGHT, ROWS, WIDTH, MotionDetector, MotionGate
from vms.transcode.picture import luma
from vms.transcode.ring import FrameRing, RingFrame
from vms.transcode.worker import shut_in

MAX_MESSAGE = 64 << 10
# A picture each so often is looked at; all are decoded, as each needs the one before.
LOOK_EVERY_US = 200_000


class Watch(msgspec.Struct, frozen=True, tag=True):
    """Look at a camera's ring; two handles come with it: the ring, and who wakes for it."""

    camera: str
    # Cells of 16 x 9 that are looked at, row by row; empty: all.
    cells: tuple[bool, ...] = ()
    quiet_us: int = 2_000_000


class Unwatch(msgspec.Struct, frozen=True, tag=True):
    """Look at a camera no more."""

    camera: str


class Moved(msgspec.Struct, frozen=True, tag=True):
    """Motion begins, goes on or has ended."""

    camera: str
    utc_us: int
    moving: bool
    part: float
    boxes: tuple[tuple[float, float, float, float], ...] = ()


class Lost(msgspec.Struct, frozen=True, tag=True):
    """The ring of a camera has ended."""

    camera: str


Order = Watch | Unwatch
News = Moved | Lost
orders: msgspec.msgpack.Decoder[Order] = msgspec.msgpack.Decoder(Order)
news: msgspec.msgpack.Decoder[News] = msgspec.msgpack.Decoder(News)


@dataclass(slots=True)
class Watched:
    """One camera: its ring, its decoder, its background."""

    camera: str
    ring: FrameRing
    tell: Callable[[News], None]
    detector: MotionDetector
    gate: MotionGate
    _decoder: VideoCodecContext | None = None
    _codec: str = ""
    _looked_us: int = -LOOK_EVERY_US
    _moving: bool = False

    def look(self) -> None:
        """Look at every frame that came."""
        for frame in self.ring.frames():
            try:
                self._look_at(frame)
            except (av.FFmpegError, VmsError):
                # Broken video is the camera's matter: go on at its next key frame.
                self._decoder = None

    def _look_at(self, frame: RingFrame) -> None:
        if self._decoder is None or frame.codec != self._codec:
            if not frame.key:
                return
            self._decoder, self._codec = open_decoder(frame.codec), frame.codec
        for picture in self._decoder.decode(av.Packet(frame.packet())):
            if frame.utc_us - self._looked_us >= LOOK_EVERY_US:
                self._looked_us = frame.utc_us
                self._judge(picture, frame.utc_us)

    def _judge(self, picture: av.VideoFrame, utc_us: int) -> None:
        motion = self.detector.feed(luma(picture, WIDTH, HEIGHT))
        change = self.gate.feed(motion, utc_us)
        if change is not None:
            self._moving = change
        if change is not None or (self._moving and motion.moves):
            self.tell(Moved(self.camera, utc_us, self._moving, motion.part, motion.boxes))


@dataclass(slots=True)
class Watcher:
    """All cameras of this process."""

    steward: socket.socket
    _waiting: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _cameras: dict[str, tuple[Watched, socket.socket]] = field(default_factory=dict)

    def serve(self) -> None:
        """Look until the steward is gone."""
        self._waiting.register(self.steward, selectors.EVENT_READ)
        while True:
            for key, _ in self._waiting.select():
                if key.fileobj is self.steward:
                    if not self._ordered():
                        return
                elif isinstance(key.data, str):
                    self._woken(key.data)

    def _ordered(self) -> bool:
        message, handles, *_ = socket.recv_fds(self.steward, MAX_MESSAGE, 2)
        if not message:
            return False
        order = orders.decode(message)
        self._forget(order.camera)
        if isinstance(order, Watch):
            ring, wake = handles
            self._begin(order, ring, socket.socket(fileno=wake))
        return True

    def _begin(self, order: Watch, ring: int, wake: socket.socket) -> None:
        cells = (
            np.array(order.cells, dtype=np.bool_).reshape(ROWS, COLUMNS) if order.cells else None
        )
        watched = Watched(
            order.camera,
            FrameRing.of_handle(ring),
            self._tell,
            MotionDetector(watched=cells),
            MotionGate(order.quiet_us),
        )
        os.close(ring)
        wake.setblocking(False)
        self._cameras[order.camera] = (watched, wake)
        self._waiting.register(wake, selectors.EVENT_READ, order.camera)

    def _woken(self, camera: str) -> None:
        watched, wake = self._cameras[camera]
        try:
            alive = wake.recv(4096) != b""
        except BlockingIOError:
            return
        except OSError:
            alive = False
        if alive:
            watched.look()
            return
        self._forget(camera)
        self._tell(Lost(camera))

    def _forget(self, camera: str) -> None:
        known = self._cameras.pop(camera, None)
        if known is not None:
            watched, wake = known
            self._waiting.unregister(wake)
            wake.close()
            watched.ring.close()

    def _tell(self, message: News) -> None:
        self.steward.send(msgspec.msgpack.encode(message))


if __name__ == "__main__":
    shut_in(int(sys.argv[1]))
    Watcher(socket.socket(fileno=int(sys.argv[2]))).serve()
