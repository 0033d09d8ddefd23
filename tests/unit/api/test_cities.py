"""Cities, plans, sites and groups over the wire, and the audit of it."""

import json
from typing import Any

import httpx
import pytest

from people import SYSTEM, TownHall
from vms.api import Contexts
from vms.audit import HeadFile, Sealer
from vms.cities import UNLIMITED_PLAN, CityDraft
from vms.database import PLATFORM

API = "/api/v1"
Headers = dict[str, str]
CITY = {"id": "sp", "name": "Small Place", "plan": UNLIMITED_PLAN}


@pytest.fixture
async def root(town: httpx.AsyncClient, hall: TownHall) -> Headers:
    assert town
    return await enter(hall, "root", "admin", "platform")


async def enter(hall: TownHall, login: str, role: str, scope: str) -> Headers:
    await hall.user(login, role, scope)
    await hall.who(login)
    return {"Authorization": f"Bearer {(await hall.sign_in(login)).access}"}


@pytest.fixture
async def two_cities(contexts: Contexts) -> None:
    for city in ("sp", "rj"):
        await contexts.cities.create(SYSTEM, city, CityDraft(name=f"Of {city}", plan="unlimited"))


async def ask(
    town: httpx.AsyncClient,
    who: Headers,
    method: str,
    path: str,
    body: Any = None,  # noqa: ANN401 - JSON
    version: int | None = None,
) -> httpx.Response:
    seen = {} if version is None else {"If-Match": f'"{version}"'}
    return await town.request(method, f"{API}/{path}", json=body, headers={**who, **seen})


