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


async def test_a_browser_is_told_of_stun_and_turn_where_it_opens_by_webrtc(
    town: httpx.AsyncClient, hall: TownHall
) -> None:
    who = await as_viewer(hall)
    wanted = {"streams": [{"camera": "gate", "stream": "sub"}]}
    answer = await town.post(PATH, json=wanted, headers=who)
    stun, turn = answer.json()["ice_servers"]
    assert stun == {"urls": ["stun:192.0.2.1"], "username": None, "credential": None}
    assert turn["urls"] == ["turn:192.0.2.1:3478"]
    until, _, viewer = turn["username"].partition(":")
    assert int(until) == hall.clock.utc_us() // 1_000_000 + 43_200
    assert viewer
    # RFC 9725, section 4.6.
    proof = f'username="{turn["username"]}"; credential="{turn["credential"]}"'
    assert answer.headers.get_list("link") == [
        '<stun:192.0.2.1>; rel="ice-server"',
        f'<turn:192.0.2.1:3478>; rel="ice-server"; {proof}; credential-type="password"',
    ]
    one = await town.post("/api/v1/streams/gate/sub/address", json={}, headers=who)
    assert one.json()["ice_servers"][1]["urls"] == turn["urls"]
    for body in ({"kind": "socket"}, {"renew": True}):
        other = await town.post(PATH, json=wanted | body, headers=who)
        assert (other.json()["ice_servers"], other.headers.get("link")) == ([], None)


async def test_who_may_talk_is_told_where_to_offer(town: httpx.AsyncClient, hall: TownHall) -> None:
    path = "/api/v1/cameras/gate/talk/address"
    assert (await town.post(path)).status_code == 401
    await hall.user("ana", "operador", "city:sp")
    await hall.user("bia", "visualizador", "city:sp")
    who = {}
    for login in ("ana", "bia"):
        await hall.who(login)
        who[login] = {"Authorization": f"Bearer {(await hall.sign_in(login)).access}"}
    answer = await town.post(path, headers=who["ana"])
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["path"], body["address"][:3]) == ("/talk/gate", "v1.")
    assert body["ice_servers"], "as for who watches"
    refused = await town.post(path, headers=who["bia"])
    assert (refused.status_code, refused.json()["values"]["function"]) == (403, "audio.talk")
    there = await town.post("/api/v1/cameras/pier/talk/address", headers=who["ana"])
    assert (there.status_code, there.json()["code"]) == (404, "camera_unknown")
