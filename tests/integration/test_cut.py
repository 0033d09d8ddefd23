"""Whatever takes a right away ends the streams that ran by it: measured on real ones."""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from callers import Client, cut_after, new_stream_key, offer, playing, probe, watching
from product import wait_for
from residents import CUT_LIMIT_S, LIVE_LIMIT_S, Town, settled, until_state

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

WATCH = ["live.view", "camera.read"]


@dataclass
class Street:
    """A town where each test makes its own cameras and people."""

    town: Town
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def admin(self) -> Client:
        return self.town.admin

    def camera(self, city: str = "local", groups: tuple[str, ...] = ()) -> str:
        """Make a camera that is live; return its id."""
        draft = {**self.town.camera(next(self.numbers) % 8 + 1), "city": city}
        made: str = self.admin.post("/cameras", {**draft, "groups": list(groups)})["id"]
        until_state(self.admin, f"{made}/main", {"live"}, LIVE_LIMIT_S)
        return made

    def name(self) -> str:
        """Return a name that nothing has."""
        return f"n{next(self.numbers)}"

    def role(self) -> str:
        """Make a role that watches; return its id."""
        made: str = self.admin.post(
            "/roles", {"name": self.name(), "functions": WATCH, "home": "local"}
        )["id"]
        return made

    def viewer(self, role: str, scope: str) -> Client:
        """Make somebody who watches."""
        return self.admin.new_person(self.name(), role, scope)

    def lessen(self, role: str) -> None:
        """Take the right to watch out of a role."""
        said = self.admin.get(f"/roles/{role}")
        draft = {"name": said["name"], "functions": ["camera.read"], "home": "local"}
        assert self.admin.ask("PUT", f"/roles/{role}", draft, said["version"]).is_success

    def move(self, camera: str) -> None:
        """Take a camera out of all groups."""
        self.admin.patch(f"/cameras/{camera}", {"groups": []})


