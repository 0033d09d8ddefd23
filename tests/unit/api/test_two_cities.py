"""Nothing of one city is visible to another: every operation of the document is tried.

Two cities have the same things, those of `rj` under names that give them away.
Whoever belongs to `sp` asks every operation for each id of `rj`, in its path,
its query and its body. Whatever is answered, nothing of `rj` is in it, and
nothing of `rj` has changed.
"""

import copy
import itertools
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from installation import API, Installation, Town, furnish, installation
from vms.cities import UNLIMITED_PLAN

MARK = "riosecret"
Json = dict[str, Any]
# What needs no id of a thing and tells nothing of any: signing in and links.
WITHOUT_CALLER = {"sign-in", "second-factor", "refresh", "setup", "invitations", "password-reset"}
# A link opens for whoever has it, of whatever city.
PUBLIC = {"downloads"}
# What belongs to no city: plans, machines, the keys that seal; and a word.
OF_NOBODY = {
    "plan": UNLIMITED_PLAN,
    "node": "0" * 23,
    "stream": "main",
    "fingerprint": "0" * 64,
}
# They never end.
STREAMS = {"stream_events"}


@pytest.fixture
async def place(tmp_path: Path, database_address: str) -> AsyncIterator[Installation]:
    """A whole installation: on SQLite, then on PostgreSQL."""
    async with installation(tmp_path, database_address) as made:
        yield made


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if operation["operationId"] in STREAMS or not path.startswith(API):
                continue
            if path.split("/")[3] in PUBLIC:
                continue
            if path.split("/")[3] == "auth" and path.split("/")[4] in WITHOUT_CALLER:
                continue
            yield method.upper(), path, operation


def paths_with(path: str, names: list[str], ours: Town, theirs: Town) -> Iterator[tuple[str, bool]]:
    """Yield the path with each foreign id in each place, and whether it must not be found."""
    choices = []
    for name in names:
        known = [(one, True) for one in theirs.ids.get(name, [])]
        if name == "city":
            known.append((ours.city, False))
        if name in OF_NOBODY:
            known = [(OF_NOBODY[name], False)]
        assert known, f"there is nothing foreign for {{{name}}} of {path}"
        choices.append(known)
    for chosen in itertools.product(*choices):
        made = path
        for name, (value, _) in zip(names, chosen, strict=True):
            made = made.replace(f"{{{name}}}", value)
        yield made, any(foreign for _, foreign in chosen)


def bodies_with(example: Any, values: list[str]) -> Iterator[Any]:  # noqa: ANN401 - JSON
    """Yield the example with one text after the other replaced by something foreign."""
    for place in texts_of(example):
        for value in values:
            made = copy.deepcopy(example)
            node = made
            for step in place[:-1]:
                node = node[step]
            node[place[-1]] = value
            yield made


