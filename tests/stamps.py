"""Reads a stream as another node does: each frame with the time that it was taken at.

The test of relays and the benchmark of their delay share it: a client of RTSP that asks for the
header extension of ``vms_media::Stamp`` and looks at nothing else.
"""

import contextlib
import re
import socket
import struct
import time
from collections.abc import Iterator
from typing import NamedTuple

LIMIT_S = 20.0
URI = "urn:vms-enterprise:rtp:frame"
# UTC in microseconds, bound of its error, epoch, number in the track, flags.
ELEMENT = struct.Struct(">qIIIB")
UNKNOWN = 0xFFFFFFFF
TWO_BYTE_HEADERS = 0x1000


class Frame(NamedTuple):
    """What a node says of a frame."""

    utc_us: int
    # Nothing where its clock is not synchronised.
    error_us: int | None
    epoch: int
    number: int
    # When its first packet was read, microseconds of this machine's UTC.
    read_us: int


class Reader:
    """One session with one video track."""

    def __init__(self, address: str, path: str) -> None:
        host, _, port = address.rpartition(":")
        self._url = f"rtsp://{address}/{path}"
        self._socket = socket.create_connection((host, int(port)), LIMIT_S)
        self._file = self._socket.makefile("rb")
        self._number = 0
        try:
            self._play()
        except BaseException:
            self.close()
            raise

    def _play(self) -> None:
        description = self._ask("DESCRIBE", self._url, "Require: vms-relay\r\n")
        if (found := re.search(rf"a=extmap:(\d+) {URI}", description)) is None:
            raise RuntimeError(f"it names no stamps:\n{description}")
        self._id = int(found.group(1))
        transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
        self._ask("SETUP", f"{self._url}/trackID=0", transport)
        self._ask("PLAY", self._url)

    def _ask(self, method: str, url: str, headers: str = "") -> str:
        self._number += 1
        self._socket.sendall(
            f"{method} {url} RTSP/1.0\r\nCSeq: {self._number}\r\n{headers}\r\n".encode()
        )
        lines = []
        while line := self._file.readline().strip():
            lines.append(line.decode())
        if not lines or " 200 " not in lines[0]:
            raise RuntimeError(f"{method} {url}: {lines[:1]}")
        length = next((int(one[15:]) for one in lines if one.startswith("Content-Length:")), 0)
        return self._file.read(length).decode()

    def frames(self) -> Iterator[Frame]:
        """Each frame that begins, for ever."""
        while True:
            _, channel, length = struct.unpack(">cBH", self._file.read(4))
            packet = self._file.read(length)
            if channel == 0 and packet[0] & 0x10 and (frame := self._stamp(packet)) is not None:
                yield frame

    def _stamp(self, packet: bytes) -> Frame | None:
        read_us = time.time_ns() // 1000
        profile, _ = struct.unpack_from(">HH", packet, 12)
        if profile != TWO_BYTE_HEADERS or tuple(packet[16:18]) != (self._id, ELEMENT.size):
            return None
        utc_us, error_us, epoch, number, _ = ELEMENT.unpack_from(packet, 18)
        return Frame(utc_us, None if error_us == UNKNOWN else error_us, epoch, number, read_us)

    def close(self) -> None:
        """Hang up, which ends the session."""
        self._file.close()
        self._socket.close()


@contextlib.contextmanager
def reading(address: str, path: str) -> Iterator[Reader]:
    """Read a stream until the block ends."""
    reader = Reader(address, path)
    try:
        yield reader
    finally:
        reader.close()
