"""Those who mean harm to every port: noise, half requests, endless heads, slow senders, floods.

    python attackers.py ORDERS        ORDERS is JSON; prints what was done, as JSON

A process of its own, so that those who watch a stream meanwhile are not held up. What attack
number N says depends on the seed and on N alone, so a run can be repeated.
"""

import asyncio
import contextlib
import json
import random
import socket
import struct
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

HOST = "127.0.0.1"
# Attackers that are at work at once.
AT_ONCE = 24
# No single attack takes longer, whatever the other side does.
LONGEST_S = 3.0
HELD_S = 1.0
BYTE_EVERY_S = 0.02
# Connections of one attacker at once, where he comes with many.
MANY = 50
# A head that no server should take.
ENDLESS = 256 << 10

HTTP = (
    b"GET /api/v1/streams HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /gate/index.m3u8 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /live/gate/main/index.m3u8?_HLS_msn=1&_HLS_part=1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    (
        b"POST /gate/whep HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/sdp\r\n"
        b"Content-Length: 31\r\n\r\nv=0\r\nm=video 9 RTP/SAVPF 96\r\n\r\n"
    ),
    (
        b"POST /api/v1/auth/sign-in HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
        b"Content-Type: application/json\r\n\r\nffffffff\r\n{"
    ),
    (
        b"GET /media HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    ),
    (
        b"GET /ws/events HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
        b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    ),
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
)
RTSP = (
    b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n",
    b"DESCRIBE rtsp://localhost/gate RTSP/1.0\r\nCSeq: 2\r\n\r\n",
    (
        b"SETUP rtsp://localhost/gate/track=0 RTSP/1.0\r\nCSeq: 3\r\n"
        b"Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n"
    ),
    b"PLAY rtsp://localhost/gate RTSP/1.0\r\nCSeq: 4\r\nSession: 1\r\n\r\n",
    b"OPTIONS * RTSP/1.0\r\nCSeq: 5\r\nContent-Length: 999999999\r\n\r\n",
    b"$\0\xff\xff",
)
RTMP = (
    (
        b"\3" + bytes(1536) + bytes(1536) + b"\3\0\0\0\0\0\x19\x14\0\0\0\0\2\0\7connect"
        b"\0\x3f\xf0\0\0\0\0\0\0\3\0\0\x09"
    ),
    b"\3" + bytes(1536) + bytes(1536) + b"\2\0\0\0\0\0\4\1\0\0\0\0\x7f\xff\xff\xff",
    b"\x06" + bytes(1536),
)
TLS = (
    b"\x16\3\1\0\xc8\1\0\0\xc4\3\3" + bytes(range(32)) + b"\0\0\x02\x13\x01\1\0",
    b"\x16\3\1\xff\xff\1\xff\xff\xff",
    b"\x80\x2e\1\3\1\0\x15\0\0\0\x10",
)
OPENINGS = HTTP + RTSP + RTMP + TLS
HEADS = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ",
    b"DESCRIBE rtsp://localhost/gate RTSP/1.0\r\nCSeq: 1\r\nX: ",
)


def mutated(rng: random.Random, data: bytes) -> bytes:
    """Return it with a few bytes changed, doubled or left out."""
    made = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(len(made)) if made else 0
        match rng.randrange(4):
            case 0:
                made[at : at + 1] = rng.randbytes(1)
            case 1:
                del made[at : at + rng.randint(1, 16)]
            case 2:
                made[at:at] = made[at : at + rng.randint(1, 64)]
            case _:
                made[at:at] = rng.randbytes(rng.randint(1, 16))
    return bytes(made)


