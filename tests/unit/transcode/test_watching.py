"""Motion found in rings of frames, by a real process, over real sockets."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import av
import pytest

from transcode_rings import RingServer, RingWriter, handing_out
from vms.common import InvalidError, NotFoundError, UnavailableError
from vms.transcode import FrameRing, Lost, MotionWorker, Moved, SceneSpec, Watch, ensure_scene

SPEC = SceneSpec(320, 180, 300_000, fps=10, seconds=4)
FRAME_US = 100_000


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[bool, bytes]]:
    """A street with traffic: key flags and access units with lengths."""
    path = ensure_scene(tmp_path_factory.mktemp("scenes"), SPEC)
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
    return [(bool(packet.is_keyframe), with_lengths(bytes(packet))) for packet in packets]


def with_lengths(annexb: bytes) -> bytes:
    """Return an access unit with lengths instead of start codes."""
    units = annexb.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units if unit)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RingServer]:
    """An engine's socket with one empty ring."""
    async with handing_out(RingWriter(), tmp_path / "frames.sock") as server:
        yield server


def test_frames_are_read_once_and_from_a_key_frame_on() -> None:
    writer = RingWriter(4096)
    reader = FrameRing.of_handle(writer.handle)
    assert list(reader.frames()) == []
    writer.push(1, b"\0\0\0\1a", key=False, utc_us=1)
    assert list(reader.frames()) == []
    writer.push(2, b"\0\0\0\1b\0\0\0\2cd", key=True, utc_us=2)
    writer.push(3, b"\0\0\0\1e", key=False, utc_us=3)
    found = list(reader.frames())
    assert [(frame.number, frame.key, frame.utc_us) for frame in found] == [
        (2, True, 2),
        (3, False, 3),
    ]
    assert found[0].packet() == b"\0\0\0\1b\0\0\0\1cd"
    assert list(reader.frames()) == []
    writer.close()


def test_a_reader_that_is_overtaken_goes_on_at_the_newest_key_frame() -> None:
    writer = RingWriter(4096)
    reader = FrameRing.of_handle(writer.handle)
    writer.push(0, bytes(100), key=True, utc_us=0)
    assert len(list(reader.frames())) == 1
    for number in range(1, 200):
        writer.push(number, bytes(100), key=number % 10 == 0, utc_us=number)
    found = [frame.number for frame in reader.frames()]
    assert found == list(range(190, 200))
    assert reader.overtaken == 1
    writer.close()


def test_a_key_frame_that_was_overwritten_is_not_read_and_the_next_one_is() -> None:
    writer = RingWriter(4096)
    late, early = FrameRing.of_handle(writer.handle), FrameRing.of_handle(writer.handle)
    writer.push(0, bytes(100), key=True, utc_us=0)
    assert [frame.number for frame in early.frames()] == [0]
    for number in range(1, 60):
        writer.push(number, bytes(100), key=False, utc_us=number)
    for reader in (late, early):
        assert list(reader.frames()) == []
    writer.push(60, bytes(100), key=True, utc_us=60)
    assert [[frame.number for frame in reader.frames()] for reader in (late, early)] == [[60], [60]]
    assert (late.overtaken, early.overtaken) == (0, 1)
    writer.close()


def test_memory_that_is_no_ring_is_refused() -> None:
    handle = os.memfd_create("other")
    os.ftruncate(handle, 8192)
    with pytest.raises(InvalidError):
        FrameRing.of_handle(handle)
    os.close(handle)


async def feed(server: RingServer, frames: list[tuple[bool, bytes]], first: int = 0) -> None:
    """Play the street over and over: a worker takes its time to start."""
    await server.asked.wait()
    number = first
    while server.readers:
        key, data = frames[number % len(frames)]
        server.ring.push(number, data, key=key, utc_us=number * FRAME_US)
        server.wake()
        number += 1
        await asyncio.sleep(0.002)


async def test_traffic_is_motion_and_the_end_of_a_ring_is_told(
    server: RingServer, tmp_path: Path, frames: list[tuple[bool, bytes]]
) -> None:
    worker = MotionWorker(tmp_path / "frames.sock")
    await worker.watch(Watch("gate"), "gate/sub")
    feeding = asyncio.create_task(feed(server, frames))
    news = worker.news()
    async with asyncio.timeout(20):
        first = await anext(news)
        assert isinstance(first, Moved)
        assert (first.camera, first.moving) == ("gate", True)
        assert first.boxes
        assert first.utc_us >= 8 * FRAME_US
        server.close()
        await feeding
        while not isinstance(last := await anext(news), Lost):
            pass
    assert last == Lost("gate")
    await worker.close()


async def test_broken_video_is_left_out_and_the_next_group_is_seen(
    server: RingServer, tmp_path: Path, frames: list[tuple[bool, bytes]]
) -> None:
    worker = MotionWorker(tmp_path / "frames.sock")
    await worker.watch(Watch("gate"), "gate/sub")
    noise = with_lengths(b"\0\0\1" + os.urandom(500))
    feeding = asyncio.create_task(feed(server, [*frames[:20], (True, noise), *frames[20:]]))
    async with asyncio.timeout(20):
        assert isinstance(await anext(worker.news()), Moved)
    server.close()
    await feeding
    await worker.close()


async def test_an_unknown_stream_and_a_missing_engine_are_told(
    server: RingServer, tmp_path: Path
) -> None:
    assert server.readers == []
    worker = MotionWorker(tmp_path / "frames.sock")
    with pytest.raises(NotFoundError) as caught:
        await worker.watch(Watch("other"), "other/sub")
    assert caught.value.code == "stream_unknown"
    nowhere = MotionWorker(tmp_path / "nowhere.sock")
    with pytest.raises(UnavailableError) as absent:
        await nowhere.watch(Watch("gate"), "gate/sub")
    assert absent.value.code == "frames_unavailable"


async def test_a_worker_that_dies_ends_its_news_and_is_started_again(
    server: RingServer, tmp_path: Path
) -> None:
    worker = MotionWorker(tmp_path / "frames.sock")
    await worker.watch(Watch("gate"), "gate/sub")
    assert worker._process is not None
    os.kill(worker._process.pid, signal.SIGKILL)
    async with asyncio.timeout(10):
        assert [news async for news in worker.news()] == []
    await worker.watch(Watch("gate"), "gate/sub")
    await worker.unwatch("gate")
    await worker.close()
    assert len(server.readers) == 2
