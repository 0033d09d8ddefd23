"""No answer of the API is kept by a cache: every route that is served is asked."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from installation import Town, furnish, installation
from vms.api import rest
from vms.api.operation import Operation

EVERY = [op for ops in rest.EVERY for op in ops.declared]
# Public keys, which the programs of others fetch again and again.
KEPT = {"/api/v1/auth/jwks": "public, max-age=60"}
# It never ends: what is asked over a socket.
ENDLESS = "/api/v1/events/stream"


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_template: Path) -> str:
    path = tmp_path / "vms.db"
    path.write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{path}"


def filled(op: Operation, document: dict[str, Any], town: Town) -> str:
    """Return an operation's path to things that are there."""
    path = op.path
    for part in document["paths"].get(path, {}).get(op.method.lower(), {}).get("parameters", ()):
        if part["in"] == "path":
            known = town.ids.get(part["name"], ["unlimited"])
            path = path.replace(f"{{{part['name']}}}", known[0])
    return path


def sent(op: Operation, document: dict[str, Any]) -> dict[str, Any]:
    """Return the body of an operation's example, as one sends it."""
    found = document["paths"].get(op.path, {}).get(op.method.lower(), {}).get("requestBody")
    for media, content in (found or {"content": {}})["content"].items():
        example = content.get("example")
        if isinstance(example, str):
            return {"content": example, "headers": {"Content-Type": media}}
        return {"json": example}
    return {}


def check(answer: httpx.Response) -> None:
    asked = f"{answer.request.method} {answer.request.url.path}: {answer.status_code}"
    wanted = KEPT.get(answer.request.url.path, "no-store")
    assert answer.headers.get("cache-control") == wanted, asked


async def test_no_answer_is_kept_by_a_cache(tmp_path: Path, sqlite_url: str) -> None:
    good: set[str] = set()
    async with installation(tmp_path, sqlite_url) as place, place.client as client:
        town = await furnish(place, client, "sp", "sp")
        admin = await place.enter("root", "admin", "platform")
        document = (await client.get("/api/v1/openapi.json")).json()
        # Who deletes comes last, and who ends his own session last of all.
        order = sorted(EVERY, key=lambda op: ("sign-out" in op.path, op.method == "DELETE"))
        for op in order:
            path = filled(op, document, town)
            check(await client.request(op.method, path))
            if path == ENDLESS:
                continue
            more = sent(op, document)
            headers = {**more.pop("headers", {}), "If-Match": "*", **admin}
            answer = await client.request(op.method, path, headers=headers, **more)
            check(answer)
            if answer.is_success:
                good.add(op.path)
                if tag := answer.headers.get("etag"):
                    check(await client.get(path, headers={**admin, "If-None-Match": tag}))
        check(await client.get("/api/v1/nothing", headers=admin))
    # Refusals alone would prove little.
    assert len(good) > len({op.path for op in EVERY}) / 2, sorted(good)


async def test_a_stream_of_events_is_not_kept_either(tmp_path: Path, sqlite_url: str) -> None:
    async with installation(tmp_path, sqlite_url) as place:
        who = await place.enter("root", "admin", "platform")
        async with (
            place.serving() as address,
            httpx.AsyncClient(base_url=address, headers={"x-vms-client": "192.0.2.7"}) as client,
            client.stream("GET", ENDLESS, headers=who) as answer,
        ):
            assert answer.status_code == 200
            check(answer)
