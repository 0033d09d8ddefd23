"""Viewers who cannot take a camera's pictures get others, and are told why."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription

from product import MAIN, Product, farm, running, wait_for
from vms.transcode import ensure_scene

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

LIMIT_S = 30.0
MOST_DELAY_MS = 400
DELAY = "vms_transcode_delay_ms"
CPU = "vms_transcode_cpu_usage"


def ask(url: str, method: str, sdp: str = "") -> tuple[dict[str, str], str]:
    """Ask the front; returns the headers and what it says."""
    request = urllib.request.Request(  # noqa: S310 - our own
        url, sdp.encode(), {"Content-Type": "application/sdp"}, method=method
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own
        return {
            name.lower(): value for name, value in answer.headers.items()
        }, answer.read().decode()


@dataclass
class Viewer:
    """An independent client, which knows H.264 and VP8."""

    product: Product
    peer: RTCPeerConnection = field(default_factory=RTCPeerConnection)
    track: Any = None
    session: str = ""

    async def join(self, stream: str) -> tuple[str, str | None]:
        """Join; returns the variant and the reason."""
        self.peer.addTransceiver("video", direction="recvonly")
        self.peer.on("track", lambda track: setattr(self, "track", track))
        await self.peer.setLocalDescription(await self.peer.createOffer())
        url = f"{self.product.api}/api/v1/streams/{stream}/whep"
        offer = self.peer.localDescription.sdp
        headers, answer = await asyncio.to_thread(ask, url, "POST", offer)
        self.session = headers["location"]
        await self.peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        return headers["vms-variant"], headers.get("vms-reason")

    async def sizes(self, count: int) -> set[tuple[int, int]]:
        """Return the sizes of the next pictures."""
        async with asyncio.timeout(LIMIT_S):
            frames = [await self.track.recv() for _ in range(count)]
        return {(frame.width, frame.height) for frame in frames}

    async def forget(self) -> None:
        """Forget the pictures that came already, so that the next one is a new one."""
        with contextlib.suppress(TimeoutError):
            while True:
                # What is there is given without waiting.
                async with asyncio.timeout(0):
                    await self.track.recv()

    async def leave(self) -> None:
        """Leave."""
        if self.session:
            await asyncio.to_thread(ask, self.product.api + self.session, "DELETE")
        await self.peer.close()


@contextlib.asynccontextmanager
async def watching(product: Product, stream: str) -> Any:  # noqa: ANN401 - pytest's way of fixtures
    """Watch a stream; gives the viewer, the variant and the reason."""
    viewer = Viewer(product)
    try:
        yield viewer, *await viewer.join(stream)
    finally:
        await viewer.leave()


async def refusal(product: Product, stream: str) -> dict[str, Any]:
    """Return the problem that a viewer is refused with."""
    viewer = Viewer(product)
    try:
        with pytest.raises(urllib.error.HTTPError) as caught:
            await viewer.join(stream)
        with caught.value as refused:
            said: dict[str, Any] = json.load(refused)
            return said
    finally:
        await viewer.leave()


def figures(product: Product) -> dict[str, float]:
    """What the engine says of transcodes."""
    with urllib.request.urlopen(f"{product.api}/metrics/media", timeout=10) as page:  # noqa: S310
        lines = page.read().decode().splitlines()
    words = (line.rsplit(" ", 1) for line in lines if line.startswith("vms_transcode_"))
    return {name.partition("{")[0]: float(value) for name, value in words}


def workers(product: Product) -> list[int]:
    """Return the processes that transcode pictures for this product."""
    lines = [line for line in product.said.splitlines() if "transcode_worker_started" in line]
    pids = [json.loads(line)["pid"] for line in lines]
    return [pid for pid in pids if runs(pid)]


def runs(pid: int) -> bool:
    """Tell whether a worker of pictures has this number."""
    try:
        return b"vms.transcode.video" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


@contextlib.contextmanager
def publisher(product: Product, camera: str) -> Iterator[None]:
    """Publish H.264 with B-frames, in real time, for ever."""
    command = [
        *("ffmpeg", "-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25"),
        *("-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-b_strategy", "0", "-g", "25"),
        *("-pix_fmt", "yuv420p", "-f", "flv"),
        f"rtmp://{product.run['addresses']['rtmp'].rpartition('/')[2]}/{camera}",
    ]
    with subprocess.Popen(command) as process:
        try:
            yield
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def product(
    scenes: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Product]:
    """One transcode is allowed; all cameras but one send H.265."""
    folder = tmp_path_factory.mktemp("transcode")
    new = ensure_scene(folder, replace(MAIN, codec="h265"))
    with pytest.MonkeyPatch.context() as patch, farm((new, scenes[1])) as cameras:
        patch.setenv("VMS_STREAMS__MAX_TRANSCODES", "1")
        flags = ["up", "--open", "--camera", cameras.camera("gate", 1, sub=True)]
        flags += ["--camera", cameras.camera("yard", 2), "--camera", cameras.camera("park", 3)]
        flags += ["--camera", "roof=publish:"]
        with running(flags, folder / "data", folder / "log") as made:
            made.wait_live("gate/main", "gate/sub", "yard/main", "park/main")
            yield made


def test_a_viewer_gets_the_sub_stream_where_that_is_plain_h264(product: Product) -> None:
    async def watch() -> None:
        async with watching(product, "gate/main") as (viewer, variant, reason):
            assert (variant, reason) == ("sub", "codec")
            assert await viewer.sizes(10) == {(320, 180)}
        async with watching(product, "gate/sub") as (_, variant, reason):
            assert (variant, reason) == ("as_is", None)
        assert workers(product) == []

    asyncio.run(watch())


def test_one_worker_serves_all_viewers_of_a_camera_and_comes_back_when_it_is_killed(
    product: Product,
) -> None:
    async def watch() -> None:
        async with watching(product, "yard/main") as (viewer, variant, reason):
            assert (variant, reason) == ("transcoded", "codec")
            assert await viewer.sizes(5) == {(640, 360)}
            async with watching(product, "yard/main") as (second, *same):
                assert same == [variant, reason]
                assert await second.sizes(10) == {(640, 360)}
                (worker,) = workers(product)
                said = await asyncio.to_thread(figures, product)
                assert (said["vms_transcode_listeners"], said["vms_transcode_works"]) == (2, 1)
                # Of the last picture alone: a machine that stands still makes a single one late.
                await asyncio.to_thread(
                    wait_for, lambda: 0 < figures(product).get(DELAY, 0) < MOST_DELAY_MS, LIMIT_S
                )
                said = await asyncio.to_thread(
                    wait_for, lambda: (costs := figures(product)).get(CPU) and costs, LIMIT_S
                )
                assert said["vms_transcode_memory_usage"] > 10e6
                refused = await refusal(product, "park/main")
                assert (refused["status"], refused["code"]) == (503, "too_many_transcodes")
                assert refused["values"] == {"camera": "H265", "most": 1}
                os.kill(worker, signal.SIGKILL)
                await asyncio.to_thread(
                    wait_for, lambda: workers(product) not in ([], [worker]), LIMIT_S
                )
                await second.forget()
                await second.sizes(3)
                said = await asyncio.to_thread(figures, product)
                assert said["vms_transcode_failures_total"] == 1
        await asyncio.to_thread(wait_for, lambda: workers(product) == [], 15)

    asyncio.run(watch())


def test_b_frames_are_taken_out_where_there_is_room_and_shown_as_they_are_where_not(
    product: Product,
) -> None:
    async def watch() -> None:
        async with watching(product, "yard/main") as (other, _, _):
            await other.sizes(1)
            async with watching(product, "roof/main") as (_, variant, reason):
                assert (variant, reason) == ("as_is", "b_frames")
        await asyncio.to_thread(wait_for, lambda: workers(product) == [], 15)
        async with watching(product, "roof/main") as (viewer, variant, reason):
            assert (variant, reason) == ("transcoded", "b_frames")
            assert await viewer.sizes(5) == {(320, 180)}

    with publisher(product, "roof"):
        product.wait_live("roof/main")
        asyncio.run(watch())