async def test_the_platform_makes_changes_suspends_and_deletes_cities(
    town: httpx.AsyncClient, root: Headers
) -> None:
    made = await ask(town, root, "POST", "cities", CITY)
    assert (made.status_code, made.headers["location"]) == (201, "/api/v1/cities/sp")
    again = await ask(town, root, "POST", "cities", CITY)
    assert again.status_code == 409
    body = {"name": "S. Place", "plan": UNLIMITED_PLAN, "overrides": {"cameras": 3}}
    stale = await ask(town, root, "PUT", "cities/sp", body, 9)
    assert (stale.status_code, stale.json()["code"]) == (412, "version_conflict")
    changed = await ask(town, root, "PUT", "cities/sp", body, 1)
    assert (changed.json()["name"], changed.headers["etag"]) == ("S. Place", '"2"')
    usage = (await ask(town, root, "GET", "cities/sp/usage")).json()["items"]
    assert {"quota": "cameras", "limit": 3, "used": None} in usage
    suspended = await ask(town, root, "POST", "cities/sp/suspend", None, 2)
    assert suspended.json()["state"] == "suspended"
    listed = await ask(town, root, "GET", "cities?state=suspended&fields=id,state")
    assert listed.json()["items"] == [{"id": "sp", "state": "suspended"}]
    assert (await ask(town, root, "POST", "cities/sp/resume", None, 3)).json()["version"] == 4
    assert (await ask(town, root, "DELETE", "cities/sp", None, 4)).status_code == 204
    assert (await ask(town, root, "GET", "cities/sp")).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {**CITY, "id": "Sp"},
        {**CITY, "id": "../rj"},
        {**CITY, "id": "platform"},
        {**CITY, "cnpj": "11222333000182"},
        {**CITY, "time_zone": "Nowhere/Land"},
        {**CITY, "language": "xx"},
        {**CITY, "overrides": {"cameras": -1}},
        {**CITY, "overrides": {"boats": 1}},
        {**CITY, "state": "suspended"},
        {**CITY, "version": 7},
    ],
)
async def test_a_city_that_cannot_be_is_refused(
    town: httpx.AsyncClient, root: Headers, body: dict[str, Any]
) -> None:
    answer = await ask(town, root, "POST", "cities", body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["code"]


@pytest.mark.usefixtures("two_cities")
async def test_plans_are_the_platforms(
    town: httpx.AsyncClient, root: Headers, hall: TownHall
) -> None:
    small = {"id": "small", "name": "Small", "limits": {"cameras": 2}}
    assert (await ask(town, root, "POST", "plans", small)).status_code == 201
    ana = await enter(hall, "ana", "gestor", "city:sp")
    assert (await ask(town, ana, "POST", "plans", {**small, "id": "x"})).status_code == 403
    mine = (await ask(town, ana, "GET", "plans")).json()["items"]
    assert [plan["id"] for plan in mine] == [UNLIMITED_PLAN]
    assert (await ask(town, ana, "GET", "plans/small")).status_code == 404
    wider = {"name": "Small", "limits": {"cameras": 3}}
    assert (await ask(town, root, "PUT", "plans/small", wider, 1)).json()["version"] == 2
    assert (await ask(town, root, "DELETE", "plans/small", None, 2)).status_code == 204
    used = await ask(town, root, "DELETE", f"plans/{UNLIMITED_PLAN}", None, 1)
    assert used.status_code == 409


@pytest.mark.usefixtures("two_cities")
async def test_sites_and_groups_belong_to_their_city(
    town: httpx.AsyncClient, hall: TownHall
) -> None:
    ana = await enter(hall, "ana", "gestor", "city:sp")
    rita = await enter(hall, "rita", "gestor", "city:rj")
    site = {"name": "Town hall", "latitude": -23.5, "longitude": -46.6}
    for part, body in (("sites", site), ("groups", {"name": "Entrances"})):
        made = await ask(town, ana, "POST", f"cities/sp/{part}", body)
        assert made.status_code == 201, made.text
        path = made.headers["location"].removeprefix("/api/v1/")
        assert (await ask(town, ana, "GET", path)).json() == made.json()
        renamed = await ask(town, ana, "PUT", path, {"name": "Other"}, 1)
        assert renamed.json()["name"] == "Other"
        foreign = path.replace("cities/sp/", "cities/rj/")
        for method, where in (("GET", path), ("GET", foreign), ("DELETE", path)):
            hidden = await ask(town, rita, method, where, None, 2)
            assert hidden.status_code == 404, (method, where)
        assert (await ask(town, ana, "GET", f"cities/rj/{part}")).status_code == 404
        assert (await ask(town, ana, "POST", f"cities/rj/{part}", body)).status_code == 404
        listed = (await ask(town, ana, "GET", f"cities/sp/{part}")).json()["items"]
        assert [one["name"] for one in listed] == ["Other"]
        assert (await ask(town, ana, "DELETE", path, None, 2)).status_code == 204
    seen = (await ask(town, ana, "GET", "cities")).json()["items"]
    assert [one["id"] for one in seen] == ["sp"]
    assert (await ask(town, ana, "GET", "cities/rj")).status_code == 404
    assert (await ask(town, ana, "GET", "cities/nowhere")).status_code == 404


@pytest.mark.usefixtures("two_cities")
@pytest.mark.parametrize(
    "body",
    [
        {"name": ""},
        {"name": "x", "latitude": 91, "longitude": 0},
        {"name": "x", "latitude": 1},
        {"name": "x", "city": "rj"},
        {"name": "x\u202e"},
    ],
)
async def test_a_site_that_cannot_be_is_refused(
    town: httpx.AsyncClient, hall: TownHall, body: dict[str, Any]
) -> None:
    ana = await enter(hall, "ana", "gestor", "city:sp")
    assert (await ask(town, ana, "POST", "cities/sp/sites", body)).status_code == 400


async def sealed(hall: TownHall, contexts: Contexts) -> None:
    sealer = Sealer(hall.database, hall.vault, HeadFile(contexts.data), hall.clock)
    while await sealer.seal_waiting():
        pass


@pytest.mark.usefixtures("two_cities")
async def test_who_did_what_is_searched_verified_and_exported(
    town: httpx.AsyncClient, hall: TownHall, contexts: Contexts
) -> None:
    ana = await enter(hall, "ana", "gestor", "city:sp")
    rita = await enter(hall, "rita", "gestor", "city:rj")
    await ask(town, ana, "POST", "cities/sp/groups", {"name": "Secret entrances"})
    found = await ask(town, ana, "GET", "audit?action=camera_group.*")
    (line,) = found.json()["items"]
    assert (line["action"], line["city"], line["login"]) == ("camera_group.create", "sp", "ana")
    assert line["address"] == "192.0.2.7"
    assert "Secret" not in found.text
    theirs = await ask(town, rita, "GET", "audit")
    assert {one["city"] for one in theirs.json()["items"]} == {"rj"}
    for path in ("audit?city=sp", "audit/verify?city=sp", "audit/export.csv?city=sp"):
        assert (await ask(town, rita, "GET", path)).status_code == 404, path
    assert (await ask(town, rita, "GET", "audit?city=platform")).status_code == 403
    paged = (await ask(town, ana, "GET", "audit?limit=1&fields=id")).json()
    following = await ask(town, ana, "GET", f"audit?limit=1&fields=id&cursor={paged['next']}")
    assert following.json()["items"] != paged["items"]

    await sealed(hall, contexts)
    report = (await ask(town, ana, "GET", "audit/verify")).json()
    assert (report["intact"], report["city"], report["waiting"]) == (True, "sp", 0)
    table = await ask(town, ana, "GET", "audit/export.csv?action=camera_group.create")
    assert table.headers["content-disposition"] == 'attachment; filename="audit.csv"'
    assert table.text.count("camera_group.create") == 1
    chain = await ask(town, ana, "GET", "audit/export.jsonl")
    assert all(json.loads(line) for line in chain.text.splitlines())
    hall.database.run_sync(
        lambda unit: unit.rows(
            "UPDATE audit_lines SET action = 'camera_group.delete' "
            "WHERE action = 'camera_group.create' RETURNING id"
        ),
        PLATFORM,
    )
    report = (await ask(town, ana, "GET", "audit/verify")).json()
    assert not report["intact"]
    assert report["faults"][0]["kind"] == "line_changed"


async def test_the_platform_has_an_audit_of_its_own(town: httpx.AsyncClient, root: Headers) -> None:
    await ask(town, root, "POST", "plans", {"id": "small", "name": "Small"})
    page = (await ask(town, root, "GET", "audit?city=platform&action=plan.*")).json()
    assert [(one["action"], one["city"]) for one in page["items"]] == [("plan.create", "platform")]
    assert (await ask(town, root, "GET", "audit/verify?city=platform")).json()["intact"]
    for path in ("audit", "audit/verify", "audit/export.csv", "audit/export.jsonl"):
        nowhere = await ask(town, root, "GET", f"{path}?city=atlantis")
        assert (nowhere.status_code, nowhere.json()["code"]) == (404, "city_unknown")
    everywhere = (await ask(town, root, "GET", "audit?action=plan.create")).json()
    assert len(everywhere["items"]) == 1


@pytest.mark.usefixtures("two_cities")
async def test_an_operator_reads_no_audit(town: httpx.AsyncClient, hall: TownHall) -> None:
    bruno = await enter(hall, "bruno", "operador", "city:sp")
    for path in ("audit", "audit/verify", "audit/export.csv", "audit/export.jsonl"):
        answer = await ask(town, bruno, "GET", path)
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_missing")
