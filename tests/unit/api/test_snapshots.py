"""Stills of live pictures over the wire."""

import httpx
import pytest

from doubles import FakeMedia, status
from people import TownHall
from vms.common import StreamName
from vms.engine import Reason, StreamState

PATH = "/api/v1/cameras/gate/snapshot.jpg"


@pytest.fixture
def media() -> FakeMedia:
    """One of the cameras does not answer."""
    made = FakeMedia()
    wrong = status("yard", state=StreamState.BACKING_OFF, reason=Reason("wrong_password"))
    made.report = (status("gate"), status("gate", StreamName.SUB), wrong)
    return made


async def as_person(hall: TownHall, role: str) -> dict[str, str]:
    await hall.user("ana", role, "city:sp")
    await hall.who("ana")
    return {"Authorization": f"Bearer {(await hall.sign_in('ana')).access}"}


async def test_who_may_watch_gets_the_picture_of_now(
    town: httpx.AsyncClient, hall: TownHall
) -> None:
    who = await as_person(hall, "visualizador")
    answer = await town.get(PATH, headers=who, params={"stream": "sub", "width": "320"})
    assert (answer.status_code, answer.content) == (200, b"JPEG of 1"), answer.text
    told = {name: answer.headers[name] for name in ("content-type", "cache-control", "vms-at")}
    assert told == {"content-type": "image/jpeg", "cache-control": "no-store", "vms-at": "77"}


@pytest.mark.parametrize(
    ("query", "field"),
    [({"width": "5000"}, "width"), ({"stream": "third"}, "stream")],
)
async def test_what_is_no_picture_is_refused(
    town: httpx.AsyncClient, hall: TownHall, query: dict[str, str], field: str
) -> None:
    who = await as_person(hall, "visualizador")
    answer = await town.get(PATH, headers=who, params=query)
    assert (answer.status_code, answer.json()["values"]) == (400, {"field": field})


async def test_nobody_and_another_city_get_nothing(town: httpx.AsyncClient, hall: TownHall) -> None:
    assert (await town.get(PATH)).status_code == 401
    who = await as_person(hall, "visualizador")
    answer = await town.get("/api/v1/cameras/pier/snapshot.jpg", headers=who)
    assert (answer.status_code, answer.json()["code"]) == (404, "camera_unknown")


async def test_a_camera_that_is_not_live_is_refused_with_its_reason(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/api/v1/cameras/yard/snapshot.jpg")
    said = answer.json()
    assert (answer.status_code, said["code"]) == (503, "camera_not_live")
    assert said["values"]["reason"] == "wrong_password"
