"""Who asks: refused by default, counted always, and never by another site."""

import httpx
import pytest
from fastapi.routing import APIRoute

import things
from vms.api import Wiring, caller, create_app, rest, visit

# Whatever is not here asks who calls; each has a reason to be open.
PUBLIC = {
    # The secret in the address is the right to it.
    "GET /api/v1/downloads/{token}",
    "GET /api/v1/openapi-3.0.json",
    "GET /api/v1/openapi.json",
    "GET /api/v1/version",
    "GET /health/live",
    "GET /health/ready",
    # Signing in, and what a link lets one do.
    "GET /api/v1/auth/jwks",
    "GET /api/v1/auth/setup",
    "POST /api/v1/auth/invitations/accept",
    "POST /api/v1/auth/invitations/look",
    "POST /api/v1/auth/password-reset",
    "POST /api/v1/auth/refresh",
    "POST /api/v1/auth/second-factor",
    "POST /api/v1/auth/setup",
    "POST /api/v1/auth/sign-in",
    "POST /api/v1/nodes/join",
}
COOKIES = {"vms_access": "ana", "vms_csrf": "c5rf"}


def test_every_route_asks_who_calls_or_is_known_to_be_public() -> None:
    declared = {f"{op.method} {op.path}": op for ops in rest.EVERY for op in ops.declared}
    assert {name for name, op in declared.items() if not op.asks_who} == PUBLIC
    assert all(op.counted for op in declared.values())


def test_no_route_is_served_that_was_not_declared(wiring: Wiring) -> None:
    app = create_app(wiring)
    declared = {op.endpoint for ops in rest.EVERY for op in ops.declared}
    served = _routes(app.router.routes)
    assert served
    assert {route.endpoint for route in served} == declared


def _routes(routes: object) -> list[APIRoute]:
    found: list[APIRoute] = []
    for route in routes:  # type: ignore[attr-defined]
        if isinstance(route, APIRoute):
            found.append(route)
        found += _routes(getattr(route, "routes", None) or ())
    return found


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "not_signed_in"),
        ({"Authorization": "Basic YTpi"}, "not_signed_in"),
        ({"Authorization": "Bearer "}, "not_signed_in"),
        ({"Authorization": "Bearer nobody"}, "token_expired"),
        ({"Authorization": "Bearer " + "x" * 5000}, "not_signed_in"),
        ({"Cookie": "vms_access=nobody"}, "token_expired"),
    ],
)
async def test_without_a_token_that_holds_nothing_is_told(
    closed: httpx.AsyncClient, headers: dict[str, str], code: str
) -> None:
    answer = await closed.get("/api/v1/things", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", ["/api/v1/things", "/api/v1/streams"])
async def test_a_token_comes_as_bearer_or_cookie(closed: httpx.AsyncClient, path: str) -> None:
    bearer = await closed.get(path, headers={"Authorization": "bearer ana"})
    cookie = await closed.get(path, headers={"Cookie": "vms_access=ana"})
    assert (bearer.status_code, cookie.status_code) == (200, 200)


async def test_metrics_are_for_who_may_see_the_system(closed: httpx.AsyncClient) -> None:
    answer = await closed.get("/metrics", headers={"Authorization": "Bearer ana"})
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_missing")


async def post(closed: httpx.AsyncClient, name: str, headers: dict[str, str]) -> httpx.Response:
    cookie = "; ".join(f"{key}={value}" for key, value in COOKIES.items())
    return await closed.post(
        "/api/v1/things", json={"name": name}, headers={"Cookie": cookie, **headers}
    )


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 403, "csrf_failed"),
        ({"X-CSRF-Token": "other"}, 403, "csrf_failed"),
        ({"X-CSRF-Token": ""}, 403, "csrf_failed"),
        ({"X-CSRF-Token": "c5rf", "Origin": "https://evil.test"}, 403, "origin_foreign"),
        ({"X-CSRF-Token": "c5rf", "Origin": "null"}, 403, "origin_foreign"),
        ({"X-CSRF-Token": "c5rf", "Origin": "http://vms.test"}, 201, None),
        ({"X-CSRF-Token": "c5rf"}, 201, None),
        ({"Authorization": "Bearer bruno"}, 201, None),
    ],
)
async def test_cookies_prove_that_the_page_is_ours(
    closed: httpx.AsyncClient, headers: dict[str, str], status: int, code: str | None
) -> None:
    answer = await post(closed, "new", headers)
    assert answer.status_code == status
    assert answer.json().get("code") == code
    assert ("new" in things.kept) == (status == 201)


