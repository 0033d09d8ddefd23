"""A whole installation behind the API: every context over one database, no media process."""

import asyncio
import contextlib
import dataclasses
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from doubles import FakeMedia
from people import PASSWORD, SYSTEM, TownHall
from recorder import BEGIN_US, HOUR_US, FakeRecorder, part
from vms.admin import People, Principal
from vms.api import create_app, running
from vms.bus import MemoryBus
from vms.cities import UNLIMITED_PLAN, CityDraft
from vms.common import ManualClock
from vms.engine import DesiredState
from vms.engine.recording import Inventory
from vms.ingest import Bystander, IngestWatch
from vms.outbox import Relay
from vms.proto import DatabaseSettings, Launch
from vms.recording import PictureFormat, PictureView, StillDraft
from vms.services.api import Server, listen
from vms.services.house import House
from vms.services.worker import wiring_of

BASE = "http://vms.test"
API = "/api/v1"
Json = dict[str, Any]


@dataclass
class Installation:
    """The services, the application, and short ways to people of it."""

    house: House
    hall: TownHall
    app: FastAPI
    clock: ManualClock
    bus: MemoryBus
    recorder: FakeRecorder

    @property
    def client(self) -> httpx.AsyncClient:
        """A client that comes through the front."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=None)  # type: ignore[arg-type]
        headers = {"x-vms-client": "192.0.2.7", "user-agent": "a browser"}
        return httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Serve on a free port of this machine, with events; yields the address."""
        listener = socket.create_server(("127.0.0.1", 0))
        server = Server(listen(self.app), on_ready=lambda: None)
        relay = Relay(self.house.database, self.bus, self.clock)

        async def serve() -> None:
            await server.serve(sockets=[listener])

        async with running(relay.run):
            serving = asyncio.create_task(serve())
            try:
                yield f"http://127.0.0.1:{listener.getsockname()[1]}"
            finally:
                server.should_exit = True
                await serving
                listener.close()

    async def enter(self, login: str, role: str, scope: str) -> dict[str, str]:
        """Make a user who has signed in; return his header."""
        await self.hall.user(login, role, scope)
        await self.hall.who(login)
        return await self.again(login)

    async def again(self, login: str) -> dict[str, str]:
        """Sign somebody in once more."""
        return {"Authorization": f"Bearer {(await self.hall.sign_in(login)).access}"}


class GenerousGate:
    """The people's services, but for the limits: a test asks often."""

    def __init__(self, people: People) -> None:
        self._people = people

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the services have
        return getattr(self._people, name)

    def per_minute(self, who: Principal) -> int:
        """Let everybody ask a lot."""
        return 1_000_000 if who.id else 0


@contextlib.asynccontextmanager
async def installation(data: Path, url: str) -> AsyncIterator[Installation]:
    """Put an installation together over a database with every table."""
    clock = ManualClock()
    launch = Launch(data=str(data), database=DatabaseSettings(url=url, threads=2))
    recorder = FakeRecorder()
    house = House.open(launch, clock, recorder)
    hall = TownHall(house.database, clock)
    hall.people.close()
    hall.people = house.people
    try:
        await house.furnish(launch)
        watch = IngestWatch(FakeMedia(), DesiredState(0, ()), clock, steering=Bystander())
        bus = MemoryBus()
        wiring = wiring_of(house, bus, watch, b"k" * 32)
        app = create_app(dataclasses.replace(wiring, gate=GenerousGate(house.people)))
        yield Installation(house, hall, app, clock, bus, recorder)
    finally:
        house.close()


@dataclass
class Town:
    """One city, its manager, and the ids of what it has."""

    city: str
    manager: dict[str, str]
    # By the name in the path; a name that means several things has several.
    ids: dict[str, list[str]] = field(default_factory=dict)

    def keep(self, name: str, value: str) -> None:
        self.ids.setdefault(name, []).append(value)

    @property
    def all(self) -> set[str]:
        return {one for name, found in self.ids.items() for one in found if name != "city"}


