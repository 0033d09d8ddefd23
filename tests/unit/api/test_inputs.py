"""What comes from outside: read into what was offered, or refused with the reason."""

import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import things
from vms.api.cursors import Cursors
from vms.api.inputs import entity_tags
from vms.common import InvalidError

ANA = {"Authorization": "Bearer ana"}


async def send(
    closed: httpx.AsyncClient, content: bytes, media: str = "application/json"
) -> httpx.Response:
    return await closed.post(
        "/api/v1/things", content=content, headers={**ANA, "Content-Type": media}
    )


@pytest.mark.parametrize(
    ("content", "status", "code", "said"),
    [
        (b'{"name": "a", "owner": "root"}', 400, "request_invalid", "unknown field `owner`"),
        (b'{"name": "a", "version": 7}', 400, "request_invalid", "unknown field `version`"),
        (b'{"name": 7}', 400, "request_invalid", "`$.name`"),
        (b'{"name": ""}', 400, "request_invalid", "`$.name`"),
        (b'{"name": "a", "size": 1e400}', 400, "request_invalid", "`$.size`"),
        (b'{"name": "a", "size": 99999999999999999999999}', 400, "request_invalid", "`$.size`"),
        (b'{"name": "a\\u0000b"}', 400, "request_invalid", "zero"),
        (b'{"name": "a\\ud800"}', 400, "request_invalid", "body"),
        (b'{"name": "\xff"}', 400, "request_invalid", "body"),
        (b"", 400, "request_invalid", "body"),
        (b"[]", 400, "request_invalid", "object"),
        (b"[" * 1900, 400, "request_invalid", "object"),
        (b'{"name": "' + b"a" * 2000 + b'"}', 413, "body_too_large", "2000"),
        (b'{"name": "a\\\\u0000"}', 201, None, ""),
    ],
)
async def test_a_body_is_what_was_offered_or_refused(
    closed: httpx.AsyncClient, content: bytes, status: int, code: str | None, said: str
) -> None:
    answer = await send(closed, content)
    assert (answer.status_code, answer.json().get("code")) == (status, code)
    assert said in answer.json().get("detail", "")
    assert bool(things.kept) == (status == 201)


async def test_the_field_at_fault_is_named_for_programs(closed: httpx.AsyncClient) -> None:
    answer = await send(closed, b'{"name": "a", "size": -1}')
    assert answer.json()["values"] == {"field": "size"}


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_a_body_says_that_it_is_json(closed: httpx.AsyncClient, media: str) -> None:
    answer = await send(closed, b'{"name": "a"}', media)
    assert (answer.status_code, answer.json()["code"]) == (415, "body_not_json")


async def test_a_body_without_a_length_is_cut_off_too(closed: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 1 << 30:
            sent += 1024
            yield b" " * 1024

    answer = await closed.post(
        "/api/v1/things",
        content=endless(),
        headers={**ANA, "Content-Type": "application/json"},
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert sent < 1 << 20


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("limit=0", "`$.limit`"),
        ("limit=201", "`$.limit`"),
        ("limit=x", "`$.limit`"),
        ("limit=5&limit=6", "twice"),
        ("larg=1", "unknown field `larg`"),
        ("large=perhaps", "`$.large`"),
        ("large=null", "cannot be null"),
        ("limit=NULL", "cannot be null"),
        ("cursor=abc", "none of ours"),
        ("cursor=" + "a" * 600, "`$.cursor`"),
        ("cursor=%00", "zero"),
        ("cursor=%ff", "UTF-8"),
        ("fields=name,__class__", "`$.fields`"),
        ("fields=name,secret", "an item has"),
        ("fields=", "`$.fields`"),
        ("&".join(f"a{n}=1" for n in range(40)), "too many"),
    ],
)
async def test_a_query_is_what_was_offered_or_refused(
    closed: httpx.AsyncClient, asked: str, said: str
) -> None:
    answer = await closed.get(f"/api/v1/things?{asked}", headers=ANA)
    assert answer.status_code == 400
    assert said in answer.json()["detail"]