@pytest.fixture(scope="module")
def street(scenes: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    with settled(scenes, tmp_path_factory.mktemp("street")) as town:
        yield Street(town)


def cut(street: Street, bearer: str, camera: str, withdraw: Callable[[], object]) -> None:
    """Watch while something is withdrawn; it must end in time."""
    took = asyncio.run(cut_after(street.town.api, f"{camera}/main", bearer, withdraw))
    assert took < CUT_LIMIT_S


def refused(street: Street, camera: str, who: Client) -> bool:
    """Tell whether somebody may open a camera no more."""
    return offer(street.town.api, f"{camera}/main", who.token, "v=0\r\n").status_code in {
        401,
        403,
        404,
    }


def test_a_role_that_loses_the_right(street: Street) -> None:
    role, camera = street.role(), street.camera()
    who = street.viewer(role, "city:local")
    other = street.viewer("visualizador", "city:local")

    async def watch() -> None:
        theirs = await asyncio.to_thread(other.address, f"{camera}/main")
        address = await asyncio.to_thread(who.address, f"{camera}/main")
        async with watching(street.town.api, f"{camera}/main", theirs) as colleague:
            took = await cut_after(
                street.town.api, f"{camera}/main", address, lambda: street.lessen(role)
            )
            assert took < CUT_LIMIT_S
            await colleague.more()

    asyncio.run(watch())
    assert refused(street, camera, who)


def test_a_role_that_an_api_keys_owner_has(street: Street) -> None:
    role, camera = street.role(), street.camera()
    who = street.viewer(role, "city:local")
    scope = f"camera:local/{camera}"
    key = who.post("/api-keys", {"name": "wall", "role": "visualizador", "scope": scope})
    cut(street, key["token"], camera, lambda: street.lessen(role))


def grouped(street: Street) -> tuple[Client, dict[str, Any], str]:
    """Make somebody who sees the city by a group of users alone; return it and its grant too."""
    who = street.viewer("visualizador", f"camera:local/{street.camera()}")
    draft = {"name": street.name(), "members": [who.user], "home": "local"}
    group = street.admin.post("/user-groups", draft)
    given = {"role": "visualizador", "scope": "city:local"}
    grant = street.admin.post(f"/user-groups/{group['id']}/grants", given)
    return who, group, grant["id"]


def test_a_grant_that_a_group_loses(street: Street) -> None:
    camera, (who, _group, grant) = street.camera(), grouped(street)

    def take() -> None:
        assert street.admin.ask("DELETE", f"/grants/{grant}").is_success

    cut(street, who.address(f"{camera}/main"), camera, take)
    assert refused(street, camera, who)


def test_a_member_that_leaves_a_group(street: Street) -> None:
    camera, (who, group, _grant) = street.camera(), grouped(street)

    def leave() -> None:
        draft = {"name": group["name"], "members": [], "home": "local"}
        said = street.admin.ask("PUT", f"/user-groups/{group['id']}", draft, group["version"])
        assert said.is_success

    cut(street, who.address(f"{camera}/main"), camera, leave)
    assert refused(street, camera, who)


def test_a_city_that_is_suspended(street: Street) -> None:
    admin = street.admin
    admin.post("/cities", {"id": "rj", "name": "Another", "plan": "unlimited"})
    camera = street.camera("rj")
    who = street.viewer("visualizador", "city:rj")

    def suspend() -> None:
        version = admin.get("/cities/rj")["version"]
        assert admin.ask("POST", "/cities/rj/suspend", {}, version).is_success

    cut(street, who.address(f"{camera}/main"), camera, suspend)
    assert refused(street, camera, who)


def groups_camera(street: Street) -> tuple[str, str]:
    """Make a camera in a group of its own; return both ids."""
    group: str = street.admin.post("/cities/local/groups", {"name": street.name()})["id"]
    return street.camera(groups=(group,)), group


def test_a_camera_that_leaves_the_group_one_sees(street: Street) -> None:
    camera, group = groups_camera(street)
    who = street.viewer("visualizador", f"group:local/{group}")
    cut(street, who.address(f"{camera}/main"), camera, lambda: street.move(camera))
    assert refused(street, camera, who)


def test_a_camera_that_is_switched_off_and_deleted(street: Street) -> None:
    camera, who = street.camera(), street.viewer("visualizador", "city:local")
    path, stream = f"/cameras/{camera}", f"{camera}/main"
    cut(street, who.address(stream), camera, lambda: street.admin.patch(path, {"enabled": False}))
    street.admin.patch(path, {"enabled": True})
    until_state(street.admin, stream, {"live"}, LIVE_LIMIT_S)
    cut(street, who.address(stream), camera, lambda: street.admin.delete(path))


@pytest.mark.parametrize("change", ["role", "group", "switch", "city"])
def test_a_player_of_rtsp(street: Street, change: str) -> None:
    role = street.role() if change == "role" else "visualizador"
    city = "sp" if change == "city" else "local"
    if change == "city":
        street.admin.post("/cities", {"id": city, "name": "Third", "plan": "unlimited"})
        camera, scope = street.camera(city), f"city:{city}"
    else:
        camera, group = groups_camera(street)
        scope = f"group:local/{group}" if change == "group" else "city:local"
    _key, login = new_stream_key(street.viewer(role, scope), f"camera:{city}/{camera}")
    wait_for(lambda: probe(street.town.rtsp, camera, login).played, LIVE_LIMIT_S)

    def suspend() -> None:
        version = street.admin.get(f"/cities/{city}")["version"]
        street.admin.ask("POST", f"/cities/{city}/suspend", {}, version)

    withdraw = {
        "role": lambda: street.lessen(role),
        "group": lambda: street.move(camera),
        "switch": lambda: street.admin.patch(f"/cameras/{camera}", {"enabled": False}),
        "city": suspend,
    }[change]
    with playing(street.town.rtsp, camera, login) as player:
        begun = time.monotonic()
        withdraw()
        player.communicate(timeout=LIVE_LIMIT_S)
        assert time.monotonic() - begun < CUT_LIMIT_S
