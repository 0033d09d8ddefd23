"""What was recorded is played by WebRTC: the right instants, steered while it plays."""

import asyncio
import contextlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame

from managed import LIVE_LIMIT_S, Api, token
from product import Farm, farm, running, wait_for

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SECOND_US = 1_000_000
# Of 32,767: the beep has some 6,000.
LOUD = 1_000
# What simulated cameras write into each picture before the time: UTC_SEI_UUID of the engine.
MARK = bytes.fromhex("5a1c93e47b0d4f268ed136aa79c852f7")
# Between a camera's mark and the time that is recorded with its picture.
NEAR_US = 150_000
# A player passes over each instant once: one whose pictures are lost never comes.
SHOWN_LIMIT_S = 15


def ask(method: str, url: str, key: str, body: str = "", kind: str = "") -> tuple[int, Any, str]:
    """Ask the front; returns status, headers and what it says."""
    headers = {"Authorization": f"Bearer {key}"} | ({"Content-Type": kind} if kind else {})
    request = urllib.request.Request(  # noqa: S310 - our own
        url, body.encode() or None, headers, method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - our own
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.headers, refused.read().decode()


@dataclass
class Viewer:
    """An independent client that reads the time written into each picture."""

    api: str
    key: str
    peer: RTCPeerConnection = field(default_factory=RTCPeerConnection)
    session: str = ""
    # When a picture came, and when it was taken.
    marks: list[tuple[float, int]] = field(default_factory=list)
    pictures: int = 0
    # Pieces of sound with a camera's beep in them.
    loud: int = 0
    _new: asyncio.Event = field(default_factory=asyncio.Event)

    async def join(self, path: str) -> None:
        """Open a session, from an instant on."""
        receiver = self.peer.addTransceiver("video", direction="recvonly").receiver
        self.peer.addTransceiver("audio", direction="recvonly")
        handle = receiver._handle_rtp_packet

        async def seen(packet: Any, arrival_time_ms: int) -> None:  # noqa: ANN401 - aiortc's own
            _, found, rest = packet.payload.partition(MARK)
            if found:
                time_of = rest.replace(b"\0\0\3", b"\0\0")[:8]
                self.marks.append((time.monotonic(), int.from_bytes(time_of, "big")))
                self._new.set()
            await handle(packet, arrival_time_ms)

        receiver._handle_rtp_packet = seen
        self.peer.on("track", lambda track: asyncio.ensure_future(self._watch(track)))
        await self.peer.setLocalDescription(await self.peer.createOffer())
        offer = self.peer.localDescription.sdp
        status, headers, answer = await asyncio.to_thread(
            ask, "POST", self.api + path, self.key, offer, "application/sdp"
        )
        assert status == 201, answer
        self.session = self.api + headers["Location"]
        await self.peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def _watch(self, track: Any) -> None:  # noqa: ANN401 - aiortc's own
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                if isinstance(frame, VideoFrame):
                    self.pictures += 1
                elif max(abs(frame.to_ndarray()).flat) > LOUD:
                    self.loud += 1

    async def steer(self, **wish: float | bool) -> dict[str, Any]:
        """Order something; returns how it was."""
        status, _, told = await asyncio.to_thread(
            ask, "PATCH", self.session, self.key, json.dumps(wish), "application/json"
        )
        assert status == 200, told
        return dict(json.loads(told))

    async def state(self) -> dict[str, Any]:
        """Ask how it is."""
        status, _, told = await asyncio.to_thread(ask, "GET", self.session, self.key)
        assert status == 200, told
        return dict(json.loads(told))

    async def shows(self, at_us: int, since: float) -> float:
        """Return after how long a picture of an instant came."""
        try:
            async with asyncio.timeout(SHOWN_LIMIT_S):
                while True:
                    for came, taken_us in self.marks:
                        if came >= since and abs(taken_us - at_us) < NEAR_US:
                            return came - since
                    self._new.clear()
                    await self._new.wait()
        except TimeoutError:
            others = [
                (round(came - since, 2), round((taken_us - at_us) / SECOND_US, 2))
                for came, taken_us in self.marks
                if came >= since
            ]
            told = f"{len(others)} others, came and taken after it, s: {others[:40]}"
            raise AssertionError(f"no picture of {at_us} in {SHOWN_LIMIT_S} s; {told}") from None

    async def during(self, seconds: float) -> list[int]:
        """Return when the pictures of the next seconds were taken."""
        begun = time.monotonic()
        await asyncio.sleep(seconds)
        return [taken_us for came, taken_us in self.marks if came >= begun]


@contextlib.asynccontextmanager
async def viewing(api: str, key: str, path: str) -> AsyncIterator[Viewer]:
    """Play while the block runs."""
    viewer = Viewer(api, key)
    try:
        async with asyncio.timeout(60):
            await viewer.join(path)
            yield viewer
    finally:
        await viewer.peer.close()


async def play(api: str, key: str, path: str, begins: int, gap: tuple[int, int]) -> list[float]:
    """Play, seek and steer; returns how long first pictures took."""
    at = begins + 2 * SECOND_US + 500_000
    async with viewing(api, key, f"{path}/whep?at={at}") as viewer:
        joined = await viewer.shows(at, 0)
        assert joined > 0
        plain = await viewer.during(1)
        assert abs(plain[-1] - plain[0] - SECOND_US) < 300_000
        waited = []
        for seek in (begins + 4 * SECOND_US, begins + SECOND_US + 700_000, begins + 3 * SECOND_US):
            begun = time.monotonic()
            await viewer.steer(at_us=seek)
            waited.append(await viewer.shows(seek, begun))
        await viewer.steer(paused=True, at_us=begins + SECOND_US)
        await asyncio.sleep(0.3)
        assert await viewer.during(0.5) == []
        told = await viewer.state()
        assert (told["paused"], told["ended"]) == (True, False)
        assert abs(told["at_us"] - begins - SECOND_US) <= 50_000
        await viewer.steer(paused=False, speed=4)
        fast = await viewer.during(0.75)
        assert 2 * SECOND_US < fast[-1] - fast[0] < 4 * SECOND_US
        assert len(fast) > 40
        await viewer.steer(speed=1, at_us=gap[0] - SECOND_US)
        over = await viewer.during(2.5)
        assert not [us for us in over if gap[0] + NEAR_US < us < gap[1] - NEAR_US]
        assert over[-1] > gap[1] - NEAR_US
        jumped = (await viewer.state())["gap"]
        assert abs(jumped[0] - gap[0]) < SECOND_US
        assert abs(jumped[1] - gap[1]) < SECOND_US
        await viewer.steer(speed=-4)
        back = await viewer.during(1)
        assert len(back) >= 2
        assert back == sorted(back, reverse=True)
        assert viewer.pictures > 50
        assert viewer.loud > 3
        status, _, told = await asyncio.to_thread(ask, "GET", viewer.session, "v1.a.b.c")
        assert status == 401, told
        status, _, told = await asyncio.to_thread(
            ask, "PATCH", viewer.session, key, '{"at_us": 5}', "application/json"
        )
        assert (status, json.loads(told)["code"]) == (403, "not_allowed")
        status, _, _ = await asyncio.to_thread(ask, "DELETE", viewer.session, key)
        assert status == 200
        status, _, _ = await asyncio.to_thread(ask, "GET", viewer.session, key)
        assert status in {403, 404}
    return waited


@pytest.fixture
def cameras(scenes: tuple[Path, Path]) -> Iterator[Farm]:
    """Cameras with sound that WebRTC does not carry."""
    with farm(scenes, audio=True, sound="aac") as cameras:
        yield cameras


def test_a_recording_is_played_by_webrtc(cameras: Farm, tmp_path: Path) -> None:
    data = tmp_path / "data"
    flags = ["up", "--camera", cameras.camera("gate", 1)]
    with running(flags, data, tmp_path / "log") as product:
        api = Api(product, token(data))
        wait_for(lambda: api.streams().get("gate/main") == "live", LIVE_LIMIT_S)
        begun = time.time_ns() // 1000

        def line() -> dict[str, Any]:
            asked = f"cameras/gate/timeline?from_us={begun}&to_us={time.time_ns() // 1000}"
            return dict(api.ask("GET", asked)[1])

        def spans(count: int, seconds: float) -> list[dict[str, int]]:
            found: list[dict[str, int]] = line()["spans"]
            whole = len(found) == count
            return found if whole and long(found[-1]) >= seconds * SECOND_US else []

        wait_for(lambda: spans(1, 7), 40)
        for mode in ("off", "continuous"):
            _, found = api.ask("GET", "cameras/gate/recording")
            found["rule"]["main"]["mode"] = mode
            status, told = api.ask("PUT", "cameras/gate/recording", found["rule"], found["version"])
            assert status == 200, told
            time.sleep(3)
        first, second = wait_for(lambda: spans(2, 4), 40)
        wanted = {"from_us": first["from_us"], "to_us": first["from_us"] + 600 * SECOND_US}
        status, address = api.ask("POST", "cameras/gate/playback/address", wanted)
        assert status == 200, address
        waited = asyncio.run(
            play(
                product.api,
                address["address"],
                address["path"],
                first["from_us"],
                (first["to_us"], second["from_us"]),
            )
        )
        assert max(waited) < 1
        # Nothing of it stays.
        status, _, told = ask(
            "POST",
            f"{product.api}{address['path']}/whep?at={begun + 3600 * SECOND_US}",
            address["address"],
            "v=0",
            "application/sdp",
        )
        assert status == 403, told


def long(span: dict[str, int]) -> int:
    """Return how long a span is."""
    return span["to_us"] - span["from_us"]
