"""The application with a media process in memory behind it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

import things
from doubles import FakeMedia, desired, status, wish
from vms.api import FirstAnswers, Wiring, create_app, open_wiring
from vms.common import ManualClock, StreamName, SystemClock
from vms.ingest import IngestWatch

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
def app(media: FakeMedia, web: Path) -> FastAPI:
    clock = SystemClock()
    return create_app(open_wiring(IngestWatch(media, STATE, clock), clock, web))


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
    first_answers: FirstAnswers | None,
) -> Wiring:
    """How a server is made where people sign in."""
    return Wiring(
        watch=IngestWatch(media, STATE, clock),
        clock=clock,
        gate=gate,
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
