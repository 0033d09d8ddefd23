"""Cameras over the wire: each within his city, none beyond his rights, passwords never back."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from people import TownHall
from vms.cameras import CameraState, StreamChange, Transition, Why
from vms.common import StreamName

API = "/api/v1"
CAMERAS = f"{API}/cameras"
Headers = dict[str, str]
SignIn = Callable[..., Awaitable[Headers]]
GATE = {"name": "Gate", "maker": "intelbras", "host": "192.0.2.1", "user": "a", "password": "hush"}
CSV = {"Content-Type": "text/csv"}
FILE = """\
name;maker;host;channel;password;user
Gate;dahua;192.0.2.1;1;hush;a
Yard;dahua;192.0.2.1;2;;
"""


@pytest.fixture
def enter(town: httpx.AsyncClient, hall: TownHall) -> SignIn:
    """Make a user who has signed in; return his header."""

    async def enter(login: str, role: str, scope: str) -> Headers:
        assert town
        await hall.user(login, role, scope)
        await hall.who(login)
        return {"Authorization": f"Bearer {(await hall.sign_in(login)).access}"}

    return enter


async def make(town: httpx.AsyncClient, who: Headers, **fields: object) -> dict[str, Any]:
    answer = await town.post(CAMERAS, json={**GATE, **fields}, headers=who)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_manager_makes_reads_changes_and_deletes_cameras(
    town: httpx.AsyncClient, enter: SignIn
) -> None:
    ana = await enter("ana", "gestor", "city:sp")
    made = await town.post(CAMERAS, json=GATE, headers=ana)
    assert (made.status_code, made.headers["etag"]) == (201, '"1"')
    assert made.json()["streams"] == {
        "main": "rtsp://192.0.2.1:554/cam/realmonitor?channel=1&subtype=0",
        "sub": "rtsp://192.0.2.1:554/cam/realmonitor?channel=1&subtype=1",
    }
    assert "hush" not in made.text
    path = made.headers["location"]
    read = await town.get(path, headers=ana)
    assert (read.json(), read.headers["etag"]) == (made.json(), '"1"')
    assert read.json()["has_password"] is True
    unchanged = await town.get(path, headers={**ana, "If-None-Match": '"1"'})
    assert unchanged.status_code == 304
    changed = await town.patch(path, json={"name": "Yard"}, headers={**ana, "If-Match": '"1"'})
    assert (changed.json()["name"], changed.json()["host"]) == ("Yard", "192.0.2.1")
    stale = await town.patch(path, json={"name": "X"}, headers={**ana, "If-Match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "version_conflict")
    blind = await town.delete(path, headers=ana)
    assert blind.status_code == 428
    gone = await town.delete(path, headers={**ana, "If-Match": '"2"'})
    assert gone.status_code == 204
    missing = await town.get(path, headers=ana)
    assert (missing.status_code, missing.json()["code"]) == (404, "camera_unknown")


async def test_passphrases_of_push_targets_go_in_and_never_come_out(
    town: httpx.AsyncClient, enter: SignIn
) -> None:
    ana = await enter("ana", "gestor", "city:sp")
    target = "srt://192.0.2.30:9000?latency=200"
    made = await make(town, ana, push=[target], push_passphrases={target: "seven bicycles"})
    assert (made["push"], made["has_push_passphrases"]) == ([target], True)
    assert "bicycles" not in str(made)
    path, both = f"{CAMERAS}/{made['id']}", [target, "srt://192.0.2.31:9000"]
    kept = await town.patch(path, json={"push": both}, headers={**ana, "If-Match": '"1"'})
    assert (kept.json()["push"], kept.json()["has_push_passphrases"]) == (both, True)
    emptied = {"push_passphrases": {target: ""}}
    gone = await town.patch(path, json=emptied, headers={**ana, "If-Match": '"2"'})
    assert gone.json()["has_push_passphrases"] is False
    nobodys = {"push_passphrases": {"srt://192.0.2.99:1": "seven bicycles"}}
    refused = await town.patch(path, json=nobodys, headers={**ana, "If-Match": '"3"'})
    assert (refused.status_code, refused.json()["code"]) == (400, "camera_field_unused")
    assert refused.json()["values"]["field"] == "push_passphrases"


async def test_what_is_wrong_with_a_camera_is_told_by_field(
    town: httpx.AsyncClient, enter: SignIn
) -> None:
    ana = await enter("ana", "gestor", "city:sp")
    answer = await town.post(CAMERAS, json={**GATE, "host": "a/b", "name": " "}, headers=ana)
    assert (answer.status_code, answer.json()["code"]) == (400, "camera_name_missing")
    assert answer.json()["values"] == {"field": "name", "count": 2}
    unknown = await town.post(CAMERAS, json={**GATE, "version": 7}, headers=ana)
    assert (unknown.status_code, unknown.json()["code"]) == (400, "request_invalid")


async def test_a_list_is_narrowed_and_paged(town: httpx.AsyncClient, enter: SignIn) -> None:
    ana = await enter("ana", "gestor", "city:sp")
    for name in ("Praça", "Ponte", "Beco"):
        await make(town, ana, name=name, groups=["g1"] if name == "Beco" else [])
    page = (await town.get(CAMERAS, params={"limit": 2}, headers=ana)).json()
    assert [item["name"] for item in page["items"]] == ["Beco", "Ponte"]
    rest = (await town.get(CAMERAS, params={"cursor": page["next"]}, headers=ana)).json()
    assert ([item["name"] for item in rest["items"]], rest["next"]) == (["Praça"], None)
    for query, names in (
        ({"name": "PRACA"}, ["Praça"]),
        ({"group": "g1"}, ["Beco"]),
        ({"enabled": "false"}, []),
        ({"state": "unknown", "city": "sp"}, ["Beco", "Ponte", "Praça"]),
    ):
        found = (await town.get(CAMERAS, params=query, headers=ana)).json()["items"]
        assert [item["name"] for item in found] == names, query
    sparse = (await town.get(CAMERAS, params={"fields": "id,name"}, headers=ana)).json()["items"]
    assert [set(item) for item in sparse] == [{"id", "name"}] * 3
    slip = await town.get(CAMERAS, params={"nam": "x"}, headers=ana)
    assert slip.status_code == 400


async def test_nothing_of_another_city_can_be_seen_or_touched(
    town: httpx.AsyncClient, enter: SignIn
) -> None:
    ana, rita = await enter("ana", "gestor", "city:sp"), await enter("rita", "gestor", "city:rj")
    theirs = await make(town, rita, name="Their camera")
    path = f"cameras/{theirs['id']}"
    for method, place, body in (
        ("GET", path, None),
        ("PATCH", path, {"name": "x"}),
        ("DELETE", path, None),
        ("GET", f"{path}/status", None),
        ("GET", f"{path}/history", None),
        ("GET", f"{path}/uptime", None),
        ("GET", "cameras?city=rj", None),
        ("GET", "cameras/export.csv?city=rj", None),
        ("GET", "cameras/export.json?city=rj&passwords=true", None),
        ("POST", "cameras", {**GATE, "city": "rj"}),
    ):
        answer = await town.request(
            method, f"{API}/{place}", json=body, headers={**ana, "If-Match": '"1"'}
        )
        assert answer.status_code == 404, (method, place, answer.text)
        assert "Their" not in answer.text
    sent = await town.post(f"{CAMERAS}/import.csv?city=rj", content=FILE, headers={**ana, **CSV})
    assert sent.status_code == 404
    assert (await town.get(CAMERAS, headers=ana)).json()["items"] == []


async def test_who_may_only_look_is_refused_the_rest(
    town: httpx.AsyncClient, enter: SignIn
) -> None:
    ana = await enter("ana", "gestor", "city:sp")
    vera = await enter("vera", "visualizador", "city:sp")
    made = await make(town, ana)
    path = f"{CAMERAS}/{made['id']}"
    assert (await town.get(path, headers=vera)).status_code == 200
    version = {**vera, "If-Match": '"1"'}
    for answer in (
        await town.post(CAMERAS, json=GATE, headers=vera),
        await town.patch(path, json={"name": "x"}, headers=version),
        await town.delete(path, headers=version),
        await town.post(f"{CAMERAS}/import.csv", content=FILE, headers={**vera, **CSV}),
        await town.get(f"{CAMERAS}/export.csv?passwords=true", headers=vera),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_missing")
    text = (await town.get(f"{CAMERAS}/export.csv", headers=vera)).text
    assert "Gate" in text
    assert "hush" not in text


async def test_nobody_is_told_anything_without_signing_in(town: httpx.AsyncClient) -> None:
    for path in ("cameras", "cameras/gate", "cameras/export.csv", "makers"):
        assert (await town.get(f"{API}/{path}")).status_code == 401


async def test_a_file_is_imported_tried_and_given_back(
    town: httpx.AsyncClient, enter: SignIn
) -> None:
    ana = await enter("ana", "gestor", "city:sp")
    dry = await town.post(
        f"{CAMERAS}/import.csv?dry_run=true", content=FILE, headers={**ana, **CSV}
    )
    assert (dry.json()["dry_run"], dry.json()["created"]) == (True, 2)
    first = await town.post(
        f"{CAMERAS}/import.csv", content=FILE + "Gate;dahua;192.0.2.9;x;;\n", headers={**ana, **CSV}
    )
    report = first.json()
    assert (report["created"], report["failed"]) == (2, 1)
    assert report["rows"][2]["line"] == 4
    assert report["rows"][2]["code"] == "import_cell"
    sheet = await town.get(f"{CAMERAS}/export.csv?passwords=true&semicolon=true", headers=ana)
    assert sheet.headers["content-type"] == "text/csv; charset=utf-8"
    assert sheet.headers["content-disposition"] == 'attachment; filename="cameras.csv"'
    assert ";hush;" in sheet.text
    whole = await town.get(f"{CAMERAS}/export.json", headers=ana)
    again = await town.post(
        f"{CAMERAS}/import.json",
        content=whole.content,
        headers={**ana, "Content-Type": "application/json"},
    )
    assert again.json()["unchanged"] == 2
    broken = await town.post(f"{CAMERAS}/import.csv", content='name\n"', headers={**ana, **CSV})
    assert (broken.status_code, broken.json()["code"]) == (400, "import_syntax")
    form = await town.post(f"{CAMERAS}/import.csv", data={"name": "x"}, headers=ana)
    assert form.status_code == 415


async def test_the_platform_names_the_city(town: httpx.AsyncClient, enter: SignIn) -> None:
    paul = await enter("paul", "admin", "platform")
    nowhere = await town.post(CAMERAS, json=GATE, headers=paul)
    assert (nowhere.status_code, nowhere.json()["code"]) == (400, "camera_city_missing")
    made = await make(town, paul, city="rj", id="front-gate")
    assert (made["id"], made["city"]) == ("front-gate", "rj")
    taken = await town.post(CAMERAS, json={**GATE, "city": "sp", "id": "front-gate"}, headers=paul)
    assert (taken.status_code, taken.json()["code"]) == (409, "camera_id_taken")


async def test_a_camera_tells_how_it_is_and_was_doing(
    town: httpx.AsyncClient, enter: SignIn, hall: TownHall
) -> None:
    paul = await enter("paul", "admin", "platform")
    await make(town, paul, city="sp", id="gate")
    path = f"{CAMERAS}/gate"
    start = hall.clock.utc_us()
    await hall.cameras.history.append(
        [
            StreamChange("sp", "gate", StreamName.MAIN, Transition(start, CameraState.ONLINE)),
            StreamChange(
                "sp",
                "gate",
                StreamName.MAIN,
                Transition(start + 15_000_000, CameraState.OFFLINE, Why("dns")),
            ),
        ]
    )
    hall.clock.advance(20)
    status = (await town.get(f"{path}/status", headers=paul)).json()
    assert (status["state"], status["reason"]["code"]) == ("offline", "dns")
    # The media process of this test knows a camera of that id.
    assert {view["stream"] for view in status["streams"]} == {"main", "sub"}
    history = (await town.get(f"{path}/history?limit=1", headers=paul)).json()
    assert [one["state"] for one in history["items"]] == ["offline"]
    rest = await town.get(f"{path}/history", params={"cursor": history["next"]}, headers=paul)
    assert [one["state"] for one in rest.json()["items"]] == ["online"]
    assert (await town.get(f"{path}/history?stream=sub", headers=paul)).json()["items"] == []
    report = (await town.get(f"{path}/uptime?from_us={start}", headers=paul)).json()
    assert (report["percent"], report["outages_total"]) == (75.0, 1)
    day = (await town.get(f"{path}/uptime", headers=paul)).json()
    assert day["to_us"] - day["from_us"] == 86_400_000_000
    wrong = await town.get(f"{path}/uptime?from_us=9&to_us=3", headers=paul)
    assert (wrong.status_code, wrong.json()["code"]) == (400, "period_invalid")


async def test_makers_show_what_their_addresses_look_like(
    town: httpx.AsyncClient, enter: SignIn
) -> None:
    vera = await enter("vera", "visualizador", "city:sp")
    makers = {
        one["id"]: one for one in (await town.get(f"{API}/makers", headers=vera)).json()["items"]
    }
    assert makers["hikvision"]["sub"] == "rtsp://192.0.2.10:554/Streaming/Channels/102"
    assert (makers["generic"]["main"], makers["tplink"]["channels"]) == (None, 1)
