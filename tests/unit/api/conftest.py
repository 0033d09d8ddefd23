"""The application with a media process in memory behind it."""

import asyncio
import dataclasses
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

import things
from doubles import FakeMedia, desired, status, wish
from people import TownHall
from viewing import FakeCameras, LiveCameras, signing
from vms.api import EVERYONE, Contexts, FirstAnswers, Wiring, create_app
from vms.audit import AuditExport, AuditTrail, HeadFile
from vms.cameras import camera_groups
from vms.cities import CameraGroups, Cities, CityPlaces, Plans, Quota, Quotas, Sites, Surroundings
from vms.common import ManualClock, StreamName, SystemClock
from vms.database import Database
from vms.ingest import IngestWatch
from vms.nodes import Nodes
from vms.recording import AwayEngine, Recordings
from vms.streaming import Snapshots
from vms.trust import Entrance

ENTRANCE = Entrance("https://vms.test", "", "vms.test:50052")
STATE = desired(wish("gate", StreamName.MAIN, StreamName.SUB), wish("yard"))


@pytest.fixture
def media() -> FakeMedia:
    made = FakeMedia()
    made.report = (status("gate"), status("gate", StreamName.SUB), status("yard"))
    return made


@pytest.fixture
def web(tmp_path: Path) -> Path:
    folder = tmp_path / "web"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>Wall</title>")
    (folder / "assets" / "app-1a2b.js").write_text("export {}")
    (folder / "favicon.svg").write_text("<svg/>")
    return folder


@pytest.fixture
def hall(
    tmp_path: Path, sqlite_template: Path, open_database: Callable[[str], Database]
) -> Iterator[TownHall]:
    """Return the people of two cities; on SQLite, as each route has its store's tests already."""
    shutil.copyfile(sqlite_template, tmp_path / "vms.db")
    made = TownHall(open_database(f"sqlite:///{tmp_path / 'vms.db'}"))
    yield made
    made.people.close()


@pytest.fixture
async def contexts(hall: TownHall, tmp_path: Path) -> Contexts:
    """Return the services over the database of the hall."""
    database, clock, around = hall.database, hall.clock, Surroundings()
    live = LiveCameras()
    return Contexts(
        data=tmp_path,
        people=hall.people,
        cities=Cities(database, clock, around),
        plans=Plans(database, clock),
        sites=Sites(database, clock, around),
        groups=CameraGroups(database, clock, around),
        audit=AuditTrail(database, hall.vault, HeadFile(tmp_path), clock),
        audit_export=AuditExport(database, hall.vault, clock),
        addresses=await signing(database, hall.vault, clock),
        snapshots=Snapshots(database, FakeCameras(), live, live, clock),
        cameras=hall.cameras,
        nodes=Nodes(database, hall.vault, clock, lambda: ENTRANCE),
        recordings=Recordings.open(
            database,
            hall.vault,
            clock,
            cities=CityPlaces(camera_groups),
            clips=Quotas(around).of(Quota.CLIPS),
            engine=AwayEngine(),
            data=tmp_path,
        ),
    )


@pytest.fixture
def app(media: FakeMedia, web: Path, contexts: Contexts) -> FastAPI:
    clock = SystemClock()
    return create_app(
        Wiring(
            watch=IngestWatch(media, STATE, clock),
            clock=clock,
            contexts=contexts,
            everyone=EVERYONE,
            cursor_key=b"k" * 32,
            web_folder=web,
        )
    )


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client,
    ):
        await _connected(app)
        yield client


async def _connected(app: FastAPI) -> None:
    async with asyncio.timeout(5):
        while not app.state.api.watch.connected:
            await asyncio.sleep(0)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def gate() -> things.FakeGate:
    return things.FakeGate({name: things.person(name) for name in ("ana", "bruno")})


@pytest.fixture
def first_answers() -> FirstAnswers | None:
    """Keep no answers; a test of them says where."""
    return None


@pytest.fixture
def wiring(
    media: FakeMedia,
    web: Path,
    clock: ManualClock,
    gate: things.FakeGate,
    contexts: Contexts,
    first_answers: FirstAnswers | None,
) -> Wiring:
    """How a server is made where people sign in."""
    return Wiring(
        watch=IngestWatch(media, STATE, clock),
        clock=clock,
        gate=gate,
        contexts=contexts,
        cursor_key=b"k" * 32,
        first_answers=first_answers,
        web_folder=web,
    )


@pytest.fixture
async def closed(wiring: Wiring) -> AsyncIterator[httpx.AsyncClient]:
    """Ask a server where people sign in, through the front's socket; it has things too."""
    app = create_app(wiring)
    own = app.router.routes.pop()
    app.include_router(things.ops.router)
    app.router.routes.append(own)
    things.kept.clear()
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=None)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://vms.test") as client:
        client.headers["x-vms-client"] = "192.0.2.7"
        yield client


@pytest.fixture
async def town(wiring: Wiring, hall: TownHall) -> AsyncIterator[httpx.AsyncClient]:
    """Ask a server where the people of two cities sign in."""
    await hall.people.start()
    app = create_app(dataclasses.replace(wiring, gate=None, clock=hall.clock))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=None)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://vms.test") as client:
        client.headers["x-vms-client"] = "192.0.2.7"
        client.headers["user-agent"] = "a browser"
        yield client
