"""Users, roles, groups and keys over the wire: each within his city, none beyond his rights."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from people import PASSWORD, TownHall
from vms.ingest import IngestWatch

API = "/api/v1"
Headers = dict[str, str]
SignIn = Callable[..., Awaitable[Headers]]


@pytest.fixture
def enter(town: httpx.AsyncClient, hall: TownHall) -> SignIn:
    """Make a user who has signed in; return his header."""

    async def enter(login: str, role: str, scope: str) -> Headers:
        assert town
        await hall.user(login, role, scope)
        await hall.who(login)
        return {"Authorization": f"Bearer {(await hall.sign_in(login)).access}"}

    return enter


def draft(login: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"login": login, "name": login, "password": PASSWORD, **more}


async def make(
    town: httpx.AsyncClient,
    who: Headers,
    path: str,
    **body: Any,  # noqa: ANN401
) -> dict[str, Any]:
    answer = await town.post(f"{API}/{path}", json=body, headers=who)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_manager_makes_reads_changes_and_deletes_users(
    town: httpx.AsyncClient, enter: SignIn
) -> None:
    ana = await enter("ana", "gestor", "city:sp")
    made = await town.post(f"{API}/users", json=draft("bruno"), headers=ana)
    assert (made.status_code, made.json()["home"]) == (201, "sp")
    assert "password" not in made.text
    path = made.headers["location"]
    read = await town.get(path, headers=ana)
    assert (read.json(), read.headers["etag"]) == (made.json(), made.headers["etag"])
    unchanged = await town.get(path, headers={**ana, "If-None-Match": read.headers["etag"]})
    assert unchanged.status_code == 304
    changed = await town.patch(
        path, json={"name": "B"}, headers={**ana, "If-Match": read.headers["etag"]}
    )
    assert (changed.json()["name"], changed.json()["login"]) == ("B", "bruno")
    gone = await town.delete(path, headers={**ana, "If-Match": changed.headers["etag"]})
    assert gone.status_code == 204
    assert (await town.get(path, headers=ana)).status_code == 404


async def test_of_two_who_save_one_user_the_second_is_told(
    town: httpx.AsyncClient, enter: SignIn
) -> None:
    ana = await enter("ana", "gestor", "city:sp")
    carla = await enter("carla", "gestor", "city:sp")
    bruno = await make(town, ana, "users", **draft("bruno"))
    path, seen = f"{API}/users/{bruno['id']}", f'"{bruno["version"]}"'
    first = await town.patch(path, json={"name": "A"}, headers={**ana, "If-Match": seen})
    second = await town.patch(path, json={"name": "C"}, headers={**carla, "If-Match": seen})
    assert first.status_code == 200
    assert (second.status_code, second.json()["code"]) == (412, "version_conflict")
    assert (await town.get(path, headers=ana)).json()["name"] == "A"
    blind = await town.patch(path, json={"name": "C"}, headers=carla)
    assert (blind.status_code, blind.json()["code"]) == (428, "version_missing")


async def test_nothing_of_another_city_can_be_seen_or_touched(
    town: httpx.AsyncClient, enter: SignIn
) -> None:
    ana, rita = await enter("ana", "gestor", "city:sp"), await enter("rita", "gestor", "city:rj")
    theirs = await make(town, rita, "users", **draft("raul"))
    group = await make(town, rita, "user-groups", name="Their group", members=[theirs["id"]])
    role = await make(town, rita, "roles", name="Their role", functions=["live.view"])
    key = await make(town, rita, "api-keys", name="their key", role="visualizador", scope="city:rj")
    grant = await make(town, rita, f"users/{theirs['id']}/grants", role="operador", scope="city:rj")
    version = {"If-Match": '"1"'}
    for method, path, body in (
        ("GET", f"users/{theirs['id']}", None),
        ("PATCH", f"users/{theirs['id']}", {"name": "x"}),
        ("DELETE", f"users/{theirs['id']}", None),
        ("GET", f"users/{theirs['id']}/sessions", None),
        ("GET", f"users/{theirs['id']}/grants", None),
        ("POST", f"users/{theirs['id']}/grants", {"role": "operador", "scope": "city:sp"}),
        ("POST", f"users/{theirs['id']}/password-reset", {}),
        ("DELETE", f"users/{theirs['id']}/second-factor", None),
        ("GET", f"user-groups/{group['id']}", None),
        ("DELETE", f"user-groups/{group['id']}", None),
        ("GET", f"roles/{role['id']}", None),
        ("DELETE", f"roles/{role['id']}", None),
        ("DELETE", f"api-keys/{key['key']['id']}", None),
        ("DELETE", f"grants/{grant['id']}", None),
        ("GET", "users?home=rj", None),
        ("GET", "roles?home=rj", None),
        ("GET", "api-keys?home=rj&everybodys=true", None),
        ("POST", "users", draft("spy", home="rj")),
        ("POST", "invitations", {"role": "operador", "scope": "city:rj"}),
        ("POST", "api-keys", {"name": "k", "role": "visualizador", "scope": "city:rj"}),
        ("POST", "stream-keys", {"name": "k", "scope": "camera:rj/gate"}),
    ):
        answer = await town.request(method, f"{API}/{path}", json=body, headers={**ana, **version})
        assert answer.status_code == 404, (method, path, answer.text)
        assert "Their" not in answer.text
        assert "raul" not in answer.text
    for path in ("users", "user-groups", "roles", "invitations", "api-keys?everybodys=true"):
        page = (await town.get(f"{API}/{path}", headers=ana)).json()
        assert {one["home"] for one in page["items"]} <= {"sp", ""}, path


async def test_one_login_in_two_cities_tells_neither_of_the_other(
    town: httpx.AsyncClient, enter: SignIn
) -> None:
    ana, rita = await enter("ana", "gestor", "city:sp"), await enter("rita", "gestor", "city:rj")
    for who in (ana, rita):
        await make(town, who, "users", **draft("bruno"))
    again = await town.post(f"{API}/users", json=draft("bruno"), headers=ana)
    assert (again.status_code, again.json()["code"]) == (409, "login_taken")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("users", {"id": "mine"}),
        ("users", {"second_factor": True}),
        ("users", {"version": 9}),
        ("users", {"grants": [{"role": "admin", "scope": "platform", "home": "sp"}]}),
    ],
)
async def test_what_was_not_offered_cannot_be_set(
    town: httpx.AsyncClient, enter: SignIn, path: str, body: dict[str, Any]
) -> None:
    ana = await enter("ana", "gestor", "city:sp")
    answer = await town.post(f"{API}/{path}", json={**draft("bruno"), **body}, headers=ana)
    assert (answer.status_code, answer.json()["code"]) == (400, "request_invalid")
    users = (await town.get(f"{API}/users", headers=ana)).json()["items"]
    assert [user["login"] for user in users] == ["ana"]


async def test_nobody_grants_what_he_does_not_hold(town: httpx.AsyncClient, enter: SignIn) -> None:
    ana = await enter("ana", "gestor", "city:sp")
    bruno = await make(town, ana, "users", **draft("bruno"))
    path = f"{API}/users/{bruno['id']}/grants"
    for body, status in (
        ({"role": "admin", "scope": "platform"}, 403),
        ({"role": "admin", "scope": "city:sp"}, 400),
        ({"role": "operador", "scope": "platform"}, 403),
        ({"role": "nobody", "scope": "city:sp"}, 404),
        ({"role": "operador", "scope": "everything"}, 400),
        ({"role": "operador", "scope": "camera:sp/none"}, 404),
        ({"role": "operador", "scope": "group:sp/g1"}, 201),
    ):
        answer = await town.post(path, json=body, headers=ana)
        assert answer.status_code in {status, 400 if status == 403 else status}, answer.text
    listed = (await town.get(path, headers=ana)).json()["items"]
    assert [(one["role"], one["scope"]) for one in listed] == [("operador", "group:sp/g1")]
    taken = await town.delete(f"{API}/grants/{listed[0]['id']}", headers=ana)
    assert taken.status_code == 204
    assert (await town.get(path, headers=ana)).json()["items"] == []


async def test_a_role_is_made_of_functions_and_given_to_a_group(
    town: httpx.AsyncClient, enter: SignIn, hall: TownHall
) -> None:
    ana = await enter("ana", "gestor", "city:sp")
    shipped = (await town.get(f"{API}/roles", headers=ana)).json()["items"]
    assert {"gestor", "operador", "visualizador"} <= {role["id"] for role in shipped}
    role = await make(town, ana, "roles", name="Gate", functions=["camera.read", "live.view"])
    bruno = await make(town, ana, "users", **draft("bruno"))
    group = await make(town, ana, "user-groups", name="Night", members=[bruno["id"]])
    grants = f"user-groups/{group['id']}/grants"
    await make(town, ana, grants, role=role["id"], scope="city:sp")
    listed = (await town.get(f"{API}/{grants}", headers=ana)).json()["items"]
    assert [one["holder_kind"] for one in listed] == ["group"]
    who = await hall.who("bruno")
    assert who.may(hall.functions.LIVE_VIEW, city="sp")
    assert not who.may(hall.functions.EVENT_READ, city="sp")
    path = f"{API}/roles/{role['id']}"
    wider = {"name": "Gate", "functions": ["event.read"]}
    changed = await town.put(path, json=wider, headers={**ana, "If-Match": '"1"'})
    assert changed.json()["functions"] == ["event.read"]
    used = await town.delete(path, headers={**ana, "If-Match": changed.headers["etag"]})
    assert used.status_code == 409
    shipped_role = await town.put(
        f"{API}/roles/operador", json=wider, headers={**ana, "If-Match": '"1"'}
    )
    assert shipped_role.status_code in {403, 404, 409}
    emptied = await town.put(
        f"{API}/user-groups/{group['id']}",
        json={"name": "Night", "members": []},
        headers={**ana, "If-Match": '"1"'},
    )
    assert emptied.json()["members"] == []


async def test_an_api_key_may_what_its_scope_says_until_it_is_withdrawn(
    town: httpx.AsyncClient, enter: SignIn, hall: TownHall
) -> None:
    ana = await enter("ana", "gestor", "city:sp")
    made = await make(
        town,
        ana,
        "api-keys",
        name="report",
        role="visualizador",
        scope="city:sp",
        per_minute=2,
    )
    assert made["token"].startswith(f"vms_{made['key']['id']}_")
    key = {"Authorization": f"Bearer {made['token']}"}
    me = await town.get(f"{API}/auth/me", headers=key)
    assert (me.json()["kind"], me.headers["ratelimit-limit"]) == ("api_key", "2")
    assert (await town.get(f"{API}/users", headers=key)).status_code == 403
    limited = await town.get(f"{API}/auth/me", headers=key)
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "30")
    listed = (await town.get(f"{API}/api-keys", headers=ana)).json()["items"]
    assert [one["id"] for one in listed] == [made["key"]["id"]]
    assert "token" not in listed[0]
    path = f"{API}/api-keys/{made['key']['id']}"
    assert (await town.delete(path, headers=ana)).status_code == 204
    hall.clock.advance(60)
    assert (await town.get(f"{API}/auth/me", headers=key)).status_code == 401


async def test_a_stream_key_is_shown_once(town: httpx.AsyncClient, enter: SignIn) -> None:
    ana = await enter("ana", "gestor", "city:sp")
    made = await make(town, ana, "stream-keys", name="player", scope="camera:sp/gate")
    listed = await town.get(f"{API}/stream-keys", headers=ana)
    assert [one["id"] for one in listed.json()["items"]] == [made["key"]["id"]]
    assert made["secret"] not in listed.text
    path = f"{API}/stream-keys/{made['key']['id']}"
    assert (await town.delete(path, headers=ana)).status_code == 204
    assert (await town.delete(path, headers=ana)).status_code == 404


async def test_a_key_that_publishes_comes_with_the_addresses_for_the_encoder(
    town: httpx.AsyncClient, hall: TownHall, enter: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    listeners = {"srt": "0.0.0.0:8890", "rtsp": "0.0.0.0:8554"}
    monkeypatch.setattr(IngestWatch, "listeners", listeners)
    ana = await enter("ana", "gestor", "city:sp")
    camera = await make(town, ana, "cameras", name="Drone", url="publish:", sub_url="publish:")
    hall.places.groups[camera["id"]] = frozenset()
    scope = f"camera:sp/{camera['id']}"
    made = await make(town, ana, "stream-keys", name="encoder", scope=scope, publish=True)
    key, secret = made["key"]["id"], made["secret"]
    login = f"{key}&passphrase={secret}"
    assert made["publish_to"] == [
        {
            "protocol": "srt",
            "stream": stream,
            "address": f"srt://vms.test:8890?streamid=publish:{camera['id']}{path}:{login}",
            "bearer": None,
        }
        for stream, path in (("main", ""), ("sub", "/sub"))
    ] + [
        {
            "protocol": "whip",
            "stream": stream,
            "address": f"http://vms.test/api/v1/streams/{camera['id']}/{stream}/whip",
            "bearer": f"{key}:{secret}",
        }
        for stream in ("main", "sub")
    ]
    listed = await town.get(f"{API}/stream-keys", headers=ana)
    assert listed.json()["items"][0]["publish"] is True
    assert made["secret"] not in listed.text
    # Of what is called by us the main stream may be taken over; a player has nothing to send.
    called = await make(town, ana, "stream-keys", name="k", scope="camera:sp/gate", publish=True)
    assert [one["stream"] for one in called["publish_to"]] == ["main", "main"]
    for other in ({"scope": scope}, {"scope": "city:sp", "publish": True}):
        assert (await make(town, ana, "stream-keys", name="k", **other))["publish_to"] == []
    near = {**ana, "Host": "[::1]:8000"}
    made = await make(town, near, "stream-keys", name="k", scope=scope, publish=True)
    assert made["publish_to"][0]["address"].startswith("srt://[::1]:8890?")


async def test_an_invitation_is_listed_without_its_token_and_withdrawn(
    town: httpx.AsyncClient, enter: SignIn
) -> None:
    ana = await enter("ana", "gestor", "city:sp")
    made = await make(town, ana, "invitations", role="operador", scope="city:sp", note="night")
    listed = await town.get(f"{API}/invitations", headers=ana)
    assert [one["note"] for one in listed.json()["items"]] == ["night"]
    assert made["token"] not in listed.text
    path = f"{API}/invitations/{made['invitation']['id']}"
    assert (await town.delete(path, headers=ana)).status_code == 204
    look = await town.post(f"{API}/auth/invitations/look", json={"token": made["token"]})
    assert look.status_code == 404


async def test_users_come_in_pages_filtered_and_sparse(
    town: httpx.AsyncClient, enter: SignIn
) -> None:
    ana = await enter("ana", "gestor", "city:sp")
    for number in range(4):
        await make(town, ana, "users", **draft(f"bruno{number}"))
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        asked = {"limit": "2", "fields": "login", "text": "BRUNO", **cursor}
        page = (await town.get(f"{API}/users", params=asked, headers=ana)).json()
        assert all(set(item) == {"login"} for item in page["items"])
        seen += [item["login"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert seen == [f"bruno{number}" for number in range(4)]
    odd = await town.get(f"{API}/users", params={"text": "%_'\u0000"}, headers=ana)
    assert odd.status_code == 400
    odd = await town.get(f"{API}/users", params={"text": "%' OR 1=1 --"}, headers=ana)
    assert odd.json()["items"] == []


async def test_an_operator_manages_nobody(town: httpx.AsyncClient, enter: SignIn) -> None:
    bruno = await enter("bruno", "operador", "city:sp")
    for method, path in (
        ("GET", "users"),
        ("POST", "users"),
        ("POST", "roles"),
        ("POST", "invitations"),
    ):
        body = draft("x") if path == "users" else {"name": "x", "functions": ["live.view"]}
        if path == "invitations":
            body = {"role": "operador", "scope": "city:sp"}
        answer = await town.request(
            method, f"{API}/{path}", json=body if method == "POST" else None, headers=bruno
        )
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_missing")
