"""Pictures made by worker processes: real ones, that die, hang and come back."""

import asyncio
import io
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from vms.common import InvalidError, ManualClock, UnavailableError
from vms.transcode import Picture, SceneSpec, Sprite, WorkerPool, ensure_scene
from vms.transcode.worker import answer

SPEC = SceneSpec(width=320, height=180, bitrate=200_000, fps=10, seconds=2)


@pytest.fixture(scope="module")
def groups(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Two groups of pictures of each codec."""
    folder = tmp_path_factory.mktemp("scenes")
    return {
        codec: Path(
            ensure_scene(folder, SceneSpec(320, 180, 200_000, codec, fps=10, seconds=2))
        ).read_bytes()
        for codec in ("h264", "h265")
    }


@pytest.fixture
async def pool() -> AsyncIterator[WorkerPool]:
    """One worker, ended with the test."""
    pool = WorkerPool(1, ManualClock())
    yield pool
    await pool.close()


@pytest.mark.parametrize("codec", ["h264", "h265"])
@pytest.mark.parametrize("kind", ["jpeg", "webp"])
async def test_a_group_becomes_a_still(
    pool: WorkerPool, groups: dict[str, bytes], codec: str, kind: str
) -> None:
    made = await pool.run(Picture(codec, groups[codec], width=160, format=kind))
    assert (made.width, made.height) == (160, 90)
    with Image.open(io.BytesIO(made.data)) as image:
        assert image.format == kind.upper()
        assert image.size == (160, 90)


async def test_a_still_is_never_larger_than_the_video(
    pool: WorkerPool, groups: dict[str, bytes]
) -> None:
    assert (await pool.run(Picture("h264", groups["h264"], width=4000))).width == 320
    assert (await pool.run(Picture("h264", groups["h264"]))).width == 320


async def test_a_sheet_leaves_out_what_is_missing(
    pool: WorkerPool, groups: dict[str, bytes]
) -> None:
    frame = groups["h264"]
    sheet = await pool.run(Sprite("h264", (frame, b"", frame), columns=2, width=80, height=45))
    with Image.open(io.BytesIO(sheet.data)) as image:
        assert image.size == (160, 90)
        assert image.convert("L").crop((80, 0, 160, 45)).getextrema()[1] < 20
        assert image.convert("L").crop((0, 45, 80, 90)).getextrema()[1] > 60


@pytest.mark.parametrize(
    ("job", "code"),
    [
        (Picture("h264", b""), "picture_undecodable"),
        (Picture("h264", os.urandom(4000)), "picture_undecodable"),
        (Picture("h265", b"\0\0\0\1" * 200), "picture_undecodable"),
        (Picture("vp7", b"x"), "picture_codec"),
        (Picture("h264", b"", width=-1), "picture_undecodable"),
    ],
)
async def test_what_is_no_video_is_refused_and_the_worker_goes_on(
    pool: WorkerPool, groups: dict[str, bytes], job: Picture, code: str
) -> None:
    with pytest.raises(InvalidError) as caught:
        await pool.run(job)
    assert caught.value.code == code
    assert (await pool.run(Picture("h264", groups["h264"]))).data


async def test_a_worker_that_dies_fails_its_job_alone(
    pool: WorkerPool, groups: dict[str, bytes]
) -> None:
    await pool.run(Picture("h264", groups["h264"]))
    os.kill(pool._free[0].process.pid, signal.SIGKILL)
    with pytest.raises(UnavailableError) as caught:
        await pool.run(Picture("h264", groups["h264"]))
    assert caught.value.code == "picture_worker_lost"
    assert (await pool.run(Picture("h264", groups["h264"]))).data


async def test_a_worker_that_hangs_is_ended(groups: dict[str, bytes]) -> None:
    pool = WorkerPool(1, ManualClock())
    await pool.run(Picture("h264", groups["h264"]))
    worker = pool._free[0].process
    os.kill(worker.pid, signal.SIGSTOP)
    pool.job_limit_s = 0.2
    with pytest.raises(UnavailableError):
        await pool.run(Picture("h264", groups["h264"]))
    assert worker.returncode == -signal.SIGKILL
    await pool.close()


async def test_workers_that_keep_dying_are_not_started_for_ever(groups: dict[str, bytes]) -> None:
    clock = ManualClock()
    pool = WorkerPool(1, clock)
    pool._deaths.extend([clock.monotonic()] * 10)
    with pytest.raises(UnavailableError) as caught:
        await pool.run(Picture("h264", groups["h264"]))
    assert caught.value.code == "picture_workers_lost"
    clock.advance(61)
    assert (await pool.run(Picture("h264", groups["h264"]))).data
    await pool.close()


async def test_who_moves_on_costs_nobody_a_worker(
    pool: WorkerPool, groups: dict[str, bytes]
) -> None:
    await pool.run(Picture("h264", groups["h264"]))
    before = pool._free[0].process.pid
    asked = [asyncio.create_task(pool.run(Picture("h264", groups["h264"]))) for _ in range(20)]
    await asyncio.sleep(0)
    for task in asked:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    assert all(task.cancelled() for task in asked)
    assert (await pool.run(Picture("h264", groups["h264"], width=64))).width == 64
    assert [worker.process.pid for worker in pool._free] == [before]


async def test_idle_workers_end(groups: dict[str, bytes]) -> None:
    pool = WorkerPool(1, ManualClock(), idle_s=0.05)
    await pool.run(Picture("h264", groups["h264"]))
    process = pool._free[0].process
    assert await asyncio.wait_for(process.wait(), 5) == -signal.SIGKILL
    assert (await pool.run(Picture("h264", groups["h264"]))).data
    await pool.close()


async def test_a_worker_has_no_network_and_no_environment(
    pool: WorkerPool, groups: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VMS_SECRET_KEY", "never told")
    await pool.run(Picture("h264", groups["h264"]))
    proc = Path(f"/proc/{pool._free[0].process.pid}")
    assert b"VMS_SECRET_KEY" not in (proc / "environ").read_bytes()
    limits = (proc / "limits").read_text()
    assert f"{3 << 30}" in limits
    ours, theirs = (Path("/proc/self/net/dev").read_text(), (proc / "net/dev").read_text())
    # Where the system refuses a network of its own, the worker shares ours.
    assert theirs == ours or theirs.count(":") == 1


def test_too_large_a_sheet_is_refused() -> None:
    refused = answer(Sprite("h264", ()))
    assert "1 to 400" in getattr(refused, "message", "")


def test_a_pool_has_workers() -> None:
    with pytest.raises(InvalidError):
        WorkerPool(0, ManualClock())
