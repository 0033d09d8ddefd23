"""The REST routes."""

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from doubles import FakeMedia, desired, wish
from vms.common import Kind, StreamName, error_of_kind


async def test_every_stream_is_listed_with_state_and_numbers(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/streams")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    page = answer.json()
    assert page["next"] is None
    assert [(item["camera"], item["stream"]) for item in page["items"]] == [
        ("gate", "main"),
        ("gate", "sub"),
        ("yard", "main"),
    ]
    first = page["items"][0]
    del first["since_utc_us"]
    assert first == {
        "camera": "gate",
        "name": "Gate",
        "stream": "main",
        "state": "live",
        "reason": None,
        "codec": "h264",
        "width": 1920,
        "height": 1080,
        "fps": 25.0,
        "bitrate": 4_000_000,
        "readers": 0,
        "drops": 0,
        "reconnects": 0,
        "backup": False,
        "transcode": None,
        "push": [],
        "clock_offset_ms": -3,
    }


async def test_streams_come_in_pages_in_their_order(
    client: httpx.AsyncClient, app: FastAPI
) -> None:
    # By their bytes "gate-7" would come before "gate/main"; by camera it comes after "gate".
    state = app.state.api
    await state.watch.expect(
        desired(wish("gate", StreamName.MAIN, StreamName.SUB), wish("gate-7"), wish("yard")).cameras
    )
    whole = (await client.get("/api/v1/streams")).json()["items"]
    assert [item["camera"] for item in whole] == ["gate", "gate", "gate-7", "yard"]
    for limit in (1, 2, 3, 4):
        found, after = [], ""
        while True:
            page = await client.get(f"/api/v1/streams?limit={limit}{after}")
            items, cursor = page.json()["items"], page.json()["next"]
            assert len(items) == min(limit, len(whole) - len(found))
            found += items
            if cursor is None:
                break
            after = f"&cursor={cursor}"
        assert [item["camera"] for item in found] == [item["camera"] for item in whole]
        assert [item["stream"] for item in found] == [item["stream"] for item in whole]


async def test_a_page_of_streams_goes_on_where_one_has_gone(
    client: httpx.AsyncClient, app: FastAPI
) -> None:
    first = (await client.get("/api/v1/streams?limit=2&fields=camera,stream")).json()
    assert first["items"] == [
        {"camera": "gate", "stream": "main"},
        {"camera": "gate", "stream": "sub"},
    ]
    await app.state.api.watch.expect(desired(wish("dock"), wish("yard")).cameras)
    rest = (await client.get(f"/api/v1/streams?cursor={first['next']}&fields=camera")).json()
    assert rest == {"items": [{"camera": "yard"}], "next": None}


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "cursor=abc", "fields=password", "fields=", "state=live"]
)
async def test_a_list_of_streams_takes_what_is_offered(
    client: httpx.AsyncClient, query: str
) -> None:
    assert (await client.get(f"/api/v1/streams?{query}")).status_code == 400


async def test_one_stream_can_be_asked_for(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/streams/gate/sub")
    assert (answer.json()["camera"], answer.json()["stream"]) == ("gate", "sub")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/streams/nobody/main", 404, "not_found"),
        ("GET", "/api/v1/streams/gate/third", 404, "not_found"),
        ("GET", "/api/v1/streams/GATE/main", 404, "not_found"),
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("GET", "/assets/none.js", 404, "not_found"),
        ("GET", "/none.png", 404, "not_found"),
        ("GET", "/%2e%2e/%2e%2e/etc/passwd.txt", 404, "not_found"),
        ("GET", "/assets/%2e%2e/%2e%2e/secret.txt", 404, "not_found"),
        ("POST", "/api/v1/streams", 405, "method_not_allowed"),
        ("POST", "/", 405, "method_not_allowed"),
    ],
)
async def test_a_refusal_is_a_problem_body(
    client: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert set(body) == {"type", "title", "status", "detail", "code", "values"}
    assert (body["status"], body["code"]) == (status, code)
    assert body["type"] == f"urn:vms:error:{code}"
    assert body["detail"]


async def test_another_method_is_told_which_there_are(client: httpx.AsyncClient) -> None:
    answer = await client.put("/api/v1/users", json={})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
    answer = await client.post("/api/v1/users/01jd2q8x4t9zc7v3mhn5kwe")
    assert (answer.status_code, answer.headers["allow"]) == (405, "DELETE, GET, PATCH")


@pytest.mark.parametrize("kind", list(Kind))
async def test_each_kind_of_error_has_its_status(
    app: FastAPI, client: httpx.AsyncClient, kind: Kind
) -> None:
    error = error_of_kind(kind, "camera gate failed", code="x", values={"camera": "gate"})

    async def fail() -> None:
        raise error

    app.router.add_api_route("/api/v1/fail", fail)
    app.router.routes.insert(0, app.router.routes.pop())
    answer = await client.get("/api/v1/fail")
    assert answer.status_code == error.outcome.http_status
    assert answer.json()["values"] == {"camera": "gate"}
    assert ("retry-after" in answer.headers) == (kind in {Kind.TOO_MANY, Kind.UNAVAILABLE})


async def test_a_bug_says_only_where_the_log_says_more(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    async def fail() -> None:
        raise RuntimeError("rtsp://u:hunter2@h/")

    app.router.add_api_route("/api/v1/fail", fail)
    app.router.routes.insert(0, app.router.routes.pop())
    answer = await client.get("/api/v1/fail")
    assert answer.status_code == 500
    assert len(answer.json()["values"]["case"]) == 8
    assert "hunter2" not in answer.text


async def test_bad_parameters_are_a_problem_too(app: FastAPI, client: httpx.AsyncClient) -> None:
    async def count(number: int) -> int:
        return number

    app.router.add_api_route("/api/v1/count", count)
    app.router.routes.insert(0, app.router.routes.pop())
    answer = await client.get("/api/v1/count?number=x")
    assert answer.status_code == 400
    assert answer.json()["code"] == "request_invalid"
    assert "number" in answer.json()["detail"]


async def test_the_version_says_that_everything_is_open(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/version")).json() == {"version": "0.1.0", "open": True}


async def test_ready_follows_the_media_process(
    app: FastAPI, client: httpx.AsyncClient, media: FakeMedia
) -> None:
    assert (await client.get("/health/live")).status_code == 200
    assert (await client.get("/health/ready")).status_code == 200
    media.away = True
    media.restart("two")
    async with asyncio.timeout(5):
        while app.state.api.watch.connected:
            await asyncio.sleep(0)
    answer = await client.get("/health/ready")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert (await client.get("/health/live")).status_code == 200
    states: Any = (await client.get("/api/v1/streams")).json()["items"]
    assert {item["reason"]["code"] for item in states} == {"unavailable"}


async def test_metrics_count_by_route_and_not_by_path(client: httpx.AsyncClient) -> None:
    await client.get("/api/v1/streams/gate/main")
    page = (await client.get("/metrics")).text
    assert "vms_media_connected 1" in page
    assert "vms_cpu_usage" in page
    assert "vms_memory_usage" in page
    assert 'route="/api/v1/streams/{camera}/{stream}",status="200"} 1' in page
    assert "gate" not in page


async def test_the_api_describes_itself(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/api/v1/openapi.json")).json()["paths"]
    assert "/api/v1/streams" in paths
