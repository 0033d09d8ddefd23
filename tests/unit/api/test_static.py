"""The web client's files, its page, and the headers that protect it."""

from pathlib import Path

import httpx
import pytest


@pytest.mark.parametrize("path", ["/", "/cameras/gate", "/settings", "/index.html"])
async def test_the_page_answers_for_every_screen(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 200
    assert "<title>Wall</title>" in answer.text
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("path", "cache", "kind"),
    [
        ("/assets/app-1a2b.js", "public, max-age=31536000, immutable", "javascript"),
        ("/favicon.svg", "no-cache", "image/svg+xml"),
    ],
)
async def test_files_are_kept_by_browsers_as_their_names_allow(
    client: httpx.AsyncClient, path: str, cache: str, kind: str
) -> None:
    answer = await client.get(path)
    assert answer.headers["cache-control"] == cache
    assert kind in answer.headers["content-type"]
    again = await client.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("path", ["/", "/api/v1/streams", "/assets/app-1a2b.js", "/api/v1/none"])
async def test_every_answer_is_protected(client: httpx.AsyncClient, path: str) -> None:
    headers = (await client.get(path)).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "server" not in headers


async def test_a_web_client_that_is_not_built_is_named(
    client: httpx.AsyncClient, web: Path
) -> None:
    (web / "index.html").unlink()
    answer = await client.get("/")
    assert (answer.status_code, answer.json()["code"]) == (503, "web_client_missing")
    assert "make setup" in answer.json()["detail"]


async def test_the_page_that_verifies_is_a_file_to_keep(
    client: httpx.AsyncClient, web: Path
) -> None:
    (web / "verify.html").write_text("<!doctype html>")
    answer = await client.get("/verify.html")
    assert answer.headers["content-disposition"] == 'attachment; filename="verify.html"'
    assert "content-disposition" not in (await client.get("/")).headers
