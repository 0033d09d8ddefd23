"""Listening over the wire: WebSocket and Server-Sent Events on a real server."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, unix_connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

import things
from doubles import FakeMedia
from vms.api import Wiring, create_app
from vms.api.events import OutboxSource
from vms.bus import MemoryBus
from vms.common import SystemClock
from vms.database import PLATFORM, Database
from vms.outbox import Relay, emit
from vms.proto.events import CameraOnline, SessionRevoked
from vms.services.api import Server, listen
from vms.services.listen import listen_unix

ADDRESS = "ws://vms.test/ws/events"


class Outlet:
    """A database with a relay that works when told."""

    def __init__(self, database: Database) -> None:
        self.bus = MemoryBus()
        self.database = database
        self._relay = Relay(database, self.bus, SystemClock())

    async def post(self, event: CameraOnline | SessionRevoked) -> None:
        await self.database.run(lambda unit: emit(unit, event), PLATFORM)
        await self._relay.relay_once()


@pytest.fixture
def outlet(database: Database) -> Outlet:
    return Outlet(database)


@pytest.fixture
async def path(
    wiring: Wiring, outlet: Outlet, tmp_path: Path, media: FakeMedia
) -> AsyncIterator[str]:
    """Serve on a Unix socket; return its path."""
    assert media.report
    source = OutboxSource(outlet.database, outlet.bus)
    app = create_app(
        Wiring(
            watch=wiring.watch,
            clock=SystemClock(),
            gate=wiring.gate,
            contexts=wiring.contexts,
            cursor_key=wiring.cursor_key,
            web_folder=wiring.web_folder,
            events=source,
        )
    )
    async with serving(app, tmp_path / "api.sock"):
        await app.state.api.hub.ready()
        yield str(tmp_path / "api.sock")


@contextlib.asynccontextmanager
async def serving(app: FastAPI, path: Path) -> AsyncIterator[Server]:
    ready = asyncio.Event()
    server = Server(listen(app), on_ready=ready.set)
    running = asyncio.create_task(server.serve(sockets=[listen_unix(path)]))
    await asyncio.wait_for(ready.wait(), 5)
    try:
        yield server
    finally:
        server.should_exit = True
        await running


def online(camera: str, city: str = "sp") -> CameraOnline:
    return CameraOnline(city=city, at_us=1, camera=camera)


async def hear(socket: ClientConnection, kind: str) -> dict[str, Any]:
    """Return the next message of a kind."""
    async with asyncio.timeout(5):
        while True:
            message: dict[str, Any] = json.loads(await socket.recv())
            if message["type"] == kind:
                return message


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {name}"}


async def test_an_open_server_tells_the_wall_and_forgets_who_left(
    app: FastAPI, tmp_path: Path
) -> None:
    address = "ws://localhost/ws/events"
    async with serving(app, tmp_path / "api.sock") as server:
        path = str(tmp_path / "api.sock")
        async with unix_connect(path, address) as socket:
            first = json.loads(await socket.recv())
            assert (first["type"], len(first["streams"])) == ("snapshot", 3)
            assert json.loads(await socket.recv())["type"] in {"stats", "stream"}
        async with asyncio.timeout(5):
            while len(app.state.api.listeners):
                await asyncio.sleep(0.01)
        async with unix_connect(path, address) as socket:
            await socket.recv()
            server.should_exit = True
            with contextlib.suppress(ConnectionClosed):
                async for _ in socket:
                    pass
            assert socket.close_code == 1012


async def test_a_socket_tells_the_wall_and_the_events_of_a_caller(
    path: str, outlet: Outlet
) -> None:
    async with unix_connect(path, ADDRESS, additional_headers=bearer("ana")) as socket:
        assert await hear(socket, "position") == {"type": "position", "position": 0}
        await outlet.post(online("dock", "rj"))
        await outlet.post(online("gate"))
        heard = await hear(socket, "event")
        assert (heard["position"], heard["event"]["camera"]) == (2, "gate")
    again = f"{ADDRESS}?cursor=1&kind=camera.online"
    async with unix_connect(path, again, additional_headers=bearer("ana")) as socket:
        assert json.loads(await socket.recv()) == {"type": "position", "position": 1}
        assert json.loads(await socket.recv())["event"]["camera"] == "gate"


@pytest.mark.parametrize(
    ("headers", "query", "status", "code"),
    [
        ({}, "", 401, "not_signed_in"),
        (bearer("nobody"), "", 401, "token_expired"),
        ({"Cookie": "vms_access=ana"}, "", 403, "csrf_failed"),
        ({"Cookie": "vms_access=ana", "Origin": "http://evil.test"}, "", 403, "origin_foreign"),
        (bearer("ana"), "?cursor=x", 400, "request_invalid"),
        (bearer("ana"), "?cursor=-1", 400, "request_invalid"),
        (bearer("ana"), "?camra=gate", 400, "request_invalid"),
    ],
)
async def test_a_socket_is_refused_as_a_request_is(
    path: str, headers: dict[str, str], query: str, status: int, code: str
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await unix_connect(path, ADDRESS + query, additional_headers=headers)
    assert refused.value.response.status_code == status
    assert json.loads(refused.value.response.body or b"")["code"] == code


async def test_a_page_of_ours_listens_by_its_cookie(path: str) -> None:
    headers = {"Cookie": "vms_access=ana", "Origin": "http://vms.test"}
    async with unix_connect(path, ADDRESS, additional_headers=headers) as socket:
        assert (await hear(socket, "snapshot"))["streams"] == []


async def test_a_listener_who_is_signed_out_is_cut_within_two_seconds(
    path: str, outlet: Outlet, gate: things.FakeGate
) -> None:
    async with (
        unix_connect(path, ADDRESS, additional_headers=bearer("ana")) as ana,
        unix_connect(path, ADDRESS, additional_headers=bearer("bruno")) as bruno,
    ):
        await hear(ana, "position")
        del gate.people["ana"]
        await outlet.post(SessionRevoked(city="sp", at_us=1, user="ana", session="ana"))
        async with asyncio.timeout(2):
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await ana.recv()
        assert (ana.close_code, ana.close_reason) == (1008, "session_ended")
        await outlet.post(online("gate"))
        assert (await hear(bruno, "event"))["event"]["camera"] == "gate"


async def test_a_listener_who_says_too_much_is_cut(path: str) -> None:
    async with unix_connect(path, ADDRESS, additional_headers=bearer("ana")) as socket:
        await socket.send("x" * 100_000)
        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await socket.recv()
        assert socket.close_code == 1009


async def lines_of(answer: httpx.Response) -> AsyncIterator[str]:
    async for line in answer.aiter_lines():
        if line:
            yield line


async def test_server_sent_events_resume_by_the_last_id(
    path: str, outlet: Outlet, gate: things.FakeGate
) -> None:
    for camera in ("gate", "yard"):
        await outlet.post(online(camera))
    transport = httpx.AsyncHTTPTransport(uds=path)
    stream = "/api/v1/events/stream"
    async with httpx.AsyncClient(transport=transport, base_url="http://vms.test") as client:
        headers = {**bearer("ana"), "Last-Event-ID": "1"}
        async with client.stream("GET", stream, headers=headers) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            lines = lines_of(answer)
            assert [await anext(lines) for _ in range(3)] == [
                "id: 1",
                "event: position",
                "data: 1",
            ]
            assert [await anext(lines) for _ in range(2)] == ["id: 2", "event: camera.online"]
            assert json.loads((await anext(lines)).removeprefix("data: "))["camera"] == "yard"
            del gate.people["ana"]
            await outlet.post(SessionRevoked(city="sp", at_us=1, user="ana", session="ana"))
            async with asyncio.timeout(2):
                assert [line async for line in lines] == []


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "not_signed_in"),
        ({**bearer("ana"), "Last-Event-ID": "x"}, 400, "cursor_invalid"),
        ({**bearer("ana"), "Last-Event-ID": "9" * 16}, 400, "cursor_invalid"),
        (bearer("viewer"), 403, "permission_missing"),
    ],
)
async def test_a_stream_is_refused_as_a_request_is(
    path: str, gate: things.FakeGate, headers: dict[str, str], status: int, code: str
) -> None:
    functions = things.WATCHER - {things.Function.EVENT_READ}
    gate.people["viewer"] = things.person("viewer", functions=functions)
    transport = httpx.AsyncHTTPTransport(uds=path)
    async with httpx.AsyncClient(transport=transport, base_url="http://vms.test") as client:
        answer = await client.get("/api/v1/events/stream", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