class Connection:
    """A connection of an attacker."""

    def __init__(
        self, rng: random.Random, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.rng = rng
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """Send it in pieces of many sizes."""
        while data:
            size = self.rng.choice((1, 7, 100, 1500, 1 << 16))
            self._writer.write(data[:size])
            await self._writer.drain()
            data = data[size:]

    async def hear(self, limit_s: float) -> None:
        """Listen to what is said, for a while."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while await self._reader.read(1 << 16):
                    pass


@contextlib.asynccontextmanager
async def connected(rng: random.Random, port: int) -> AsyncIterator[Connection]:
    """Hold a connection, which ends by FIN or by RST."""
    reader, writer = await asyncio.open_connection(HOST, port, limit=1 << 16)
    if rng.random() < 0.5:
        own: socket.socket = writer.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    try:
        yield Connection(rng, reader, writer)
    finally:
        writer.transport.abort()


async def noise(rng: random.Random, port: int) -> None:
    """Random bytes, of which some begin like a protocol."""
    begin = rng.choice((b"", *OPENINGS))
    async with connected(rng, port) as one:
        await one.send(begin + rng.randbytes(rng.randint(1, 1 << 16)))
        await one.hear(rng.random())


async def half(rng: random.Random, port: int) -> None:
    """A request that stops in the middle."""
    whole = rng.choice(OPENINGS)
    async with connected(rng, port) as one:
        await one.send(whole[: rng.randint(1, len(whole))])
        await one.hear(rng.random() * HELD_S)


async def changed(rng: random.Random, port: int) -> None:
    """A request in which some bytes are wrong."""
    async with connected(rng, port) as one:
        await one.send(b"".join(mutated(rng, rng.choice(OPENINGS)) for _ in range(3)))
        await one.hear(rng.random())


async def endless(rng: random.Random, port: int) -> None:
    """A head that does not end: one long line, or very many."""
    filler = b"a" * ENDLESS if rng.random() < 0.5 else b"\r\nX: y" * (ENDLESS // 6)
    async with connected(rng, port) as one:
        await one.send(rng.choice(HEADS) + filler)
        await one.hear(HELD_S)


async def slow(rng: random.Random, port: int) -> None:
    """One byte after the other."""
    async with connected(rng, port) as one:
        for byte in rng.choice(OPENINGS)[: rng.randint(1, 100)]:
            await one.send(bytes((byte,)))
            await asyncio.sleep(BYTE_EVERY_S)


async def deaf(rng: random.Random, port: int) -> None:
    """Many requests, and no answer is read."""
    async with connected(rng, port) as one:
        await one.send(rng.choice(HTTP + RTSP) * 200)
        await asyncio.sleep(HELD_S)


async def silent(rng: random.Random, port: int) -> None:
    """A connection on which nothing is said."""
    async with connected(rng, port):
        await asyncio.sleep(rng.choice((0, 0, HELD_S)))


async def burst(rng: random.Random, port: int) -> None:
    """Many connections at once, broken off before their handshake is done."""
    async with contextlib.AsyncExitStack() as stack:
        opened = (stack.enter_async_context(connected(rng, port)) for _ in range(MANY))
        for one in await asyncio.gather(*opened):
            await one.send(rng.choice(TLS))


def control(kind: int, content: bytes) -> bytes:
    """Return a control packet of SRT to no socket."""
    return struct.pack(">HHIII", 0x8000 | kind, 0, 0, 1, 0) + content


def handshake(rng: random.Random, version: int, kind: int, cookie: int = 0) -> bytes:
    """Return a handshake of SRT that anybody may send (draft-sharabayko-srt, 3.2.1)."""
    fields = struct.pack(">IHHIIIiIII", version, 0, 2, 7, 1500, 8192, kind, 9, cookie, 0)
    return control(0, fields[:-4] + rng.randbytes(4) + socket.inet_aton(HOST)[::-1] + bytes(12))


def stun(rng: random.Random) -> bytes:
    """Return a message of STUN with attributes of any length (RFC 8489)."""
    kind, length = rng.choice((1, 0x101, 0x111)), rng.choice((0, 8, 600))
    return struct.pack(">HHI", kind, length, 0x2112A442) + rng.randbytes(rng.randint(12, 612))


def dtls(rng: random.Random) -> bytes:
    """Return a record of DTLS of which the first bytes alone are right (RFC 9147)."""
    return b"\x16\xfe\xfd" + bytes(8) + rng.randbytes(rng.randint(0, 1400))


def rtp(rng: random.Random) -> bytes:
    """Return a packet of RTP or RTCP."""
    return b"\x80" + rng.choice((b"\x60", b"\xc8", b"\xc9")) + rng.randbytes(rng.randint(0, 1400))


def of_session(rng: random.Random) -> bytes:
    """Return a packet of SRT, as if there were a session."""
    target = rng.choice((1, 5, rng.getrandbits(30)))
    head = struct.pack(">IIII", rng.getrandbits(32), rng.getrandbits(32), 0, target)
    return head + rng.randbytes(rng.randint(0, 1316))


DATAGRAMS: tuple[Callable[[random.Random], bytes], ...] = (
    lambda rng: rng.randbytes(rng.randint(0, 2000)),
    stun,
    dtls,
    rtp,
    of_session,
    lambda rng: handshake(rng, 4, 1),
    lambda rng: mutated(rng, handshake(rng, rng.choice((4, 5)), rng.choice((1, -1)))),
)


async def datagrams(rng: random.Random, port: int) -> None:
    """Datagrams from a port of their own, and conclusions of SRT that prove their address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.setblocking(False)
        own.connect((HOST, port))
        loop = asyncio.get_running_loop()
        for _ in range(rng.randint(1, 32)):
            await loop.sock_sendall(own, rng.choice(DATAGRAMS)(rng))
        await loop.sock_sendall(own, handshake(rng, 4, 1))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                answer = await loop.sock_recv(own, 2048)
                cookie = int.from_bytes(answer[44:48])
                concluding = handshake(rng, 5, -1, cookie) + rng.randbytes(rng.randint(0, 1400))
                await loop.sock_sendall(own, mutated(rng, concluding))
                await loop.sock_sendall(own, concluding)
                await loop.sock_recv(own, 2048)


Attack = Callable[[random.Random, int], Awaitable[None]]
BY_TCP: tuple[Attack, ...] = (noise, half, changed, endless, slow, deaf, silent, burst)


class Farm:
    """Attacks one after the other, several at once, each with a number."""

    def __init__(self, ports: list[tuple[str, int]], seed: str) -> None:
        self._ports = ports
        self._seed = seed
        self.done: Counter[str] = Counter()
        self.took: list[float] = []

    async def attack(self, number: int, kinds: tuple[Attack, ...]) -> None:
        """Make one attack, whatever comes of it but silence on a port that should answer."""
        rng = random.Random(f"{self._seed}:{number}")  # noqa: S311 - to be repeated, not secret
        protocol, port = self._ports[number % len(self._ports)]
        kind = datagrams if protocol == "udp" else rng.choice(kinds)
        begun = time.monotonic()
        ended = kind.__name__
        try:
            async with asyncio.timeout(LONGEST_S):
                await kind(rng, port)
        except ConnectionRefusedError:
            ended = "refused" if protocol == "tcp" else ended
        except (ConnectionError, BrokenPipeError, asyncio.IncompleteReadError):
            pass  # What the other side should do.
        except TimeoutError:
            ended = "too long"
        self.done[f"{protocol} {port} {ended}"] += 1
        self.took.append(time.monotonic() - begun)

    async def many(self, seconds: float) -> None:
        """Attack with everything for so long."""
        numbers = iter(range(sys.maxsize))
        until = time.monotonic() + seconds

        async def one() -> None:
            while time.monotonic() < until:
                await self.attack(next(numbers), BY_TCP)

        await asyncio.gather(*(one() for _ in range(AT_ONCE)))

    async def flood(self, a_minute: float, seconds: float) -> None:
        """Connect so often, whether or not the ones before have ended."""
        begun = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(int(a_minute * seconds / 60)):
                group.create_task(self.attack(number, (silent, half)))
                await asyncio.sleep(begun + number * 60 / a_minute - time.monotonic())


async def main(orders: dict[str, object]) -> None:
    """Do as told."""
    ports = [(str(protocol), int(port)) for protocol, port in orders["ports"]]  # type: ignore[attr-defined]
    farm = Farm(ports, str(orders["seed"]))
    seconds = float(str(orders["seconds"]))
    if a_minute := orders.get("a_minute"):
        await farm.flood(float(str(a_minute)), seconds)
    else:
        await farm.many(seconds)
    took = sorted(farm.took)
    told = {"done": farm.done, "p95_s": took[len(took) * 95 // 100]}
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