async def furnish(place: Installation, client: httpx.AsyncClient, city: str, name: str) -> Town:
    """Make one of each thing that a city can have, by the API itself."""
    draft = CityDraft(name=name, plan=UNLIMITED_PLAN)
    await place.house.cities.create(SYSTEM, city, draft)
    town = Town(city, await place.enter(f"boss-{name}", "gestor", f"city:{city}"))
    town.keep("city", city)

    async def make(path: str, body: Json) -> Json:
        answer = await client.post(f"{API}/{path}", json=body, headers=town.manager)
        assert answer.status_code == 201, (path, answer.text)
        found: Json = answer.json()
        return found

    user = await make("users", {"login": f"user-{name}", "name": name, "password": PASSWORD})
    town.keep("user", user["id"])
    members = {"name": name, "members": [user["id"]]}
    town.keep("group", (await make("user-groups", members))["id"])
    role = await make("roles", {"name": name, "functions": ["live.view"]})
    town.keep("role", role["id"])
    where = f"city:{city}"
    grant = await make(f"users/{user['id']}/grants", {"role": "operador", "scope": where})
    town.keep("grant", grant["id"])
    link = await make("invitations", {"role": "operador", "scope": where, "note": name})
    town.keep("invitation", link["invitation"]["id"])
    keyed = {"name": name, "role": "visualizador", "scope": where}
    town.keep("key", (await make("api-keys", keyed))["key"]["id"])
    town.keep("key", (await make("stream-keys", {"name": name, "scope": where}))["key"]["id"])
    site = await make(f"cities/{city}/sites", {"name": name, "address": name})
    town.keep("site", site["id"])
    group = await make(f"cities/{city}/groups", {"name": name})
    town.keep("group", group["id"])
    camera = await make(
        "cameras",
        {
            "name": name,
            "maker": "intelbras",
            "host": "192.0.2.10",
            "user": name,
            "password": PASSWORD,
            "site": site["id"],
            "groups": [group["id"]],
            "tags": [name],
        },
    )
    town.keep("camera", camera["id"])
    await record(place, client, town, name, camera["id"])
    sessions = await client.get(f"{API}/auth/sessions", headers=town.manager)
    town.keep("session", sessions.json()["items"][0]["id"])
    town.keep("stream", "main")
    return town


async def record(
    place: Installation, client: httpx.AsyncClient, town: Town, name: str, camera: str
) -> None:
    """Let a camera have been recorded for an hour, with all that one can make of it."""
    hour = part(camera, city=town.city)
    place.recorder.parts.append(hour)
    catalogue = place.house.recordings.catalogue
    time = (BEGIN_US, BEGIN_US + HOUR_US)
    await catalogue.put(town.city, camera, time, Inventory((hour,)), announce=False)
    when = {"camera": camera, "from_us": time[0], "to_us": time[1]}

    async def make(path: str, body: Json) -> Json:
        answer = await client.post(f"{API}/{path}", json=body, headers=town.manager)
        assert answer.status_code == 201, (path, answer.text)
        found: Json = answer.json()
        return found

    case = await make("cases", {"title": name, "number": name})
    town.keep("case", case["id"])
    await make(f"cases/{case['id']}/notes", {"text": name})
    still = StillDraft(camera=camera, at_us=BEGIN_US, text=name)
    taken = PictureView(BEGIN_US, 640, 360, PictureFormat.JPEG, name.encode())
    town.keep(
        "still", (await place.house.recordings.stills.keep(SYSTEM, case["id"], still, taken)).id
    )
    hold = await make("holds", {**when, "why": name, "case": case["id"]})
    town.keep("hold", hold["id"])
    mark = {"camera": camera, "at_us": BEGIN_US + 1, "text": name}
    town.keep("bookmark", (await make("bookmarks", mark))["id"])
    clip = await make("clips", {**when, "reason": "evidence", "name": name, "case": case["id"]})
    town.keep("export", clip["id"])
    while await place.house.recordings.exporter.make_next():
        pass
    link = await make(f"exports/{clip['id']}/link", {})
    town.keep("token", link["path"].rpartition("/")[2])
