"""An independent WebRTC client plays what we send."""

import asyncio
import json
import urllib.error
import urllib.request

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from av import VideoFrame

from product import Product

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
