"""The newest key frame of a live stream, over real sockets, of engines that do not do as wished."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from transcode_rings import RingServer, RingWriter, handing_out
from vms.common import InvalidError, NotFoundError, UnavailableError
from vms.transcode import LiveFrames


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RingServer]:
    """An engine's socket with one empty ring of one page."""
    async with handing_out(RingWriter(4096), tmp_path / "frames.sock") as server:
        yield server


def live(tmp_path: Path, limit_s: float = 30.0) -> LiveFrames:
    return LiveFrames(tmp_path / "frames.sock", limit_s)


def handles() -> int:
    """Return how many files this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_the_newest_key_frame_is_given_and_an_overwritten_one_waited_for(
    server: RingServer, tmp_path: Path
) -> None:
    server.ring.push(0, b"\0\0\0\1a", key=True, utc_us=0)
    assert (await live(tmp_path).newest_key("gate/sub")).number == 0
    for number in range(1, 60):
        server.ring.push(number, bytes(100), key=False, utc_us=number)
    server.close()
    server.asked.clear()
    asked = asyncio.create_task(live(tmp_path).newest_key("gate/sub"))
    await server.asked.wait()
    server.wake()
    server.ring.push(60, b"\0\0\0\1b", key=True, utc_us=60)
    server.wake()
    assert (await asked).number == 60


async def test_a_stream_without_a_key_frame_is_told_so(server: RingServer, tmp_path: Path) -> None:
    server.ring.push(0, b"\0\0\0\1a", key=False, utc_us=0)
    with pytest.raises(UnavailableError) as caught:
        await live(tmp_path, 0.1).newest_key("gate/sub")
    assert caught.value.code == "no_key_frame"


async def test_an_unknown_stream_is_not_found(server: RingServer, tmp_path: Path) -> None:
    assert server.readers == []
    with pytest.raises(NotFoundError) as caught:
        await live(tmp_path).newest_key("other/sub")
    assert caught.value.code == "stream_unknown"


async def test_an_engine_that_does_not_answer_is_waited_for_no_longer_than_the_limit(
    tmp_path: Path,
) -> None:
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(str(tmp_path / "frames.sock"))
        engine.listen()
        async with asyncio.timeout(30):
            with pytest.raises(UnavailableError) as caught:
                await live(tmp_path, 0.1).newest_key("gate/sub")
    assert caught.value.code == "frames_unavailable"


async def test_an_engine_that_ends_is_no_unknown_stream(tmp_path: Path) -> None:
    async def end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.close()

    async with await asyncio.start_unix_server(end, str(tmp_path / "frames.sock")):
        with pytest.raises(UnavailableError) as caught:
            await live(tmp_path).newest_key("gate/sub")
    assert caught.value.code == "frames_unavailable"


async def test_of_memory_that_is_no_ring_nothing_stays_open(
    server: RingServer, tmp_path: Path
) -> None:
    os.pwrite(server.ring.handle, b"VMSRING9", 0)
    before = handles()
    with pytest.raises(InvalidError):
        await live(tmp_path).newest_key("gate/sub")
    # The server's side of the connection is there still.
    assert handles() == before + 1
