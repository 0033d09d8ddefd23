"""Signing in over the wire: by token, by cookie, with a second factor, by a link."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from people import PASSWORD, SYSTEM, TownHall, secret_of, token_in
from vms.admin import InvitationDraft

AUTH = "/api/v1/auth"


async def sign_in(town: httpx.AsyncClient, login: str, **more: Any) -> httpx.Response:  # noqa: ANN401
    return await town.post(f"{AUTH}/sign-in", json={"login": login, "password": PASSWORD, **more})


async def tokens(town: httpx.AsyncClient, login: str) -> dict[str, Any]:
    answer = await sign_in(town, login)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def bearer(found: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {found['access']}"}


async def test_a_token_says_who_one_is_until_one_signs_out(
    town: httpx.AsyncClient, hall: TownHall
) -> None:
    await hall.user("ana", "operador", "city:sp")
    found = await tokens(town, "ana")
    assert (found["state"], found["must_enrol"]) == ("signed_in", False)
    me = await town.get(f"{AUTH}/me", headers=bearer(found))
    assert (me.json()["user"]["login"], me.json()["home"]) == ("ana", "sp")
    assert me.headers["etag"] == f'"{me.json()["user"]["version"]}"'
    assert me.json()["allowed"][0]["scope"] == "city:sp"
    assert "set-cookie" not in me.headers
    assert (await town.post(f"{AUTH}/sign-out", headers=bearer(found))).status_code == 204
    hall.hear_all()
    again = await town.get(f"{AUTH}/me", headers=bearer(found))
    assert (again.status_code, again.json()["code"]) == (401, "session_ended")


async def test_a_refresh_token_is_used_once(town: httpx.AsyncClient, hall: TownHall) -> None:
    await hall.user("ana", "operador", "city:sp")
    first = await tokens(town, "ana")
    used = {"refresh": first["refresh"]}
    second = (await town.post(f"{AUTH}/refresh", json=used)).json()
    assert second["refresh"] != first["refresh"]
    superseded = await town.post(f"{AUTH}/refresh", json=used)
    assert (superseded.status_code, superseded.json()["code"]) == (409, "refresh_superseded")
    hall.clock.advance(11)
    stolen = await town.post(f"{AUTH}/refresh", json=used)
    assert (stolen.status_code, stolen.json()["code"]) == (401, "session_ended")
    both = await town.post(f"{AUTH}/refresh", json={"refresh": second["refresh"]})
    assert both.status_code == 401, "a reused token ends the session"


def cookies_of(answer: httpx.Response) -> dict[str, str]:
    """Return each cookie that was set, with what is said about it."""
    told = answer.headers.get_list("set-cookie")
    return {line.partition("=")[0]: line.partition("; ")[2] for line in told}


async def test_a_browser_gets_cookies_that_no_script_reads(
    town: httpx.AsyncClient, hall: TownHall
) -> None:
    await hall.user("ana", "operador", "city:sp")
    answer = await sign_in(town, "ana", cookies=True)
    assert {answer.json()[name] for name in ("access", "refresh", "device")} == {None}
    cookies = cookies_of(answer)
    assert set(cookies) == {"vms_access", "vms_refresh", "vms_device", "vms_csrf"}
    for name, told in cookies.items():
        assert "SameSite=strict" in told
        assert ("HttpOnly" in told) == (name != "vms_csrf")
        assert "Secure" not in told
        assert ("Path=/api/v1/auth" in told) == (name == "vms_refresh")
    assert "Max-Age=600" in cookies["vms_access"]
    tls = await town.post(
        f"{AUTH}/sign-in",
        json={"login": "ana", "password": PASSWORD, "cookies": True},
        headers={"x-vms-scheme": "https"},
    )
    assert all("Secure" in told for told in cookies_of(tls).values())


async def test_a_browser_proves_that_the_page_is_ours(
    town: httpx.AsyncClient, hall: TownHall
) -> None:
    await hall.user("ana", "operador", "city:sp")
    await sign_in(town, "ana", cookies=True)
    version = (await town.get(f"{AUTH}/me")).headers["etag"]
    asked: Any = {"json": {"name": "Ana"}, "headers": {"If-Match": version}}
    assert (await town.patch(f"{AUTH}/me", **asked)).json()["code"] == "csrf_failed"
    for path in ("refresh", "sign-out"):
        assert (await town.post(f"{AUTH}/{path}", json={})).status_code == 403
    csrf = {"X-CSRF-Token": town.cookies["vms_csrf"]}
    asked["headers"] |= csrf
    assert (await town.patch(f"{AUTH}/me", **asked)).json()["name"] == "Ana"
    before = town.cookies["vms_refresh"]
    assert (await town.post(f"{AUTH}/refresh", json={}, headers=csrf)).status_code == 200
    assert town.cookies["vms_refresh"] != before
    csrf = {"X-CSRF-Token": town.cookies["vms_csrf"]}
    assert (await town.post(f"{AUTH}/sign-out", headers=csrf)).status_code == 204
    assert set(town.cookies) == {"vms_device"}
    assert (await town.post(f"{AUTH}/refresh", json={})).status_code in {401, 403}


async def test_whoever_fails_hears_one_answer(town: httpx.AsyncClient, hall: TownHall) -> None:
    await hall.user("ana", "operador", "city:sp")
    answers = [
        await town.post(f"{AUTH}/sign-in", json={"login": login, "password": "wrong" * 5})
        for login in ("ana", "nobody", "a" * 64, "ana\r\nX: 1", "' OR 1=1 --")
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert {answer.headers["www-authenticate"] for answer in answers} == {"Bearer"}


async def test_failures_slow_down_and_say_how_long(town: httpx.AsyncClient, hall: TownHall) -> None:
    await hall.user("ana", "operador", "city:sp")
    wrong = {"login": "ana", "password": "wrong" * 5}
    for _ in range(20):
        answer = await town.post(f"{AUTH}/sign-in", json=wrong)
        if answer.status_code == 429:
            break
    assert answer.json()["code"] == "sign_in_slowed"
    assert int(answer.headers["retry-after"]) == answer.json()["values"]["wait_s"] > 0


async def test_an_admin_enrols_a_second_factor_before_anything_else(
    town: httpx.AsyncClient, hall: TownHall
) -> None:
    await hall.user("root", "admin", "platform")
    found = await tokens(town, "root")
    assert found["must_enrol"]
    refused = await town.get("/api/v1/users", headers=bearer(found))
    assert (refused.status_code, refused.json()["code"]) == (403, "second_factor_required")
    begun = (await town.post(f"{AUTH}/totp", headers=bearer(found))).json()
    hall.secrets["root"] = secret_of(begun["secret"])
    code = {"code": hall.code("root")}
    confirmed = await town.post(f"{AUTH}/totp/confirm", json=code, headers=bearer(found))
    assert len(confirmed.json()["codes"]) == 10
    hall.hear_all()
    hall.people.principals.forget_all()
    assert (await town.get("/api/v1/users", headers=bearer(found))).status_code == 200

    asked = (await sign_in(town, "root")).json()
    assert set(asked) == {"state", "ticket", "expires_us"}
    wrong = {"ticket": asked["ticket"], "code": "000000"}
    assert (await town.post(f"{AUTH}/second-factor", json=wrong)).status_code == 401
    right = {"ticket": asked["ticket"], "code": hall.code("root")}
    signed_in = await town.post(f"{AUTH}/second-factor", json=right)
    assert signed_in.json()["state"] == "signed_in"
    recovery = {
        "ticket": (await sign_in(town, "root")).json()["ticket"],
        "code": confirmed.json()["codes"][0],
    }
    by_code = await town.post(f"{AUTH}/second-factor", json=recovery)
    assert by_code.status_code == 200


async def test_the_first_admin_is_made_by_the_link_that_was_printed(
    town: httpx.AsyncClient, hall: TownHall, tmp_path: Path
) -> None:
    assert (await town.get(f"{AUTH}/setup")).json() == {"needed": True}
    link = await hall.people.setup.renew_link(tmp_path, lambda token: f"http://h/setup#{token}")
    assert link is not None
    draft = {"login": "root", "name": "Root", "password": PASSWORD}
    wrong = await town.post(f"{AUTH}/setup", json={**draft, "token": "x" * 43})
    assert wrong.status_code == 404
    made = await town.post(f"{AUTH}/setup", json={**draft, "token": token_in(link)})
    assert (made.status_code, made.json()["home"]) == (201, "")
    assert not (tmp_path / "setup-link").exists()
    assert (await town.get(f"{AUTH}/setup")).json() == {"needed": False}
    again = await town.post(f"{AUTH}/setup", json={**draft, "token": token_in(link)})
    assert again.status_code == 404
    assert (await tokens(town, "root"))["must_enrol"]


async def test_an_invitation_makes_a_user_of_the_role_it_names_alone(
    town: httpx.AsyncClient, hall: TownHall
) -> None:
    invited = await hall.people.invitations.create(
        SYSTEM, InvitationDraft(role="operador", scope="city:sp")
    )
    token = {"token": invited.token}
    offer = (await town.post(f"{AUTH}/invitations/look", json=token)).json()
    assert (offer["home"], offer["role"], offer["login"]) == ("sp", "operador", None)
    draft = {**token, "login": "bruno", "name": "Bruno", "password": PASSWORD}
    more = await town.post(f"{AUTH}/invitations/accept", json={**draft, "role": "admin"})
    assert more.status_code == 400
    weak = await town.post(f"{AUTH}/invitations/accept", json={**draft, "password": "bruno"})
    assert weak.status_code == 400
    assert (await town.post(f"{AUTH}/invitations/accept", json=draft)).status_code == 201
    assert (await town.post(f"{AUTH}/invitations/accept", json=draft)).status_code == 404
    assert (await tokens(town, "bruno"))["user"]["home"] == "sp"


async def test_a_password_is_changed_by_its_owner_or_by_a_link(
    town: httpx.AsyncClient, hall: TownHall
) -> None:
    ana = await hall.user("ana", "operador", "city:sp")
    found = await tokens(town, "ana")
    new = {"current": PASSWORD, "new": "eight blue tricycles"}
    wrong = await town.post(
        f"{AUTH}/password", json={**new, "current": "no"}, headers=bearer(found)
    )
    assert wrong.status_code == 401
    done = await town.post(f"{AUTH}/password", json=new, headers=bearer(found))
    assert done.status_code == 204
    assert (await sign_in(town, "ana")).status_code == 401
    reset = await hall.people.invitations.create_reset(SYSTEM, ana.id)
    link = {"token": reset.token, "password": PASSWORD}
    assert (await town.post(f"{AUTH}/password-reset", json=link)).status_code == 204
    assert (await town.post(f"{AUTH}/password-reset", json=link)).status_code == 404
    hall.clock.advance(3600)
    assert (await sign_in(town, "ana")).status_code == 200


async def test_one_sees_and_ends_ones_sessions(town: httpx.AsyncClient, hall: TownHall) -> None:
    await hall.user("ana", "operador", "city:sp")
    here, there = await tokens(town, "ana"), await tokens(town, "ana")
    listed = (await town.get(f"{AUTH}/sessions", headers=bearer(here))).json()["items"]
    assert {one["id"]: one["current"] for one in listed} == {
        here["session"]: True,
        there["session"]: False,
    }
    assert listed[0]["agent"] == "a browser"
    assert listed[0]["address"] == "192.0.2.7"
    ended = await town.delete(f"{AUTH}/sessions/{there['session']}", headers=bearer(here))
    assert ended.status_code == 204
    assert (await town.delete(f"{AUTH}/sessions", headers=bearer(here))).json() == {"count": 0}
    hall.hear_all()
    assert (await town.get(f"{AUTH}/me", headers=bearer(there))).status_code == 401
    assert (await town.get(f"{AUTH}/me", headers=bearer(here))).status_code == 200


async def test_others_check_tokens_by_public_keys(town: httpx.AsyncClient, hall: TownHall) -> None:
    await hall.user("ana", "operador", "city:sp")
    keys = (await town.get(f"{AUTH}/jwks")).json()["keys"]
    assert keys
    for key in keys:
        assert key["kty"] == "RSA"
        assert not {"d", "p", "q"} & set(key)


@pytest.mark.parametrize("path", ["sign-in", "second-factor", "refresh", "setup"])
async def test_a_key_of_ones_own_choice_does_not_sign_in(
    town: httpx.AsyncClient, path: str
) -> None:
    answer = await town.post(
        f"{AUTH}/{path}", json={}, headers={"Idempotency-Key": "1", "X-User": "root"}
    )
    assert answer.status_code in {400, 403}
