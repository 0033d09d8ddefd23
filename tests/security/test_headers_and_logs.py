"""No text of others makes a line of a log or a header, and no secret is ever logged."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import structlog

from people import PASSWORD, secret_of
from sites import Site
from vms.telemetry import LogFormat, configure_logging, get_logger

API = "/api/v1"
AUTH = f"{API}/auth"
FORGED = '{"level":"info","message":"forged"}'
LINE_ENDS = ("\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029")


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that this process logs, as JSON."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    out = io.StringIO()
    configure_logging("api", level="debug", log_format="json", stream=out)
    yield out
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def as_text(found: Any) -> set[str]:  # noqa: ANN401 - JSON
    """Return every long text of an answer that is no plain word."""
    if isinstance(found, dict):
        return set().union(*map(as_text, found.values()))
    if isinstance(found, list):
        return set().union(*map(as_text, found))
    return {found} if isinstance(found, str) and len(found) >= 8 else set()


async def test_no_secret_is_logged(small_site: Site, log: io.StringIO) -> None:
    site, hidden = small_site, {PASSWORD}

    async def post(path: str, body: Any, *names: str, **headers: str) -> Any:  # noqa: ANN401
        answer = await site.client.post(f"{API}/{path}", json=body, headers=headers)
        assert answer.status_code in {200, 201}, answer.text
        for name in names:
            found = as_text(answer.json()[name])
            assert found, (path, name)
            hidden.update(found)
        return answer.json()

    await site.hall.user("ana", "gestor", "city:sp")
    sign_in = {"login": "ana", "password": PASSWORD}
    tokens = await post("auth/sign-in", sign_in, "access", "refresh", "device")
    ana = {"Authorization": f"Bearer {tokens['access']}"}
    begun = await post("auth/totp", {}, "secret", **ana)
    site.hall.secrets["ana"] = secret_of(begun["secret"])
    await post("auth/totp/confirm", {"code": site.hall.code("ana")}, "codes", **ana)
    site.house.people.principals.forget_all()
    tokens = await post("auth/refresh", {"refresh": tokens["refresh"]}, "access", "refresh")
    ana = {"Authorization": f"Bearer {tokens['access']}"}
    ticket = await post("auth/sign-in", sign_in, "ticket")
    assert ticket["state"] != "signed_in"
    key = {"name": "k", "role": "visualizador", "scope": "city:sp"}
    await post("api-keys", key, "token", **ana)
    camera = {"name": "Gate", "maker": "axis", "host": "192.0.2.1", "user": "root"}
    hidden.add("correct horse battery")
    gate = await post("cameras", {**camera, "password": "correct horse battery"}, **ana)
    scope = f"camera:sp/{gate['id']}"
    await post("stream-keys", {"name": "k", "scope": scope}, "secret", **ana)
    await post("invitations", {"role": "operador", "scope": "city:sp"}, "token", **ana)
    await post(f"streams/{gate['id']}/main/address", {}, "address", **ana)
    await post("auth/sign-in", sign_in | {"cookies": True})
    wrong = {"login": "ana", "password": "another wrong one"}
    hidden.add(wrong["password"])
    await site.client.post(f"{AUTH}/sign-in", json=wrong)

    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError(f"it went wrong with password={PASSWORD} for {dict(ana)}")

    site.house.cameras.list = fail  # type: ignore[method-assign, assignment]
    object.__setattr__(site.app.state.api.contexts.cameras.cameras, "list", fail)
    broken = await site.client.get(f"{API}/cameras", headers=ana)
    assert broken.status_code == 500
    said = log.getvalue()
    assert "request_failed" in said
    assert "it went wrong" in said
    assert [text for text in hidden if text in said or text in broken.text] == []


@pytest.mark.parametrize("end", LINE_ENDS, ids=ascii)
@pytest.mark.parametrize("form", ["json", "human"])
def test_no_text_makes_a_line_of_the_log(end: str, form: LogFormat) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    out = io.StringIO()
    try:
        configure_logging("api", log_format=form, stream=out)
        text = f"gate{end}{FORGED}{end}\x1b[2J"
        get_logger("vms.test").warning("told", path=text, values={"agent": text, text: [text]})
        logging.getLogger("library").warning("said %s", text)
    finally:
        root.handlers, root.level = handlers, level
        structlog.reset_defaults()
    said = out.getvalue()
    assert len(said.splitlines()) == 2, said
    assert "\x1b" not in said
    if form == "json":
        assert [json.loads(line)["level"] for line in said.splitlines()] == ["warning"] * 2


@pytest.mark.parametrize("text", ["a\r\nX-Forged: 1", "a\nX-Forged: 1", "a\r\n\r\n<html>", "a\0b"])
async def test_no_text_makes_a_header(small_site: Site, text: str) -> None:
    site = small_site
    paul = await site.enter("paul", "admin", "platform")
    camera = {"name": text, "city": "sp", "maker": "axis", "host": "192.0.2.1"}
    user = {"login": "bruno", "name": text, "password": PASSWORD, "home": "sp"}
    asked: list[tuple[str, dict[str, Any], dict[str, str]]] = [
        ("cameras", camera, {}),
        ("cameras", {**camera, "name": "a", "id": text}, {}),
        ("users", user, {}),
        ("users", {**user, "name": "a", "login": text}, {}),
        ("cities", {"id": text, "name": "a", "plan": "unlimited"}, {}),
        ("cities/sp/sites", {"name": text}, {}),
    ]
    asked += [
        ("cameras", camera | {"name": "a"}, {name: text})
        for name in ("Idempotency-Key", "X-Request-Id", "X-Vms-Client", "User-Agent", "Origin")
    ]
    for path, body, headers in asked:
        answer = await site.client.post(f"{API}/{path}", json=body, headers={**paul, **headers})
        assert answer.status_code < 500, (path, answer.text)
        assert_clean(answer)
    for path in ("cameras/export.csv?city=sp", "audit/export.csv", "audit", "auth/sessions"):
        answer = await site.client.get(f"{API}/{path}", headers=paul)
        assert answer.status_code == 200, (path, answer.text)
        assert_clean(answer)


def assert_clean(answer: httpx.Response) -> None:
    assert "x-forged" not in answer.headers
    for name, value in answer.headers.raw:
        assert not set(b"\r\n\0") & set(name + value), (name, value)
