"""Addresses that are written to lead elsewhere lead nowhere."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from sites import Site
from vms.api import errors
from vms.api.static import WebClient

SECRET = "what lies beside the web client"
TRICKS = (
    "%2e%2e",
    "%252e%252e",
    "..%2f..%2fhealth",
    "..%5c..%5c",
    "a%2fb",
    "%00",
    "gate%00",
    "%ff",
    "%ed%a0%80",
    "gate%0d%0aX-Forged:%201",
    "-1",
    "0x1",
    "*",
    "a" * 5_000,
)
FILES = (
    "/../secret.txt",
    "/%2e%2e/secret.txt",
    "/..%2fsecret.txt",
    "/..%5csecret.txt",
    "/assets/..%2f..%2fsecret.txt",
    "/assets/%2e%2e/%2e%2e/secret.txt",
    "/../web-secret.txt",
    "/..%2fweb-secret.txt",
    "/%2fetc%2fpasswd",
    "//etc/passwd",
    "/assets/link.txt",
    "/assets/up/secret.txt",
    "/assets/app.js%00.txt",
    "/assets/%00",
    "/assets/%ff",
    "/assets/%ed%a0%80",
    "/assets/" + "a" * 300,
    "/assets/" + "a/" * 3_000,
    "/assets/" + "a" * 9_000,
    "/assets/",
    "/assets",
)


@pytest.fixture
async def web(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """The web client's files, with a secret beside their folder and links that lead out of it."""
    folder = tmp_path / "web"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<title>page</title>")
    (folder / "assets" / "app.js").write_text("export {}")
    for name in ("secret.txt", "web-secret.txt"):
        (tmp_path / name).write_text(SECRET)
    (folder / "assets" / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "assets" / "up").symlink_to(tmp_path)
    app = Starlette(routes=[Mount("/", WebClient(folder))])
    errors.install(app)  # type: ignore[arg-type]  # of what both are
    async with _client(app) as client:
        yield client


def _client(app: Any) -> httpx.AsyncClient:  # noqa: ANN401
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=True), base_url="http://vms.test"
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path[:40])
async def test_no_file_outside_of_the_web_client_is_served(
    web: httpx.AsyncClient, path: str
) -> None:
    assert (await web.get("/assets/app.js")).text == "export {}"
    answer = await web.get(httpx.URL("http://vms.test", raw_path=path.encode()))
    assert SECRET not in answer.text
    assert "root:" not in answer.text
    assert answer.status_code == 404 or "<title>page</title>" in answer.text, answer.status_code


async def test_a_trick_in_the_place_of_an_id_finds_nothing(small_site: Site) -> None:
    site = small_site
    paul = await site.enter("paul", "admin", "platform")
    document = (await site.client.get("/api/v1/openapi.json")).json()
    asked = 0
    for path, methods in document["paths"].items():
        names = [part for part in path.split("/") if part.startswith("{")]
        for method in methods:
            for name in names:
                for trick in TRICKS:
                    raw = path.replace(name, trick)
                    for other in names:
                        raw = raw.replace(other, "sp")
                    answer = await _ask(site, method, raw, paul)
                    assert 400 <= answer.status_code < 500, (method, raw, answer.text)
                    assert answer.headers["content-type"] == "application/problem+json"
                    assert "x-forged" not in answer.headers
                    asked += 1
    assert asked > 500


async def _ask(site: Site, method: str, raw: str, who: dict[str, str]) -> httpx.Response:
    # A tenth of a second each: nobody is over his limit, and the session lasts.
    site.hall.clock.advance(0.1)
    url = httpx.URL("http://vms.test", raw_path=raw.encode())
    body = None if method in {"get", "delete"} else {}
    return await site.client.request(
        method.upper(), url, headers={**who, "If-Match": '"1"'}, json=body
    )


@pytest.mark.parametrize(
    "raw",
    [
        "//api/v1/users",
        "/api//v1/users",
        "/api/v1/./users",
        "/api/v1/cities/../users",
        "/api/v1/users;x=1",
        "/api/v1/users%3fhome=sp",
        "/API/v1/users",
        "/api/v1/users/%2e%2e/users",
        "/health/../api/v1/users",
        "/health/live/..%2f..%2fapi%2fv1%2fusers",
        "/" + "a" * 60_000,
    ],
    ids=lambda raw: raw[:40],
)
async def test_no_spelling_of_an_address_goes_round_signing_in(small_site: Site, raw: str) -> None:
    url = httpx.URL("http://vms.test", raw_path=raw.encode())
    answer = await small_site.client.get(url)
    assert answer.status_code in {200, 401, 404}
    assert answer.status_code != 200 or "<html" in answer.text.lower()
    assert "items" not in answer.text
