"""An independent WebRTC client plays what we send."""

import asyncio
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from av import AudioFrame, VideoFrame

from product import Product, farm, running

# Of 32,767: the beep has some 6,000.
LOUD = 1_000

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def post(url: str, sdp: str) -> tuple[int, str, str]:
    request = urllib.request.Request(  # noqa: S310 - http
        url, sdp.encode(), {"Content-Type": "application/sdp"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - http
        return answer.status, answer.headers["Location"], answer.read().decode()


def delete(url: str) -> int:
    request = urllib.request.Request(url, method="DELETE")  # noqa: S310 - http
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - http
        return int(answer.status)


async def hear(base: str, path: str, seconds: float) -> list[AudioFrame]:
    """Play picture and sound; returns the sound."""
    peer = RTCPeerConnection()
    tracks: dict[str, asyncio.Future[Any]] = {
        kind: asyncio.get_running_loop().create_future() for kind in ("video", "audio")
    }
    try:
        for kind in tracks:
            peer.addTransceiver(kind, direction="recvonly")
        peer.on("track", lambda track: tracks[track.kind].set_result(track))
        await peer.setLocalDescription(await peer.createOffer())
        _, location, answer = await asyncio.to_thread(post, base + path, peer.localDescription.sdp)
        assert "PCMA/8000" in answer
        await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        async with asyncio.timeout(20):
            video, audio = await tracks["video"], await tracks["audio"]
            assert isinstance(await video.recv(), VideoFrame)
            heard: list[AudioFrame] = []
            while sum(frame.samples / frame.sample_rate for frame in heard) < seconds:
                heard.append(await audio.recv())
        await asyncio.to_thread(delete, base + location)
        return heard
    finally:
        await peer.close()


def test_a_camera_with_sound_is_heard(scenes: tuple[Path, Path], tmp_path: Path) -> None:
    with farm(scenes, audio=True) as cameras:
        flags = ["up", "--open", "--camera", cameras.camera("gate", 1)]
        with running(flags, tmp_path / "data", tmp_path / "log") as product:
            product.wait_live("gate/main")
            heard = asyncio.run(hear(product.api, "/api/v1/streams/gate/main/whep", seconds=2.2))
    loud = [max(abs(frame.to_ndarray()).flat) > LOUD for frame in heard]
    # A beep of 100 ms each second, and silence between.
    assert 0.05 < sum(loud) / len(loud) < 0.25


async def play(base: str, path: str, frames: int) -> list[VideoFrame]:
    peer = RTCPeerConnection()
    try:
        peer.addTransceiver("video", direction="recvonly")
        track: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        peer.on("track", track.set_result)
        await peer.setLocalDescription(await peer.createOffer())
        status, location, answer = await asyncio.to_thread(
            post, base + path, peer.localDescription.sdp
        )
        assert status == 201
        await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        async with asyncio.timeout(20):
            video = await track
            seen = [await video.recv() for _ in range(frames)]  # type: ignore[attr-defined]
        assert await asyncio.to_thread(delete, base + location) in {200, 204}
        return seen
    finally:
        await peer.close()


@pytest.mark.parametrize(
    ("door", "path", "size"),
    [
        ("api", "/api/v1/streams/gate/main/whep", (640, 360)),
        ("api", "/api/v1/streams/gate/sub/whep", (320, 180)),
        ("webrtc", "/yard/whep", (640, 360)),
        ("webrtc", "/gate/sub/whep", (320, 180)),
    ],
)
def test_aiortc_plays_by_whep(
    product: Product, door: str, path: str, size: tuple[int, int]
) -> None:
    seen = asyncio.run(play(product.run["addresses"][door], path, frames=30))
    assert {(frame.width, frame.height) for frame in seen} == {size}
    times = [frame.pts for frame in seen]
    assert times == sorted(times)


def test_an_unknown_stream_is_a_problem(product: Product) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        post(f"{product.api}/api/v1/streams/nobody/main/whep", "v=0\r\n")
    with caught.value as refusal:
        assert refusal.code in {400, 404}
        assert json.load(refusal)["code"]
