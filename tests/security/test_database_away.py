"""The database goes and comes back: whoever asks is told when to ask again, and nothing is lost."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from databases import Server, running_server, with_tables
from sites import Site, site_over
from vms.bus import MemoryBus
from vms.common import SystemClock
from vms.database import PLATFORM
from vms.outbox import Relay
from vms.outbox.store import read_after
from vms.proto.events import decode_event

API = "/api/v1"
GATE = {"name": "Gate", "maker": "axis", "host": "192.0.2.1"}
BACK_S = 20.0


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that the test may stop."""
    with running_server() as made:
        yield made


async def test_requests_wait_for_a_database_that_is_away_and_no_event_is_lost(
    server: Server, tmp_path: Path
) -> None:
    url = server.new_database()
    await asyncio.to_thread(with_tables, url)
    async with site_over(url, tmp_path / "data") as site:
        ana = await site.enter("ana", "gestor", "city:sp")
        made = await site.client.post(f"{API}/cameras", json=GATE, headers=ana)
        assert made.status_code == 201
        await asyncio.to_thread(server.stop)
        site.hall.clock.advance(2)
        for answer in (
            await site.client.get(f"{API}/cameras", headers=ana),
            await site.client.post(f"{API}/cameras", json={**GATE, "name": "B"}, headers=ana),
            await site.client.post(f"{API}/auth/sign-in", json={"login": "a", "password": "b"}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
            assert int(answer.headers["retry-after"]) > 0
        # Video needs no database: the media process is followed as before.
        assert (await site.client.get("/health/ready")).status_code == 200
        await asyncio.to_thread(server.start)
        listed = await _once_back(site, ana)
        assert [one["name"] for one in listed.json()["items"]] == ["Gate"]
        assert await _events(site) == [made.json()["id"]]


async def _once_back(site: Site, who: dict[str, str]) -> httpx.Response:
    async with asyncio.timeout(BACK_S):
        while True:
            site.hall.clock.advance(1)
            answer = await site.client.get(f"{API}/cameras", headers=who)
            if answer.status_code == 200:
                return answer
            assert answer.status_code == 503
            await asyncio.sleep(0.05)


async def _events(site: Site) -> list[str]:
    """Relay what waits in the outbox; return the cameras that were made."""
    relay = Relay(site.house.database, MemoryBus(), SystemClock())
    while await relay.relay_once():
        pass
    posted = await site.house.database.run(lambda unit: read_after(unit, 0), PLATFORM, read=True)
    events = [decode_event(one.body) for one in posted]
    return [event.camera for event in events if type(event).__name__ == "CameraCreated"]
