"""``/ws/events``: the whole first, then changes, then statistics."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from websockets.asyncio.client import unix_connect
from websockets.exceptions import ConnectionClosed

from doubles import FakeMedia, desired, event, status, wish
from vms.api.feed import EventFeed
from vms.common import ManualClock, StreamName, SystemClock
from vms.engine import Reason, StreamState
from vms.ingest import IngestWatch
from vms.services.api import Server
from vms.services.listen import listen_unix

STATE = desired(wish("gate", StreamName.MAIN, StreamName.SUB), wish("yard"))


async def watched(media: FakeMedia) -> tuple[IngestWatch, asyncio.Task[None]]:
    watch = IngestWatch(media, STATE, ManualClock())
    task = asyncio.create_task(watch.run())
    async with asyncio.timeout(5):
        while not watch.connected:
            await asyncio.sleep(0)
    return watch, task


async def hear(messages: AsyncIterator[str]) -> dict[str, Any]:
    async with asyncio.timeout(5):
        heard: dict[str, Any] = json.loads(await anext(messages))
    return heard


async def test_a_listener_hears_the_whole_then_changes(media: FakeMedia) -> None:
    watch, task = await watched(media)
    messages = EventFeed(watch, SystemClock(), stats_s=60).messages()
    first = await hear(messages)
    assert (first["type"], len(first["streams"]), first["cursor"]) == ("snapshot", 3, 0)
    media.journal.extend([event(0, "gate", StreamState.BACKING_OFF, Reason("timeout"))])
    change = await hear(messages)
    assert change["type"] == "stream"
    assert change["stream"]["camera"] == "gate"
    assert change["stream"]["reason"] == {"code": "timeout", "values": {}}
    task.cancel()


async def test_streams_that_come_or_go_make_another_snapshot(media: FakeMedia) -> None:
    watch, task = await watched(media)
    messages = EventFeed(watch, SystemClock(), stats_s=60).messages()
    await hear(messages)
    watch.board.replace([status("gate"), status("new")])
    media.journal.extend([event(0, "gate")])
    again = await hear(messages)
    assert again["type"] == "snapshot"
    assert [stream["camera"] for stream in again["streams"]] == ["gate", "new"]
    task.cancel()


async def test_statistics_come_by_the_clock_and_are_made_once_for_all(media: FakeMedia) -> None:
    watch, task = await watched(media)
    feed = EventFeed(watch, SystemClock(), stats_s=0.02)
    listeners = [feed.messages() for _ in range(3)]
    for messages in listeners:
        await hear(messages)
    heard = [await hear(messages) for messages in listeners]
    assert [message["type"] for message in heard] == ["stats"] * 3
    assert [len(message["streams"]) for message in heard] == [3] * 3
    task.cancel()


async def test_the_socket_speaks_the_protocol_and_forgets_who_left(
    app: FastAPI, tmp_path: Path
) -> None:
    ready = asyncio.Event()
    config = uvicorn.Config(app, ws="websockets-sansio", log_config=None, access_log=False)
    server = Server(config, on_ready=ready.set)
    listener = listen_unix(tmp_path / "api.sock")
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    await asyncio.wait_for(ready.wait(), 5)
    path, address = str(tmp_path / "api.sock"), "ws://localhost/ws/events"
    async with unix_connect(path, address) as socket:
        first = json.loads(await socket.recv())
        assert (first["type"], len(first["streams"])) == ("snapshot", 3)
        assert json.loads(await socket.recv())["type"] in {"stats", "stream"}
    async with unix_connect(path, address) as socket:
        await socket.recv()
        server.should_exit = True
        with contextlib.suppress(ConnectionClosed):
            async for _ in socket:
                pass
        assert socket.close_code == 1012
    await serving
