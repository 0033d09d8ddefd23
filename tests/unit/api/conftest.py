"""The application with a media process in memory behind it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from doubles import FakeMedia, desired, status, wish
from vms.api import create_app, open_wiring
from vms.common import StreamName, SystemClock
from vms.ingest import IngestWatch


@pytest.fixture
def media() -> FakeMedia:
    made = FakeMedia()
    made.report = (status("gate"), status("gate", StreamName.SUB), status("yard"))
    return made


@pytest.fixture
def web(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>Wall</title>")
    (tmp_path / "assets" / "app-1a2b.js").write_text("export {}")
    (tmp_path / "favicon.svg").write_text("<svg/>")
    return tmp_path


@pytest.fixture
def app(media: FakeMedia, web: Path) -> FastAPI:
    state = desired(wish("gate", StreamName.MAIN, StreamName.SUB), wish("yard"))
    clock = SystemClock()
    return create_app(open_wiring(IngestWatch(media, state, clock), clock, web))


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
