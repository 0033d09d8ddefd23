"""Text that is SQL, or a pattern of LIKE, stays text wherever it is searched for or kept."""

from typing import Any

from sites import Site

API = "/api/v1"
INJECTIONS = (
    "' OR '1'='1",
    "'; DROP TABLE users; --",
    '" OR ""="',
    "x') UNION SELECT password FROM users --",
    "1; SELECT pg_sleep(5)",
    "%",
    "_",
    "!%",
    "/%",
    "%*",
    "_*",
    "\\",
    "\\'; --",
    ":city",
    ":text",
    "%(city)s",
    "$1",
    "?",
)


def text_filters(document: dict[str, Any]) -> list[tuple[str, str]]:
    """Return path and name of each parameter of a query that takes any text."""
    found = []
    for path, methods in document["paths"].items():
        for parameter in methods.get("get", {}).get("parameters", ()):
            schema = parameter["schema"]
            free = schema.get("type") == "string" and "pattern" not in schema
            if parameter["in"] == "query" and free and parameter["name"] != "cursor":
                found.append((path.replace("{city}", "sp"), parameter["name"]))
    return found


async def test_a_filter_finds_what_holds_its_text_and_nothing_else(site: Site) -> None:
    paul = await site.enter("paul", "admin", "platform")
    for path, body in (
        ("cities/sp/sites", {"name": "Square"}),
        ("cities/sp/groups", {"name": "North"}),
        ("cameras", {"name": "Gate", "city": "sp", "maker": "axis", "host": "192.0.2.1"}),
    ):
        made = await site.client.post(f"{API}/{path}", json=body, headers=paul)
        assert made.status_code == 201, made.text
    document = (await site.client.get(f"{API}/openapi.json")).json()
    filters = text_filters(document)
    assert {name for _, name in filters} >= {"text", "name", "actor", "object", "action"}
    for path, name in filters:
        for text in INJECTIONS:
            answer = await site.client.get(path, params={name: text}, headers=paul)
            assert answer.status_code == 200, (path, name, text, answer.text)
            if path.endswith(".csv"):
                assert answer.text.count("\n") == 1, (path, name, text)
            else:
                assert answer.json()["items"] == [], (path, name, text)
    for path, text in (("users", "pau"), ("cities/sp/sites", "squ"), ("cities/sp/groups", "nor")):
        found = await site.client.get(f"{API}/{path}", params={"text": text}, headers=paul)
        assert len(found.json()["items"]) == 1, path


async def test_a_name_comes_back_as_it_was_given(site: Site) -> None:
    paul = await site.enter("paul", "admin", "platform")
    for number, text in enumerate(INJECTIONS):
        draft = {"name": text, "city": "sp", "maker": "axis", "host": f"192.0.2.{number + 1}"}
        made = await site.client.post(f"{API}/cameras", json=draft, headers=paul)
        assert made.status_code == 201, made.text
        read = await site.client.get(made.headers["location"], headers=paul)
        assert read.json()["name"] == text
        found = await site.client.get(f"{API}/cameras", params={"name": text}, headers=paul)
        assert text in [one["name"] for one in found.json()["items"]], text
    listed = await site.client.get(f"{API}/cameras?limit=200", headers=paul)
    assert len(listed.json()["items"]) == len(INJECTIONS)


async def test_an_order_or_a_place_in_a_list_cannot_be_written_by_oneself(site: Site) -> None:
    paul = await site.enter("paul", "admin", "platform")
    for path in ("users", "cities", "cameras", "audit"):
        for name, text in (("cursor", "' OR 1=1 --"), ("fields", "id;DROP"), ("sort", "name")):
            answer = await site.client.get(f"{API}/{path}", params={name: text}, headers=paul)
            assert answer.status_code == 400, (path, name)