@pytest.mark.parametrize(
    "name", ["..%2f..%2fetc", "%00", "a%0d%0aX-Evil: 1", "A", "a" * 21, "a\u0301", "a;b", "a%20"]
)
async def test_what_nothing_could_be_called_is_not_found(
    closed: httpx.AsyncClient, name: str
) -> None:
    answer = await closed.get(f"/api/v1/things/{name}", headers=ANA)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert "x-evil" not in answer.headers


async def test_pages_follow_each_other_to_the_end(closed: httpx.AsyncClient) -> None:
    for name in "abcdefg":
        await send(closed, b'{"name": "%s"}' % name.encode())
    seen, cursor, pages = "", None, 0
    while pages == 0 or cursor is not None:
        told = {"limit": "3"} if cursor is None else {"limit": "3", "cursor": cursor}
        page = (await closed.get("/api/v1/things", params=told, headers=ANA)).json()
        seen += "".join(item["id"] for item in page["items"])
        cursor, pages = page["next"], pages + 1
    assert (seen, pages) == ("abcdefg", 3)


async def test_an_item_has_the_fields_that_were_asked_for(closed: httpx.AsyncClient) -> None:
    await send(closed, b'{"name": "gate", "size": 120}')
    asked = {"fields": "size,id,size", "large": "true"}
    page = (await closed.get("/api/v1/things", params=asked, headers=ANA)).json()
    assert page["items"] == [{"size": 120, "id": "gate"}]


async def test_a_thing_has_a_version_that_changes_name(closed: httpx.AsyncClient) -> None:
    made = await send(closed, b'{"name": "gate"}')
    assert (made.headers["etag"], made.headers["location"]) == ('"1"', "/api/v1/things/gate")
    path = "/api/v1/things/gate"
    for told in ('"1"', 'W/"1"', '"7", "1"', "*"):
        unchanged = await closed.get(path, headers={**ANA, "If-None-Match": told})
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        assert unchanged.headers["etag"] == '"1"'
    assert (await closed.get(path, headers={**ANA, "If-None-Match": '"2"'})).status_code == 200


@pytest.mark.parametrize(
    ("told", "status", "code"),
    [
        (None, 428, "version_missing"),
        ("*", 428, "version_missing"),
        ("1", 400, "request_invalid"),
        ('"1', 400, "request_invalid"),
        ('"2"', 412, "version_conflict"),
        ('W/"1"', 412, "version_conflict"),
        ('"abc"', 412, "version_conflict"),
        ('"1"', 204, None),
        ('"7", "1"', 412, "version_conflict"),
    ],
)
async def test_a_change_names_the_version_it_saw(
    closed: httpx.AsyncClient, told: str | None, status: int, code: str | None
) -> None:
    await send(closed, b'{"name": "gate"}')
    headers = ANA if told is None else {**ANA, "If-Match": told}
    answer = await closed.delete("/api/v1/things/gate", headers=headers)
    assert answer.status_code == status
    assert (answer.json()["code"] if code else None) == code
    assert ("gate" in things.kept) == (status != 204)


def test_two_tags_are_both_read() -> None:
    assert list(entity_tags('"a", W/"b"')) == [(False, "a"), (True, "b")]


@pytest.mark.parametrize("text", ['"' * 100_000, '"a",' * 50_000 + "x", " " * 100_000 + "x"])
def test_a_hostile_tag_costs_no_time(text: str) -> None:
    begun = time.process_time()
    assert list(entity_tags(text)) == []
    assert time.process_time() - begun < 1


@given(st.text(max_size=80))
def test_a_cursor_comes_back_as_it_was(after: str) -> None:
    cursors = Cursors(b"k")
    if "\ud800" <= max(after, default="") <= "\udfff":
        return
    assert cursors.read(cursors.write(after)) == after


@given(st.text(max_size=80))
def test_no_text_of_others_is_a_cursor(text: str) -> None:
    with pytest.raises(InvalidError, match="none of ours"):
        Cursors(b"k").read(text)


def test_a_cursor_of_another_installation_is_none_of_ours() -> None:
    told: Any = Cursors(b"one").write("a")
    with pytest.raises(InvalidError):
        Cursors(b"two").read(told)
