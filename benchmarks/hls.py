"""What players of HLS and of the media socket cost: CPU of the media process a Mbit.

Players of low latency ask for each part and each playlist as they are told to, by two connections
each; pages hold a socket of sixteen tiles each. What the process uses without them is left out.
"""

import asyncio
import base64
import json
import os
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from urllib.parse import urlsplit

from product import Product, Spent, Usage, product, simulator

CAMERAS = 4
TILES = 16
JOIN_S = 10.0
HINT = re.compile(rb'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="((\d+)\.(\d+)\.m4s)"')


@dataclass
class Count:
    """What all players got."""

    bytes: int = 0
    refused: int = 0


class Connection:
    """A connection by HTTP/1.1 that asks again and again."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str) -> tuple[int, bytes]:
        """Return status and body."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._address, limit=1 << 20)
        reader, writer = self._streams
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        found = re.search(rb"content-length: (\d+)", head)
        body = await reader.readexactly(int(found.group(1))) if found else b""
        return int(head.split(b" ", 2)[1]), body


async def player(made: Product, number: int, count: Count) -> None:
    """Play by HLS with low latency until it is cancelled."""
    at = urlsplit(made.addresses["hls"])
    playlists, media = (Connection(str(at.hostname), at.port or 80) for _ in range(2))
    base = f"/cam{number % CAMERAS + 1}"
    status, text = await playlists.get(f"{base}/index.m3u8")
    while status == 200:
        hint = HINT.search(text)
        if hint is None:
            raise RuntimeError(f"a playlist without a hint: {text[:200]!r}")
        name, segment, part = (found.decode() for found in hint.groups())
        reload = f"{base}/index.m3u8?_HLS_msn={segment}&_HLS_part={part}&_HLS_skip=YES"
        (status, text), (got, data) = await asyncio.gather(
            playlists.get(reload), media.get(f"{base}/{name}")
        )
        count.refused += got != 200
        count.bytes += len(text) + len(data)
    count.refused += 1


async def page(made: Product, number: int, count: Count) -> None:
    """Hold a media socket with sixteen tiles until it is cancelled."""
    del number
    at = urlsplit(made.addresses["api"])
    reader, writer = await asyncio.open_connection(at.hostname, at.port, limit=1 << 20)
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        f"GET /media HTTP/1.1\r\nHost: {at.netloc}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    count.refused += b" 101 " not in head
    for tile in range(TILES):
        camera = f"cam{tile % CAMERAS + 1}"
        wish = {"type": "subscribe", "id": tile, "camera": camera, "stream": "main"}
        text = json.dumps(wish).encode()
        # Masked by zeros: what is sent is no secret (RFC 6455, 5.3).
        writer.write(bytes((0x81, 0x80 | len(text), 0, 0, 0, 0)) + text)
    while data := await reader.read(1 << 18):
        count.bytes += len(data)
    count.refused += 1


@dataclass(frozen=True, kw_only=True)
class Cost(Spent):
    """What players and pages cost, the memory of the whole process."""

    playing: int
    refused: int

    def told(self) -> str:
        """Tell it for the table."""
        return (
            f"{self.processor()}; {self.rss_bytes / 2**20:.0f} MB; "
            f"{self.playing} of {self.viewers} play to the end, {self.refused} refused; "
            f"players {self.own_cores:.2f} core"
        )


View = Callable[[Product, int, Count], Coroutine[None, None, None]]


async def cost(made: Product, farm_pid: int, viewers: int, seconds: float, view: View) -> Cost:
    """Measure without and with viewers; the difference is theirs."""
    before = Usage.of(made.media_pid)
    await asyncio.sleep(seconds / 2)
    idle = Usage.of(made.media_pid).cores_since(before)
    count = Count()
    tasks = [asyncio.create_task(view(made, number, count)) for number in range(viewers)]
    await asyncio.sleep(JOIN_S)
    count.bytes = 0
    pids = (made.media_pid, os.getpid(), farm_pid)
    earlier = [Usage.of(pid) for pid in pids]
    await asyncio.sleep(seconds)
    later = [Usage.of(pid) for pid in pids]
    media, own, farm = (now.cores_since(then) for now, then in zip(later, earlier, strict=True))
    took = later[0].at - earlier[0].at
    playing = sum(not task.done() for task in tasks)
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    faults = {repr(one) for one in ended if isinstance(one, Exception)}
    if faults or not count.bytes:
        raise RuntimeError(f"{view.__name__}: {playing} of {viewers} play; {faults}")
    return Cost(
        viewers=viewers,
        megabits=count.bytes * 8 / 1e6,
        seconds=took,
        cpu_ms=(media - idle) * took * 1000,
        media_cores=media,
        own_cores=own,
        farm_cores=farm,
        rss_bytes=later[0].rss_bytes,
        playing=playing,
        refused=count.refused,
    )


def measured(view: View, viewers: int, seconds: float) -> Cost:
    """Watch four cameras."""
    with simulator(CAMERAS) as (farm, farm_pid), product(farm, CAMERAS) as made:
        made.wait_live(CAMERAS)
        return asyncio.run(cost(made, farm_pid, viewers, seconds, view))
