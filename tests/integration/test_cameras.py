"""Cameras of a database in a real media process: what is changed runs within a second."""

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from product import Farm
from vms.admin import system_principal
from vms.cameras import (
    MARK,
    CameraHistory,
    Cameras,
    CameraState,
    Change,
    NewCamera,
    desired_state,
)
from vms.common import LOCAL_CITY, Page, StreamName, SystemClock
from vms.database import Database, Unit, Vault
from vms.engine import DesiredState, EngineClient, StreamState
from vms.ingest import Director, IngestWatch, Roster, StatusRecorder

SYSTEM = system_principal("test")
LIVE_LIMIT_S = 15.0
CHANGE_LIMIT_S = 1.0


class AnyCity:
    """Every city exists, is empty and has room."""

    def check(self, _unit: Unit, _city: str, _used: int) -> None:
        return

    def check_city(self, _unit: Unit, _city: str) -> None:
        return

    def sites(self, _unit: Unit, _city: str) -> dict[str, str]:
        return {}

    def groups(self, _unit: Unit, _city: str) -> dict[str, str]:
        return {}


@dataclass(slots=True)
class Media:
    """A media process that can be killed and started again."""

    data: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        names = (
            "API__PORT",
            "RTSP__PORT",
            "RTMP__PORT",
            "SRT__PORT",
            "WEBRTC__PORT",
            "WEBRTC__UDP_PORT",
            "HLS__PORT",
        )
        command = [sys.executable, "-m", "vms.cli", "run", "media", "--open"]
        with (self.data / "media.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--data", str(self.data)],
                stderr=log,
                env={**os.environ, **{f"VMS_{name}": "0" for name in names}},
            )

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=10)


@dataclass(slots=True)
class Worker:
    """What an API worker runs about cameras."""

    cameras: Cameras
    history: CameraHistory
    watch: IngestWatch
    roster: Roster
    client: EngineClient

    async def create(self, url: str, **fields: object) -> str:
        new = NewCamera(name="Gate", city=LOCAL_CITY, url=url, **fields)  # type: ignore[arg-type]
        return (await self.cameras.create(SYSTEM, new)).id

    async def state(self, camera: str) -> StreamState | None:
        """Return what the media process says of a camera's main stream."""
        for view in await self.watch.streams():
            if (view.camera, view.stream) == (camera, StreamName.MAIN):
                return view.state
        return None

    async def until(self, what: Callable[[], Awaitable[object]], limit_s: float) -> None:
        """Wait until something holds."""
        async with asyncio.timeout(limit_s):
            while not await what():
                await asyncio.sleep(0.01)

    async def until_called(self, camera: str) -> None:
        """Wait until the media process calls a camera."""

        async def called() -> bool:
            running = await self.client.streams()
            return any(status.camera == camera for status in running)

        await self.until(called, CHANGE_LIMIT_S)

    async def until_state(self, camera: str, state: StreamState | None, limit_s: float) -> None:
        async def holds() -> bool:
            return await self.state(camera) is state

        await self.until(holds, limit_s)


@pytest.fixture
def media(tmp_path: Path) -> Iterator[Media]:
    data = tmp_path / "data"
    data.mkdir()
    made = Media(data)
    made.start()
    yield made
    made.kill()


@contextlib.asynccontextmanager
async def working(media: Media, database: Database) -> AsyncIterator[Worker]:
    """Run what an API worker runs, wired as it is."""
    clock, anywhere = SystemClock(), AnyCity()
    cameras = Cameras(database, Vault([b"k" * 32]), clock, anywhere, anywhere)
    history = CameraHistory(database, clock)

    async def state() -> DesiredState:
        return desired_state(await cameras.wishes(), 0)

    async with EngineClient(media.data / "run" / "media.sock") as client:
        director = Director(client, state)
        recorder = StatusRecorder(history, lambda camera: LOCAL_CITY if camera else None)
        watch = IngestWatch(
            client, DesiredState(0, ()), clock, steering=director, listener=recorder.note
        )
        roster = Roster(cameras.roster, watch)
        loop = asyncio.get_running_loop()

        def changed() -> None:
            loop.call_soon_threadsafe(director.wake)
            loop.call_soon_threadsafe(roster.wake)

        database.on_commit(MARK, changed)
        tasks = [asyncio.create_task(one.run()) for one in (watch, director, roster, recorder)]
        worker = Worker(cameras, history, watch, roster, client)
        try:
            await worker.until(_yes(lambda: watch.connected), LIVE_LIMIT_S)
            yield worker
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _yes(condition: Callable[[], object]) -> Callable[[], Awaitable[object]]:
    async def holds() -> object:
        return condition()

    return holds


@pytest.mark.parametrize("database_address", ["sqlite"], indirect=True)
async def test_what_is_changed_runs_within_a_second(
    media: Media, database: Database, cameras: Farm
) -> None:
    async with working(media, database) as worker:
        url = f"rtsp://{cameras.address}/cam"
        gate = await worker.create(f"{url}1", sub_url=f"{url}1/sub")
        await worker.until_called(gate)
        await worker.until_state(gate, StreamState.LIVE, LIVE_LIMIT_S)

        yard = await worker.create(f"{url}2")
        await worker.until_called(yard)
        await worker.until_state(yard, StreamState.LIVE, LIVE_LIMIT_S)
        since = {view.camera: view.since_utc_us for view in await worker.watch.streams()}

        await worker.cameras.update(SYSTEM, yard, None, Change(enabled=False))
        await worker.until_state(yard, StreamState.OFF, CHANGE_LIMIT_S)
        assert await worker.state(gate) is StreamState.LIVE
        await worker.cameras.update(SYSTEM, yard, None, Change(enabled=True))
        await worker.until_state(yard, StreamState.LIVE, LIVE_LIMIT_S)
        await worker.cameras.delete(SYSTEM, yard, None)
        await worker.until_state(yard, None, CHANGE_LIMIT_S)
        # Whoever was not changed was not touched.
        now = {view.camera: view.since_utc_us for view in await worker.watch.streams()}
        assert now[gate] == since[gate]


@pytest.mark.parametrize("database_address", ["sqlite"], indirect=True)
async def test_a_media_process_that_forgot_everything_is_told_again(
    media: Media, database: Database, cameras: Farm
) -> None:
    async with working(media, database) as worker:
        gate = await worker.create(f"rtsp://{cameras.address}/cam1")
        await worker.until_state(gate, StreamState.LIVE, LIVE_LIMIT_S)
        media.kill()
        shutil.rmtree(media.data / "media")
        await worker.until_state(gate, StreamState.CONNECTING, CHANGE_LIMIT_S)
        media.start()
        await worker.until_state(gate, StreamState.LIVE, LIVE_LIMIT_S)
    report = await worker.history.history(SYSTEM, gate, StreamName.MAIN, Page())
    assert [one.state for one in report.items][::-1] == [
        CameraState.ONLINE,
        CameraState.UNKNOWN,
        CameraState.ONLINE,
        CameraState.UNKNOWN,
    ]
    assert (await worker.cameras.get(SYSTEM, gate)).status.state is CameraState.UNKNOWN
