"""What surrounds every request: protection, numbers, and our own bugs."""

import json
from collections.abc import Awaitable, Callable

import httpx
import pytest
from fastapi import FastAPI

from vms.api import middleware

Fail = Callable[[], Awaitable[None]]


def add(app: FastAPI, path: str, endpoint: Fail) -> None:
    app.router.add_api_route(path, endpoint)
    app.router.routes.insert(0, app.router.routes.pop())


async def test_other_origins_are_told_nothing(closed: httpx.AsyncClient) -> None:
    headers = {"Origin": "https://evil.test", "Access-Control-Request-Method": "POST"}
    for method in ("GET", "OPTIONS"):
        answer = await closed.request(method, "/api/v1/version", headers=headers)
        assert [name for name in answer.headers if name.startswith("access-control")] == []


async def test_each_request_has_a_number_of_its_own(closed: httpx.AsyncClient) -> None:
    headers = {"X-Request-Id": "mine\tnot yours"}
    numbers = {
        (await closed.get("/api/v1/version", headers=headers)).headers["x-request-id"]
        for _ in range(3)
    }
    assert len(numbers) == 3
    assert "mine" not in "".join(numbers)


async def test_a_bug_is_answered_with_the_same_protection(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    async def fail() -> None:
        raise RuntimeError("no")

    add(app, "/api/v1/fail", fail)
    answer = await client.get("/api/v1/fail")
    assert answer.status_code == 500
    for name, value in middleware.PROTECTION:
        assert answer.headers.get_list(name) == [value]
    assert answer.headers["x-request-id"]


async def test_a_name_in_an_address_writes_no_line_of_the_log(
    app: FastAPI, client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fail() -> None:
        raise RuntimeError("no")

    add(app, "/api/v1/fail/{name}", fail)
    await client.get('/api/v1/fail/a%0a{"event":"forged"}%0d%0a')
    said = capsys.readouterr()
    lines = (said.out + said.err).splitlines()
    assert any("request_failed" in line for line in lines)
    assert [line for line in lines if line.startswith('{"event":"forged"')] == []


@pytest.mark.parametrize("path", ["//evil.test/", "/api/v1/version/", "/%2f%2fevil.test/.."])
async def test_no_address_leads_to_another_host(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path, headers={"Host": "evil.test"})
    assert answer.status_code not in range(300, 400)
    assert "location" not in answer.headers


async def test_a_problem_is_json_whatever_was_asked(closed: httpx.AsyncClient) -> None:
    answer = await closed.get("/api/v1/things/<script>", headers={"Accept": "text/html"})
    assert answer.headers["content-type"] == "application/problem+json"
    assert "<script>" not in json.loads(answer.text)["detail"]