async def test_an_empty_csrf_cookie_proves_nothing(closed: httpx.AsyncClient) -> None:
    headers = {"Cookie": "vms_access=ana; vms_csrf=", "X-CSRF-Token": ""}
    answer = await closed.post("/api/v1/things", json={"name": "new"}, headers=headers)
    assert answer.json()["code"] == "csrf_failed"


async def knock(closed: httpx.AsyncClient, **headers: str) -> httpx.Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return await closed.post("/api/v1/things/gate/knock", headers=names)


async def test_the_hundred_and_first_anonymous_request_waits(closed: httpx.AsyncClient) -> None:
    for number in range(100):
        answer = await knock(closed)
        assert answer.status_code == 204
        assert answer.headers["ratelimit-remaining"] == str(99 - number)
    answer = await knock(closed)
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["ratelimit-limit"] == "100"
    assert answer.headers["ratelimit-remaining"] == "0"
    assert answer.json()["values"] == {"limit": 100, "wait_s": 1}
    assert (await closed.get("/api/v1/things")).status_code == 429, "guessing tokens counts too"
    assert (await knock(closed, x_vms_client="192.0.2.8")).status_code == 204


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/none", 404),
        ("GET", "/api", 404),
        ("GET", "/graphql", 404),
        ("POST", "/api/v1/none", 405),
        ("DELETE", "/api/v1/version", 405),
    ],
)
async def test_guessing_addresses_counts_like_asking(
    closed: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    for _ in range(100):
        assert (await closed.request(method, path)).status_code == status
    assert (await closed.request(method, path)).status_code == 429
    assert (await closed.get("/api/v1/version")).status_code == 429
    signed_in = await closed.request(method, path, headers={"Authorization": "Bearer ana"})
    assert signed_in.status_code == status
    assert signed_in.headers["ratelimit-limit"] == "1000"


@pytest.mark.parametrize("path", ["/", "/assets/app-1a2b.js", "/health/live", "/a/screen"])
async def test_files_and_probes_have_a_larger_limit_of_their_own(
    closed: httpx.AsyncClient, path: str
) -> None:
    while (await knock(closed)).status_code == 204:
        pass
    answer = await closed.get(path)
    assert answer.status_code == 200
    assert answer.headers["ratelimit-limit"] == "3000"
    assert answer.headers["ratelimit-remaining"] == "2999"


async def test_files_end_too(closed: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caller, "FILES_PER_MINUTE", 30)
    for _ in range(30):
        answer = await closed.get("/health/live")
    assert answer.status_code == 200
    assert (await closed.get("/favicon.svg")).json()["code"] == "rate_limited"
    assert (await closed.get("/favicon.svg", headers={"x-vms-client": "192.0.2.8"})).is_success
    assert (await knock(closed)).status_code == 204


async def test_a_town_hall_behind_one_address_keeps_its_operators(
    closed: httpx.AsyncClient,
) -> None:
    while (await knock(closed)).status_code == 204:
        pass
    signed_in = await closed.get("/api/v1/things", headers={"Authorization": "Bearer ana"})
    assert signed_in.status_code == 200
    assert signed_in.headers["ratelimit-remaining"] == "999"
    assert (await knock(closed, cookie="vms_device=known-1")).status_code == 204
    assert (await knock(closed, cookie="vms_device=forged")).status_code == 429


async def test_each_user_has_a_limit_of_his_own(
    closed: httpx.AsyncClient, gate: things.FakeGate
) -> None:
    gate.limit = 2
    ana, bruno = ({"Authorization": f"Bearer {name}"} for name in ("ana", "bruno"))
    asked = [await closed.get("/api/v1/things", headers=ana) for _ in range(3)]
    assert [answer.status_code for answer in asked] == [200, 200, 429]
    assert asked[2].headers["retry-after"] == "30"
    assert (await closed.get("/api/v1/things", headers=bruno)).status_code == 200


async def test_what_a_tcp_client_says_of_its_address_is_not_believed(wiring: Wiring) -> None:
    app = create_app(wiring)
    transport = httpx.ASGITransport(app, client=("198.51.100.1", 1234))
    async with httpx.AsyncClient(transport=transport, base_url="http://vms.test") as client:
        for number in range(101):
            headers = {"x-vms-client": f"192.0.2.{number}"}
            answer = await client.get("/api/v1/version", headers=headers)
        assert answer.status_code == 429


@pytest.mark.parametrize(("client", "secure"), [(("198.51.100.1", 1234), False), (None, True)])
def test_the_front_alone_says_that_a_request_came_by_tls(
    client: tuple[str, int] | None, *, secure: bool
) -> None:
    headers = [(b"x-vms-scheme", b"https")]
    assert visit.begin({"client": client, "scheme": "http", "headers": headers}).secure is secure
