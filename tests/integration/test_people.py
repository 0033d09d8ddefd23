"""``vms up`` as people use it: from the setup link to a stream that is cut."""

import asyncio
import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from websockets.asyncio.client import connect

from callers import PASSWORD, Client, cut_after, new_stream_key, offer, playing, probe, watching
from databases import Server
from product import running, wait_for
from residents import (
    CAMERA_PASSWORD,
    CUT_LIMIT_S,
    EVERY_S,
    LIVE_LIMIT_S,
    Town,
    settled,
    setup_by_link,
    until_state,
)

BACK_LIMIT_S = 3.0

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def town(scenes: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with settled(scenes, tmp_path_factory.mktemp("town")) as made:
        sub = f"rtsp://{made.farm.address}/cam1/sub"
        gate = {**made.camera(1), "id": "gate", "sub_url": sub}
        made.admin.post("/cameras", gate)
        made.admin.post("/cameras", {**made.camera(2), "id": "yard"})
        made.admin.post("/cities", {"id": "rj", "name": "Another", "plan": "unlimited"})
        until_state(made.admin, "gate/sub", {"live"}, LIVE_LIMIT_S)
        until_state(made.admin, "yard/main", {"live"}, LIVE_LIMIT_S)
        yield made


@pytest.fixture(scope="module")
def ana(town: Town) -> Client:
    """Watches one camera, and may do nothing else."""
    return town.admin.new_person("ana", "visualizador", "camera:local/gate")


def test_the_setup_link_makes_the_first_admin_once(town: Town) -> None:
    first = town.first
    assert first.link.startswith(f"{town.api}/setup#")
    assert first.link in first.said
    assert first.mode == 0o600
    assert not (town.product.data / "setup-link").exists()
    again = {"token": first.link.partition("#")[2], "login": "bob", "name": "Bob"}
    refusal = Client(town.api).ask("POST", "/auth/setup", {**again, "password": PASSWORD})
    assert (refusal.status_code, refusal.json()["code"]) == (404, "invitation_unknown")
    assert Client(town.api).get("/auth/setup") == {"needed": False}


def test_without_a_second_factor_an_admin_may_only_enrol_one(town: Town) -> None:
    refusal = town.first.before_enrolling
    assert (refusal.status_code, refusal.json()["code"]) == (403, "second_factor_required")
    assert town.admin.get("/users")["items"]
    # The step of the code that enrolled it is used up: the next one signs in.
    again = Client(town.api).sign_in("root", town.first.secret, steps=1)
    assert again.get("/auth/me")["must_enrol"] is False


@pytest.fixture(scope="module")
def gestor(town: Town) -> Client:
    """Manages the city."""
    return town.admin.new_person("gil", "gestor", "city:local")


def test_what_is_changed_of_a_camera_runs_within_a_second(town: Town, gestor: Client) -> None:
    camera = gestor.post("/cameras", {**town.camera(3), "city": None})["id"]
    path, stream = f"/cameras/{camera}", f"{camera}/main"
    until_state(gestor, stream, {"connecting", "live"})
    until_state(gestor, stream, {"live"}, LIVE_LIMIT_S)

    gestor.patch(path, {"url": f"rtsp://{town.farm.address}/nothing"})
    until_state(gestor, stream, {"connecting", "backing_off"})
    gestor.patch(path, {"url": f"rtsp://{town.farm.address}/cam4"})
    until_state(gestor, stream, {"live"}, LIVE_LIMIT_S)

    gestor.patch(path, {"enabled": False})
    until_state(gestor, stream, {"off"})
    gestor.patch(path, {"enabled": True})
    until_state(gestor, stream, {"connecting", "live"})
    gestor.delete(path)
    until_state(gestor, stream, {None})


def test_the_picture_of_now_is_for_whoever_may_watch(town: Town, ana: Client) -> None:
    taken = ana.ask("GET", "/cameras/gate/snapshot.jpg?width=160")
    assert (taken.status_code, taken.headers["cache-control"]) == (200, "no-store"), taken.text
    with Image.open(io.BytesIO(taken.content)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (160, 90))
    assert abs(int(taken.headers["vms-at"]) / 1e6 - time.time()) < 10
    assert ana.ask("GET", "/cameras/gate/snapshot.jpg?stream=sub").status_code == 200
    refused = ana.ask("GET", "/cameras/yard/snapshot.jpg")
    assert (refused.status_code, refused.json()["code"]) == (404, "camera_unknown")
    lines = town.admin.get("/audit?action=stream.snapshot")["items"]
    # One for each hour, of which another may begin meanwhile.
    assert {line["object"] for line in lines} == {"camera:gate"}


def test_a_wrong_password_of_a_camera_is_told(town: Town, gestor: Client) -> None:
    draft = {**town.camera(5), "password": "hunter3"}
    camera = gestor.post("/cameras", draft)["id"]
    reason = wait_for(lambda: gestor.stream(f"{camera}/main")["reason"], LIVE_LIMIT_S, EVERY_S)
    assert reason["code"] == "wrong_password"
    gestor.patch(f"/cameras/{camera}", {"password": CAMERA_PASSWORD})
    until_state(gestor, f"{camera}/main", {"live"}, LIVE_LIMIT_S)
    gestor.delete(f"/cameras/{camera}")


def test_a_viewer_of_one_camera_sees_that_one_alone(town: Town, ana: Client) -> None:
    assert set(ana.streams()) == {"gate/main", "gate/sub"}
    heard = asyncio.run(hear_beside_another_camera(town, ana))
    assert '"gate"' in heard
    assert "yard" not in heard
    assert "shed" not in heard
    for path in ("/cameras/yard", "/streams/yard/main"):
        assert ana.ask("GET", path).status_code == 404
    refusal = ana.ask("POST", "/streams/yard/main/address", {})
    assert (refusal.status_code, refusal.json()["code"]) == (404, "camera_unknown")


async def hear_beside_another_camera(town: Town, ana: Client) -> str:
    """Return what somebody is told while a camera that is not hers comes."""
    async with listening(ana) as hers, listening(town.admin) as theirs:
        shed = {**town.camera(6), "id": "shed"}
        await asyncio.to_thread(town.admin.post, "/cameras", shed)
        await until_told(theirs, lambda text: '"shed"' in text and '"live"' in text)
        # What was for her too was sent to her before the next statistics.
        told = await until_told(hers, lambda text: '"snapshot"' in text)
        told += await until_told(hers, lambda text: '"stats"' in text)
        told += await until_told(hers, lambda text: '"stats"' in text)
    await asyncio.to_thread(town.admin.delete, "/cameras/shed")
    return told


@contextlib.asynccontextmanager
async def listening(client: Client) -> AsyncIterator[Any]:
    headers = {"Authorization": f"Bearer {client.token}"}
    address = f"{client.api.replace('http', 'ws')}/ws/events"
    async with connect(address, additional_headers=headers) as socket:
        yield socket


async def until_told(socket: Any, wanted: Callable[[str], bool]) -> str:  # noqa: ANN401
    """Return all that was told until something wanted was."""
    told = ""
    async with asyncio.timeout(LIVE_LIMIT_S):
        while True:
            text = await socket.recv()
            told += text
            if wanted(text):
                return told


def test_nothing_of_a_city_is_visible_to_another(town: Town) -> None:
    other = town.admin.new_person("rita", "gestor", "city:rj")
    assert other.streams() == {}
    assert other.get("/cameras")["items"] == []
    refusals = [
        other.ask("GET", "/cameras/gate"),
        other.ask("GET", "/cameras/gate/status"),
        other.ask("GET", "/cameras/gate/history"),
        other.ask("GET", "/streams/gate/main"),
        other.ask("GET", "/cities/local"),
        other.ask("PATCH", "/cameras/gate", {"enabled": False}, 1),
        other.ask("DELETE", "/cameras/gate", version=1),
        other.ask("POST", "/streams/gate/main/address", {}),
        other.ask("POST", "/stream-keys", {"name": "mine", "scope": "camera:local/gate"}),
        offer(town.api, "gate/sub", other.token, "v=0\r\n"),
    ]
    told = {answer.request.url.path: answer.status_code for answer in refusals}
    assert set(told.values()) == {404}, told


def test_a_stream_opens_by_a_proof_alone(town: Town, ana: Client) -> None:
    refusal = offer(town.api, "gate/sub", None, "v=0\r\n")
    assert (refusal.status_code, refusal.json()["code"]) == (401, "address_missing")
    asyncio.run(open_in_every_way(town, ana, new_api_key(ana)["token"]))
    refusal = offer(town.api, "yard/main", ana.token, "v=0\r\n")
    assert refusal.status_code == 404


def new_api_key(who: Client) -> dict[str, Any]:
    """Make an API key that watches one camera."""
    draft = {"name": "wall", "role": "visualizador", "scope": "camera:local/gate"}
    made: dict[str, Any] = who.post("/api-keys", draft)
    return made


async def open_in_every_way(town: Town, ana: Client, api_key: str) -> None:
    address = await asyncio.to_thread(ana.address, "gate/sub")
    async with watching(town.api, "gate/sub", address) as viewer:
        refusal = await asyncio.to_thread(offer, town.api, "gate/sub", address, "v=0\r\n")
        assert (refusal.status_code, refusal.json()["code"]) == (401, "address_used")
        fresh = await asyncio.to_thread(lambda: ana.address("gate/sub", renew=True))
        url, media = f"{town.api}{viewer.location}", "application/trickle-ice-sdpfrag"
        for bearer, status in ((fresh, 204), ("v1.a.b.c", 401)):
            headers = {"Authorization": f"Bearer {bearer}", "Content-Type": media}
            answer = await asyncio.to_thread(httpx.patch, url, headers=headers)
            assert answer.status_code == status, answer.text
        await viewer.more()
    for bearer in (ana.token, api_key):
        async with watching(town.api, "gate/sub", bearer) as viewer:
            await viewer.more()
            # Whoever opened it ends it, by the same token; nobody else does.
            url = f"{town.api}{viewer.location}"
            for token, status in ((town.admin.token, 403), (bearer, 200), (bearer, 403)):
                headers = {"Authorization": f"Bearer {token}"}
                answer = await asyncio.to_thread(httpx.delete, url, headers=headers)
                assert answer.status_code == status, answer.text


def sign_out(_town: Town, who: Client) -> None:
    who.post("/auth/sign-out")


def end_session(_town: Town, who: Client) -> None:
    assert who.ask("DELETE", f"/auth/sessions/{who.session}").status_code == 204


def disable(town: Town, who: Client) -> None:
    town.admin.patch(f"/users/{who.user}", {"enabled": False})


@pytest.mark.parametrize(
    ("login", "withdraw"), [("bea", sign_out), ("caio", end_session), ("dora", disable)]
)
def test_a_stream_ends_with_the_right_to_it(
    town: Town, login: str, withdraw: Callable[[Town, Client], None]
) -> None:
    who = town.admin.new_person(login, "visualizador", "camera:local/gate")
    kept = who.address("gate/sub")
    address = who.address("gate/sub")
    took = asyncio.run(cut_after(town.api, "gate/sub", address, lambda: withdraw(town, who)))
    assert took < CUT_LIMIT_S
    refusal = offer(town.api, "gate/sub", kept, "v=0\r\n")
    assert (refusal.status_code, refusal.json()["code"]) == (403, "address_revoked")
    assert offer(town.api, "gate/sub", who.token, "v=0\r\n").status_code == 401


def test_a_stream_ends_with_the_api_key_it_was_opened_by(town: Town, ana: Client) -> None:
    key = new_api_key(ana)
    token, path = key["token"], f"/api-keys/{key['key']['id']}"
    took = asyncio.run(cut_after(town.api, "gate/sub", token, lambda: ana.ask("DELETE", path)))
    assert took < CUT_LIMIT_S
    assert offer(town.api, "gate/sub", token, "v=0\r\n").status_code == 401


def test_a_player_of_rtsp_needs_a_stream_key(town: Town, ana: Client) -> None:
    _key, login = new_stream_key(ana, "camera:local/gate")
    wait_for(lambda: probe(town.rtsp, "gate/sub", login).played, LIVE_LIMIT_S)
    for wrong in ("", f"{login[:-2]}!@", "nobody:nothing@"):
        refused = probe(town.rtsp, "gate/sub", wrong)
        assert not refused.played
        assert "401" in refused.said
    assert not probe(town.rtsp, "yard", login).played
    _key, other = new_stream_key(town.admin, "camera:local/yard")
    wait_for(lambda: probe(town.rtsp, "yard", other).played, LIVE_LIMIT_S)
    assert not probe(town.rtsp, "gate/sub", other).played


def test_a_withdrawn_stream_key_ends_who_plays_by_it(town: Town, ana: Client) -> None:
    key, login = new_stream_key(ana, "camera:local/gate")
    wait_for(lambda: probe(town.rtsp, "gate/sub", login).played, LIVE_LIMIT_S)
    with playing(town.rtsp, "gate/sub", login) as player:
        begun = time.monotonic()
        assert ana.ask("DELETE", f"/stream-keys/{key}").status_code == 204
        player.communicate(timeout=LIVE_LIMIT_S)
        assert time.monotonic() - begun < CUT_LIMIT_S
    assert not probe(town.rtsp, "gate/sub", login).played


def test_streams_run_and_open_without_the_api(town: Town, ana: Client) -> None:
    before = town.product.run["pids"]

    async def watch() -> None:
        first, second = ana.address("gate/sub"), ana.address("gate/sub")
        async with watching(town.api, "gate/sub", first) as viewer:
            os.kill(before["api"][0], signal.SIGSTOP)
            try:
                async with watching(town.api, "gate/sub", second):
                    await viewer.more()
            finally:
                os.kill(before["api"][0], signal.SIGKILL)
            await asyncio.to_thread(
                wait_for, lambda: town.product.run["pids"]["api"] != before["api"], LIVE_LIMIT_S
            )
            await asyncio.to_thread(until_state, ana, "gate/sub", {"live"}, LIVE_LIMIT_S)
            await viewer.more()

    asyncio.run(watch())
    assert town.product.run["pids"]["media"] == before["media"]


def test_the_media_process_comes_back_with_its_rules_without_the_api(
    town: Town, ana: Client
) -> None:
    _key, login = new_stream_key(ana, "camera:local/gate")
    wait_for(lambda: probe(town.rtsp, "gate/sub", login).played, LIVE_LIMIT_S)
    kept = ana.address("gate/sub")
    before = town.product.run["pids"]
    os.kill(before["api"][0], signal.SIGSTOP)
    try:
        os.kill(before["media"], signal.SIGKILL)
        wait_for(lambda: town.product.run["pids"]["media"] != before["media"], BACK_LIMIT_S)
        wait_for(lambda: probe(town.rtsp, "gate/sub", login).played, LIVE_LIMIT_S)
        assert "401" in probe(town.rtsp, "gate/sub").said

        async def watch() -> None:
            async with watching(town.api, "gate/sub", kept) as viewer:
                await viewer.more()

        asyncio.run(watch())
    finally:
        os.kill(before["api"][0], signal.SIGCONT)
    until_state(town.admin, "yard/main", {"live"}, LIVE_LIMIT_S)


def vms(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "vms.cli", *arguments],
        input=given, capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "LC_ALL": "C"},
    )  # fmt: skip


