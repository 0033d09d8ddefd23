"""People who manage, at once and against themselves."""

import asyncio

from sites import Site

API = "/api/v1"


async def test_of_two_admins_who_save_one_camera_the_second_is_told(site: Site) -> None:
    ana = await site.enter("ana", "gestor", "city:sp")
    bruno = await site.enter("bruno", "gestor", "city:sp")
    draft = {"name": "Gate", "maker": "axis", "host": "192.0.2.1"}
    made = await site.client.post(f"{API}/cameras", json=draft, headers=ana)
    path, seen = made.headers["location"], made.headers["etag"]
    answers = await asyncio.gather(
        *(
            site.client.patch(path, json={"name": name}, headers={**who, "If-Match": seen})
            for name, who in (("Ana's", ana), ("Bruno's", bruno))
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    (saved,) = [answer.json()["name"] for answer in answers if answer.status_code == 200]
    (told,) = [answer.json()["code"] for answer in answers if answer.status_code == 412]
    read = await site.client.get(path, headers=ana)
    assert (read.json()["name"], told) == (saved, "version_conflict")
    blind = await site.client.patch(path, json={"name": "x"}, headers=bruno)
    assert blind.status_code == 428
    lines = [line for line in site.hall.lines("camera.update") if line[4] == "ok"]
    assert len(lines) == 1


async def test_the_last_admin_can_neither_go_nor_lock_himself_out(site: Site) -> None:
    root = await site.enter("root", "admin", "platform")
    me = (await site.client.get(f"{API}/auth/me", headers=root)).json()["user"]
    path = f"{API}/users/{me['id']}"
    seen = {**root, "If-Match": f'"{me["version"]}"'}
    grants = (await site.client.get(f"{path}/grants", headers=root)).json()["items"]
    (grant,) = [one["id"] for one in grants if one["role"] == "admin"]
    for answer in (
        await site.client.delete(path, headers=seen),
        await site.client.patch(path, json={"enabled": False}, headers=seen),
        await site.client.delete(f"{API}/grants/{grant}", headers=root),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "last_admin"), answer.text
    assert (await site.client.get(f"{API}/users", headers=root)).status_code == 200
    await site.hall.user("second", "admin", "platform")
    gone = await site.client.delete(path, headers=seen)
    assert gone.status_code == 204, gone.text
