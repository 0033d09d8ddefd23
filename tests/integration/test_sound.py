"""Sound that browsers do not take is made into Opus while somebody listens, and only then."""

import asyncio
import json
import os
import signal
import subprocess
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiortc import RTCPeerConnection, RTCRtpReceiver, RTCSessionDescription
from aiortc.rtp import RtcpSrPacket
from av import AudioFrame

from product import Product, farm, running, wait_for

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

# Of 32,767: the beep has some 6,000.
LOUD = 1_000
LIMIT_S = 60.0
STREAM = "/api/v1/streams/gate/main/whep"
NTP_OF_1970 = 2_208_988_800


def ask(url: str, method: str, sdp: str = "") -> tuple[str, str]:
    """Ask the front; returns the location and what it says."""
    request = urllib.request.Request(  # noqa: S310 - our own
        url, sdp.encode(), {"Content-Type": "application/sdp"}, method=method
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own
        return answer.headers.get("Location", ""), answer.read().decode()


@dataclass
class Viewer:
    """An independent client with picture and sound; knows what time a sound is said to be of."""

    base: str
    peer: RTCPeerConnection = field(default_factory=RTCPeerConnection)
    tracks: dict[str, Any] = field(default_factory=dict)
    receivers: dict[str, RTCRtpReceiver] = field(default_factory=dict)
    # Of the newest sender report of the sound: UTC, and the RTP time then.
    report: tuple[float, int] | None = None
    session: str = ""

    async def join(self) -> str:
        """Join; returns the answer."""
        for kind in ("video", "audio"):
            self.receivers[kind] = self.peer.addTransceiver(kind, direction="recvonly").receiver
        self.peer.on("track", lambda track: self.tracks.setdefault(track.kind, track))
        self._hear_reports(self.receivers["audio"])
        await self.peer.setLocalDescription(await self.peer.createOffer())
        offer = self.peer.localDescription.sdp
        self.session, answer = await asyncio.to_thread(ask, self.base + STREAM, "POST", offer)
        await self.peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        return answer

    def _hear_reports(self, receiver: RTCRtpReceiver) -> None:
        handle = receiver._handle_rtcp_packet

        async def heard(packet: Any) -> None:  # noqa: ANN401 - aiortc's union
            if isinstance(packet, RtcpSrPacket):
                info = packet.sender_info
                self.report = (info.ntp_timestamp / 2**32 - NTP_OF_1970, info.rtp_timestamp)
            await handle(packet)

        receiver._handle_rtcp_packet = heard

    def utc_of(self, frame: AudioFrame, sample: int) -> float:
        """Return when a sample was taken, as a browser would know it."""
        assert self.report is not None
        utc, rtp = self.report
        mapper = self.receivers["audio"]._RTCRtpReceiver__timestamp_mapper
        behind = (rtp - mapper._origin - frame.pts + 2**31) % 2**32 - 2**31
        return utc - (behind - sample) / 48_000

    async def leave(self) -> None:
        """Leave."""
        await asyncio.to_thread(ask, self.base + self.session, "DELETE")
        await self.peer.close()


def loudness(frame: AudioFrame) -> np.ndarray:
    """Return how loud each moment of a frame is."""
    return np.abs(frame.to_ndarray().reshape(-1, 2)[:, 0].astype(np.int32))


async def beeps(viewer: Viewer, count: int) -> list[tuple[AudioFrame, int]]:
    """Return where so many beeps begin."""
    found: list[tuple[AudioFrame, int]] = []
    quiet = 0
    while len(found) < count:
        frame = await viewer.tracks["audio"].recv()
        loud = loudness(frame) > LOUD
        if not loud.any():
            quiet += 1
        elif quiet > 10:
            found.append((frame, int(loud.argmax())))
            quiet = 0
    return found


def metrics(product: Product) -> dict[str, float]:
    """What the engine says of sound."""
    with urllib.request.urlopen(f"{product.api}/metrics/media", timeout=10) as page:  # noqa: S310 - our own
        lines = page.read().decode().splitlines()
    words = (line.rsplit(" ", 1) for line in lines if line.startswith("vms_sound_"))
    return {name.split("{")[0]: float(value) for name, value in words}


def workers() -> list[int]:
    """Return the processes that transcode sound."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except (OSError, NotADirectoryError):
            continue
        if b"vms.transcode.sound" in words and b"python" in words[0]:
            found.append(int(folder.name))
    return found


def children(product: Product) -> list[int]:
    """Return the workers that this product started."""
    lines = [line for line in product.said.splitlines() if "transcode_worker_started" in line]
    started = {json.loads(line)["pid"] for line in lines}
    return [pid for pid in workers() if pid in started]


async def watch(product: Product) -> list[float]:
    """Listen, lose the worker, listen again; returns how far each beep is from its second."""
    viewer, other = Viewer(product.api), Viewer(product.api)
    answer = await viewer.join()
    assert "opus/48000/2" in answer
    await other.join()
    try:
        async with asyncio.timeout(60):
            found = await beeps(viewer, 4)
            while viewer.report is None:
                found += await beeps(viewer, 1)
            apart = [(viewer.utc_of(*beep) + 0.5) % 1 - 0.5 for beep in found]
            told = await asyncio.to_thread(metrics, product)
            assert (told["vms_sound_listeners"], told["vms_sound_works"]) == (2, 1)
            (worker,) = children(product)
            os.kill(worker, signal.SIGKILL)
            # The picture does not notice, and sound comes back.
            for _ in range(50):
                await viewer.tracks["video"].recv()
            await beeps(viewer, 2)
            told = await asyncio.to_thread(metrics, product)
            assert (told["vms_sound_failures_total"], told["vms_sound_works"]) == (1, 1)
            assert children(product) not in ([], [worker])
    finally:
        await other.leave()
        await viewer.leave()
    return apart


def test_aac_is_heard_as_opus_in_time_with_the_picture(
    scenes: tuple[Path, Path], tmp_path: Path
) -> None:
    with farm(scenes, audio=True, sound="aac") as cameras:
        flags = ["up", "--open", "--camera", cameras.camera("gate", 1)]
        with running(flags, tmp_path / "data", tmp_path / "log") as product:
            product.wait_live("gate/main")
            assert children(product) == []
            apart = asyncio.run(watch(product))
            wait_for(lambda: children(product) == [], limit_s=15)
    assert max(abs(seconds) for seconds in apart) < 0.1


def heard_by_ffmpeg(url: str, seconds: float) -> np.ndarray:
    """Return how loud each sample is that ffmpeg plays of a stream, at 8 kHz."""
    asked = ["ffmpeg", "-v", "error", "-i", url, "-t", str(seconds), "-vn", "-ac", "1"]
    asked += ["-ar", "8000", "-f", "s16le", "-"]
    done = subprocess.run(asked, capture_output=True, timeout=90, check=True)
    assert done.stderr == b"", done.stderr.decode()
    return np.abs(np.frombuffer(done.stdout, "<i2").astype(np.int32))


def each_second_beeps(volume: np.ndarray) -> bool:
    """Tell whether there is a beep in each of five seconds at least, in whatever part of it."""
    seconds = (volume[: len(volume) // 8000 * 8000] > LOUD).reshape(-1, 8000).any(axis=1)
    return len(seconds) >= 5 and bool(seconds.all())


def test_g711_is_heard_by_hls_as_opus_and_while_it_is_made_the_picture_is_silent(
    scenes: tuple[Path, Path], tmp_path: Path
) -> None:
    with farm(scenes, audio=True) as cameras:
        flags = ["up", "--open", "--camera", cameras.camera("gate", 1)]
        with running(flags, tmp_path / "data", tmp_path / "log") as product:
            product.wait_live("gate/main")
            assert children(product) == []
            url = f"{product.run['addresses']['hls']}/gate/index.m3u8"
            # The first seconds are silence, until a worker has come.
            wait_for(lambda: each_second_beeps(heard_by_ffmpeg(url, 6)), LIMIT_S)
            asked = ["ffprobe", "-v", "error", "-of", "json", "-show_entries", "stream=codec_name"]
            probed = subprocess.run([*asked, url], capture_output=True, timeout=60, check=True)
            codecs = {stream["codec_name"] for stream in json.loads(probed.stdout)["streams"]}
            assert codecs == {"h264", "opus"}
            (worker,) = children(product)
            os.kill(worker, signal.SIGKILL)
            # Without a worker the picture goes on, and sound comes back.
            wait_for(lambda: np.any(heard_by_ffmpeg(url, 8) > LOUD), LIMIT_S)
            wait_for(lambda: children(product) == [], limit_s=30)