def texts_of(node: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401
    if isinstance(node, str) and place:
        yield place
    steps: Any = ()
    if isinstance(node, dict):
        steps = node.items()
    elif isinstance(node, list):
        steps = enumerate(node)
    for step, part in steps:
        yield from texts_of(part, (*place, step))


class Prober:
    """Asks as somebody of one city, and sees that nothing of the other is told."""

    def __init__(self, client: httpx.AsyncClient, theirs: Town) -> None:
        self._client = client
        self._theirs = theirs
        self.asked = 0
        # What stands in our own things from then on; and, in our own audit, what was asked for.
        self._written: set[str] = set()
        self._searched: set[str] = set()

    async def ask(
        self,
        who: dict[str, str],
        method: str,
        path: str,
        body: Any = None,  # noqa: ANN401 - JSON
        **more: Any,  # noqa: ANN401 - of httpx
    ) -> httpx.Response:
        headers = {**who, "If-Match": '"1"'}
        if isinstance(body, str):
            more |= {"content": body.encode()}
            headers["Content-Type"] = "text/csv"
        elif body is not None:
            more |= {"json": body}
            self._written |= {one for one in self._theirs.all if one in json.dumps(body)}
        if path.startswith(f"{API}/audit"):
            self._searched |= {one for one in self._theirs.all if one in str(more)}
        answer = await self._client.request(method, path, headers=headers, **more)
        self.asked += 1
        assert answer.status_code < 500, (method, path, body, answer.text)
        self._check(answer, f"{path} {json.dumps(body)} {more.get('params')}")
        return answer

    def _check(self, answer: httpx.Response, asked: str) -> None:
        said = answer.text + str(answer.headers)
        assert MARK not in said.lower().replace(asked.lower(), ""), (asked, answer.text)
        told = {one for one in self._theirs.all if len(one) > 10 and one in said}
        # An id that was asked for may be repeated in the refusal.
        known = self._written | (self._searched if "/audit" in asked else set())
        unasked = {one for one in told - known if one not in asked}
        assert unasked == set(), (asked, answer.text)


async def everything_of(client: httpx.AsyncClient, town: Town, document: Json) -> Json:
    """Return what the city's own manager sees of it."""
    found = {}
    for method, path, operation in operations(document):
        if method != "GET" or "audit" in path or "openapi" in path or "version" in path:
            continue
        for made, _ in paths_with(path, names_in(operation), town, town):
            answer = await client.get(made, headers=town.manager)
            if answer.headers.get("content-type", "").startswith("application/json"):
                found[made] = without_use(answer.json())
    return found


def without_use(node: Any) -> Any:  # noqa: ANN401 - JSON
    """Leave out when a thing was used last: the manager uses his own by looking."""
    if isinstance(node, dict):
        return {key: without_use(part) for key, part in node.items() if key != "used_us"}
    return [without_use(part) for part in node] if isinstance(node, list) else node


def names_in(operation: Json) -> list[str]:
    return [one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"]


@pytest.mark.timeout(300)
async def test_no_operation_tells_or_changes_anything_of_another_city(place: Installation) -> None:
    async with place.client as client:
        ours = await furnish(place, client, "sp", "ours")
        theirs = await furnish(place, client, "rj", MARK)
        document = (await client.get(f"{API}/openapi.json")).json()
        before = await everything_of(client, theirs, document)
        assert len(before) > 20
        assert MARK in json.dumps(before)
        prober = Prober(client, theirs)
        others = [
            await place.enter("eva", "operador", "city:sp"),
            await place.enter("ivo", "visualizador", "group:sp/" + ours.ids["group"][1]),
        ]
        values = [*theirs.all, "city:rj", f"camera:rj/{theirs.ids['camera'][0]}", "rj"]
        for tried in operations(document):
            await try_paths(prober, ours, theirs, others, tried)
            await try_queries(prober, ours, values, tried)
        # Last: what is accepted stands in our own things from then on.
        for tried in operations(document):
            await try_bodies(prober, ours, values, tried)
        assert prober.asked > 1000
        assert await everything_of(client, theirs, document) == before


Tried = tuple[str, str, Json]


async def try_paths(
    prober: Prober, ours: Town, theirs: Town, others: list[dict[str, str]], tried: Tried
) -> None:
    method, path, operation = tried
    names = names_in(operation)
    body = example_of(operation)
    for made, foreign in paths_with(path, names, ours, theirs) if names else ():
        answer = await prober.ask(ours.manager, method, made, body)
        if foreign and "plan" not in names:
            assert answer.status_code == 404, (method, made, answer.text)
        for who in others:
            refused = await prober.ask(who, method, made, body)
            assert refused.status_code in {403, 404} or not foreign, (method, made, refused.text)


async def try_queries(prober: Prober, ours: Town, values: list[str], tried: Tried) -> None:
    method, path, operation = tried
    if method != "GET" or names_in(operation):
        return
    await prober.ask(ours.manager, method, path)
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "query":
            for value in (*values, MARK[:-2], "*", "%"):
                await prober.ask(ours.manager, method, path, params={parameter["name"]: value})


async def try_bodies(prober: Prober, ours: Town, values: list[str], tried: Tried) -> None:
    method, path, operation = tried
    example = example_of(operation)
    if example is None or isinstance(example, str):
        return
    own = path
    for name in names_in(operation):
        own = own.replace(f"{{{name}}}", ours.ids.get(name, ["main"])[0])
    for body in bodies_with(example, values):
        await prober.ask(ours.manager, method, own, body)


def example_of(operation: Json) -> Any:  # noqa: ANN401 - JSON
    content = operation.get("requestBody", {}).get("content", {})
    return next((media["example"] for media in content.values()), None)
