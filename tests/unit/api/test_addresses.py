"""Signed addresses over the wire."""

import httpx

from people import TownHall

PATH = "/api/v1/streams/addresses"


async def as_viewer(hall: TownHall) -> dict[str, str]:
    await hall.user("ana", "visualizador", "city:sp")
    await hall.who("ana")
    return {"Authorization": f"Bearer {(await hall.sign_in('ana')).access}"}


async def test_a_wall_gets_the_addresses_of_all_its_tiles_at_once(
    town: httpx.AsyncClient, hall: TownHall
) -> None:
    who = await as_viewer(hall)
    wanted = {"streams": [{"camera": "gate", "stream": "sub"}, {"camera": "yard"}]}
    answer = await town.post(PATH, json=wanted, headers=who)
    assert answer.status_code == 200, answer.text
    items = answer.json()["items"]
    assert [(one["camera"], one["stream"]) for one in items] == [("gate", "sub"), ("yard", "main")]
    assert all(one["address"].startswith("v1.") for one in items)
    assert len({one["address"] for one in items}) == 2


async def test_one_stream_by_its_path(town: httpx.AsyncClient, hall: TownHall) -> None:
    who = await as_viewer(hall)
    answer = await town.post(
        "/api/v1/streams/gate/main/address", json={"kind": "webrtc"}, headers=who
    )
    assert (answer.status_code, answer.json()["camera"]) == (200, "gate")


async def test_what_one_may_not_watch_is_not_there(town: httpx.AsyncClient, hall: TownHall) -> None:
    who = await as_viewer(hall)
    for streams in ([{"camera": "pier"}], [{"camera": "gate"}, {"camera": "nowhere"}]):
        answer = await town.post(PATH, json={"streams": streams}, headers=who)
        assert (answer.status_code, answer.json()["code"]) == (404, "camera_unknown")


async def test_nobody_gets_an_address_without_signing_in(town: httpx.AsyncClient) -> None:
    answer = await town.post(PATH, json={"streams": [{"camera": "gate"}]})
    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")


async def test_what_is_no_stream_is_refused(town: httpx.AsyncClient, hall: TownHall) -> None:
    who = await as_viewer(hall)
    bodies = ({"streams": []}, {"streams": [{"camera": "../x"}]}, {"streams": "gate"}, {"x": 1})
    for body in bodies:
        answer = await town.post(PATH, json=body, headers=who)
        assert answer.status_code == 400, answer.text
