"""A camera that calls us: a real encoder publishes to the addresses that the API hands out."""

import asyncio
import contextlib
import fractions
import time
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import pytest
from aiortc import (
    AudioStreamTrack,
    RTCPeerConnection,
    RTCSessionDescription,
    VideoStreamTrack,
)

from callers import new_stream_key, probe, watching
from encoders import FORMATS, encoder
from product import wait_for
from residents import EVERY_S, LIVE_LIMIT_S, Town, settled, until_state

RECORDED_LIMIT_S = 30.0


@pytest.fixture(scope="module")
def town(scenes: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Run a product with one camera that is to call."""
    with settled(scenes, tmp_path_factory.mktemp("publish")) as made:
        camera = {"id": "gate", "city": "local", "name": "Gate", "url": "publish:"}
        made.admin.post("/cameras", camera)
        yield made


def key_of(town: Town, name: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Make a stream key for the camera; the engine hears of it a moment later."""
    draft = {"name": name, "scope": "camera:local/gate"} | more
    made = dict(town.admin.post("/stream-keys", draft))
    url = f"{town.product.run['addresses']['webrtc']}/gate/whip"
    bearer = f"{made['key']['id']}:{made['secret']}"

    def is_known() -> bool:
        return whip(url, "v=0", bearer).status_code != HTTPStatus.UNAUTHORIZED

    wait_for(is_known, LIVE_LIMIT_S, EVERY_S)
    return made


def waits_again(town: Town) -> None:
    """Return once the stream waits for its camera, and the history tells that it hung up."""

    def waiting() -> bool:
        stream = town.admin.stream("gate/main")
        return stream["state"] == "connecting" and stream["reason"]["code"] == "no_publisher"

    def told() -> bool:
        newest, *_ = town.admin.get("/cameras/gate/history")["items"]
        return newest["state"] == "offline" and newest["reason"]["code"] == "camera_closed"

    wait_for(waiting, LIVE_LIMIT_S, EVERY_S)
    wait_for(told, LIVE_LIMIT_S, EVERY_S)


@pytest.mark.parametrize("protocol", FORMATS)
def test_a_camera_that_calls_is_live_and_recorded_and_waited_for_again(
    town: Town, protocol: str
) -> None:
    made = key_of(town, f"encoder of {protocol}", publish=True)
    (address,) = [one["address"] for one in made["publish_to"] if one["protocol"] == protocol]
    begun_us = time.time_ns() // 1000
    with encoder(protocol, address):
        until_state(town.admin, "gate/main", {"live"}, LIVE_LIMIT_S)

        def recorded() -> bool:
            asked = f"from_us={begun_us}&to_us={time.time_ns() // 1000}"
            spans = town.admin.get(f"/cameras/gate/timeline?{asked}")["spans"]
            return any(span["to_us"] - span["from_us"] > 2_000_000 for span in spans)

        wait_for(recorded, RECORDED_LIMIT_S, EVERY_S)
    waits_again(town)


def test_who_has_no_right_to_publish_is_refused(town: Town) -> None:
    publishing, viewing = key_of(town, "encoder", publish=True), key_of(town, "player")
    (address,) = [one["address"] for one in publishing["publish_to"] if one["protocol"] == "rtmp"]
    own, foreign = publishing["key"]["id"], viewing["key"]["id"]
    for wrong in (
        address.replace(publishing["secret"], "wrong"),
        address.replace(own, foreign).replace(publishing["secret"], viewing["secret"]),
        address.partition("?")[0],
    ):
        with encoder("rtmp", wrong) as refused:
            assert refused.wait(timeout=20) != 0
            assert refused.stderr is not None
            assert "does not open this stream" in refused.stderr.read()
    log = town.product.said
    assert "a publisher of RTMP was not taken" in log
    assert publishing["secret"] not in log
    assert town.admin.stream("gate/main")["state"] == "connecting"


class Moving(VideoStreamTrack):
    """Pictures that change."""

    async def recv(self) -> av.VideoFrame:
        """Return the next picture in its time."""
        pts, base = await self.next_timestamp()
        picture = np.full((180, 320, 3), pts // 3000 % 200, np.uint8)
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = pts, fractions.Fraction(base)
        return frame


async def described() -> RTCPeerConnection:
    """Return a peer that offers to send picture and sound."""
    peer = RTCPeerConnection()
    peer.addTrack(Moving())
    peer.addTrack(AudioStreamTrack())
    await peer.setLocalDescription(await peer.createOffer())
    return peer


def whip(url: str, sdp: str, bearer: str | None, kind: str = "application/sdp") -> httpx.Response:
    """Ask to publish."""
    headers = {"Content-Type": kind}
    if bearer is not None:
        headers["Authorization"] = f"Bearer {bearer}"
    return httpx.post(url, content=sdp, headers=headers, timeout=20)


@contextlib.asynccontextmanager
async def publishing(url: str, bearer: str) -> AsyncIterator[httpx.Response]:
    """Publish by WHIP while the block runs, and end as the standard says."""
    peer = await described()
    try:
        answer = await asyncio.to_thread(whip, url, peer.localDescription.sdp, bearer)
        assert answer.status_code == 201, answer.text
        await peer.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        yield answer
        session = httpx.URL(url).join(answer.headers["Location"])
        own = {"Authorization": f"Bearer {bearer}"}
        assert (await asyncio.to_thread(httpx.delete, session)).status_code == 401
        assert (await asyncio.to_thread(httpx.delete, session, headers=own)).status_code == 200
    finally:
        await peer.close()


def test_a_browser_that_publishes_by_whip_is_seen_by_whep_and_rtsp(town: Town) -> None:
    made = key_of(town, "browser", publish=True)
    (told,) = [one for one in made["publish_to"] if one["protocol"] == "whip"]
    url, bearer = told["address"], told["bearer"]
    _, login = new_stream_key(town.admin, "camera:local/gate")

    async def publish_and_watch() -> None:
        async with publishing(url, bearer) as answer:
            await asyncio.to_thread(until_state, town.admin, "gate/main", {"live"}, LIVE_LIMIT_S)
            async with watching(town.api, "gate/main", town.admin.token) as viewer:
                await viewer.more(20)
            seen = await asyncio.to_thread(probe, town.rtsp, "gate", login)
            assert seen.played, seen.said
            stream = await asyncio.to_thread(town.admin.stream, "gate/main")
            assert stream["codec"] == "h264"
            session = httpx.URL(url).join(answer.headers["Location"])
            headers = {
                "Authorization": f"Bearer {bearer}",
                "Content-Type": "application/trickle-ice-sdpfrag",
            }
            candidate = "a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n"
            for tag, status in (
                (answer.headers["ETag"], 204),
                ('"other"', 412),
                (None, 428),
                ("*", 422),
            ):
                wanted = headers | ({} if tag is None else {"If-Match": tag})
                said = await asyncio.to_thread(
                    httpx.patch, session, content=candidate, headers=wanted
                )
                assert said.status_code == status, (tag, said.text)
            busy = await asyncio.to_thread(whip, url, "v=0", bearer)
            assert (busy.status_code, busy.json()["code"]) == (409, "busy")

    asyncio.run(publish_and_watch())
    waits_again(town)


def test_who_may_not_publish_by_whip_is_told_what_to_do(town: Town) -> None:
    publisher, player = key_of(town, "sender", publish=True), key_of(town, "watcher")
    at = town.product.run["addresses"]["webrtc"]
    bearer, viewing = (f"{made['key']['id']}:{made['secret']}" for made in (publisher, player))

    async def offered() -> str:
        peer = await described()
        await peer.close()
        return str(peer.localDescription.sdp)

    sdp = asyncio.run(offered())
    for path, told, content, kind, status, words in (
        ("gate", None, sdp, "application/sdp", 401, "Bearer KEY:SECRET"),
        ("gate", f"{publisher['key']['id']}:wrong", sdp, "application/sdp", 401, "stream key"),
        ("gate", viewing, sdp, "application/sdp", 403, "make one that publishes"),
        ("yard", bearer, sdp, "application/sdp", 403, "this camera"),
        ("gate/sub", bearer, sdp, "application/sdp", 404, "publish:"),
        ("gate", bearer, sdp, "text/plain", 415, "application/sdp"),
        ("gate", bearer, "v=0", "application/sdp", 400, "offer"),
        ("gate", bearer, sdp.replace("sendrecv", "recvonly"), "application/sdp", 400, "sends"),
    ):
        refused = whip(f"{at}/{path}/whip", content, told, kind)
        assert refused.status_code == status, (path, status, refused.text)
        assert words in refused.json()["detail"]