def test_what_was_done_stands_in_an_intact_audit(town: Town, ana: Client) -> None:
    ana.address("gate/main")
    data = str(town.product.data)
    lines = town.admin.get("/audit?limit=200&city=local")["items"]
    found = {(line["actor"], line["action"], line["object"]) for line in lines}
    assert (f"user:{town.admin.user}", "camera.create", "camera:gate") in found
    assert (f"user:{ana.user}", "stream.open", "camera:gate") in found
    verified = vms("audit", "verify", "--data", data, "--json")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    chains = {chain["city"]: chain for chain in json.loads(verified.stdout)["chains"]}
    assert {"local", "@platform"} <= set(chains)
    assert all(chain["intact"] and chain["faults"] == [] for chain in chains.values())
    assert chains["local"]["lines"] > 0
    checked = vms("db", "check", "--data", data, "--json")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert json.loads(checked.stdout)["faults"] == []


def test_a_folder_that_has_an_admin_is_not_opened_to_everybody(tmp_path: Path) -> None:
    data = str(tmp_path)
    made = vms("admin", "create", "--login", "root", "--data", data, given=f"{PASSWORD}\n")
    assert made.returncode == 0, made.stderr
    refused = vms("up", "--open", "--data", data)
    assert refused.returncode == 6
    assert "has an admin: --open would let everybody in" in refused.stderr


def test_it_runs_on_postgresql(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VMS_DATABASE__URL", postgres.new_database())
    with running(["up"], tmp_path / "data", tmp_path / "log") as product:
        first = setup_by_link(product)
        again = Client(product.api).sign_in("root", first.secret, steps=1)
        assert again.get("/auth/me")["user"]["login"] == "root"
        assert not (tmp_path / "data" / "vms.db").exists()
