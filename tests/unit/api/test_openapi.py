"""The document of the API: whole, valid, and what is served."""

from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema_rs
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_30_VALIDATOR, OPENAPI_31_VALIDATOR

import things
from vms.api import openapi, rest
from vms.api.inputs import JsonBody
from vms.api.operation import Operation

DECLARED = [operation for ops in (*rest.EVERY, things.ops) for operation in ops.declared]
NEWER = openapi.document(DECLARED, "1.2.3")
OLDER = openapi.older(NEWER)
Json = dict[str, Any]


def named(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


def shown(operation: Operation, document: Json = NEWER) -> Json:
    found: Json = document["paths"][operation.path][operation.method.lower()]
    return found


def test_both_documents_are_valid() -> None:
    assert [error.message for error in OPENAPI_31_VALIDATOR.iter_errors(NEWER)] == []
    assert [error.message for error in OPENAPI_30_VALIDATOR.iter_errors(OLDER)] == []
    assert (NEWER["openapi"], OLDER["openapi"]) == ("3.1.0", "3.0.3")


def values_of(key: str, node: object) -> Iterator[Any]:
    if isinstance(node, dict):
        if key in node:
            yield node[key]
        for part in node.values():
            yield from values_of(key, part)
    elif isinstance(node, list):
        for part in node:
            yield from values_of(key, part)


@pytest.mark.parametrize("document", [NEWER, OLDER], ids=["3.1", "3.0"])
def test_every_reference_leads_somewhere(document: Json) -> None:
    for reference in values_of("$ref", document):
        node: Any = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
        assert node


def test_the_older_document_has_no_word_of_the_newer() -> None:
    for word in ("const", "prefixItems", "exclusiveMinimum", "examples", "$defs"):
        assert all(value is True for value in values_of(word, OLDER)), word
    assert "null" not in list(values_of("type", OLDER))


def test_operations_have_names_of_their_own() -> None:
    names = [operation.name for operation in DECLARED]
    assert len(names) == len(set(names))
    assert [name for name in NEWER["components"]["schemas"] if "." in name] == []


@pytest.mark.parametrize("operation", DECLARED, ids=named)
def test_an_operation_says_what_it_is_with_examples(operation: Operation) -> None:
    told = shown(operation)
    assert told["summary"]
    assert told["description"]
    good = told["responses"][str(operation.status)]
    if operation.answer is None and operation.media is None:
        assert operation.status == 204
        assert "content" not in good
    else:
        (media,) = good["content"].values()
        assert media["example"] not in (None, "")
        check(media["example"], media["schema"])
    for parameter in told.get("parameters", ()):
        assert parameter["description"]
        if parameter["in"] == "path":
            check(parameter["example"], parameter["schema"])


@pytest.mark.parametrize("operation", DECLARED, ids=named)
def test_an_operation_says_how_it_refuses(operation: Operation) -> None:
    told = {int(status) for status in shown(operation)["responses"]} - {operation.status}
    assert {500, 503} <= told
    assert {401, 403} <= told or not operation.asks_who
    assert (429 in told) == operation.counted
    assert ({413, 415} <= told) == (operation.body is not None)
    assert ({412, 428} <= told) == operation.conditional
    assert 404 in told or not operation.path_names


@pytest.mark.parametrize("operation", DECLARED, ids=named)
def test_an_operation_that_takes_a_body_has_an_example_and_takes_nothing_else(
    operation: Operation,
) -> None:
    if not isinstance(operation.body, JsonBody):
        return
    (media,) = shown(operation)["requestBody"]["content"].values()
    assert media["example"]
    check(media["example"], media["schema"])
    for schema in schemas_below(media["schema"]):
        if schema.get("type") == "object" and "properties" in schema:
            assert schema["additionalProperties"] is False, schema["title"]


@pytest.mark.parametrize("operation", DECLARED, ids=named)
def test_whatever_comes_from_outside_has_bounds(operation: Operation) -> None:
    told = shown(operation)
    roots = [parameter["schema"] for parameter in told.get("parameters", ())]
    roots += [media["schema"] for media in told.get("requestBody", {}).get("content", {}).values()]
    for schema in (below for root in roots for below in schemas_below(root)):
        kind = schema.get("type")
        if kind in {"integer", "number"}:
            assert {"minimum", "exclusiveMinimum"} & set(schema), schema
            assert {"maximum", "exclusiveMaximum"} & set(schema), schema
        if kind == "string":
            assert {"maxLength", "enum", "pattern", "const"} & set(schema), schema
        if kind == "array":
            assert "maxItems" in schema, schema
        if kind == "object" and "properties" not in schema:
            assert "maxProperties" in schema, schema


def schemas_below(schema: Json, seen: tuple[str, ...] = ()) -> Iterator[Json]:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name not in seen:
            yield from schemas_below(NEWER["components"]["schemas"][name], (*seen, name))
        return
    yield schema
    parts = [*schema.get("properties", {}).values()]
    parts += [part for key in ("anyOf", "oneOf", "allOf") for part in schema.get(key, ())]
    parts += [
        schema[k] for k in ("items", "additionalProperties") if isinstance(schema.get(k), dict)
    ]
    for part in parts:
        yield from schemas_below(part, seen)


def check(example: object, schema: Json) -> None:
    """Fail where an example breaks its own schema."""
    whole = {**schema, "components": NEWER["components"]}
    validator = jsonschema_rs.Draft202012Validator(whole)
    assert [error.message for error in validator.iter_errors(example)] == []


@pytest.mark.parametrize(("path", "version"), [("openapi", "3.1.0"), ("openapi-3.0", "3.0.3")])
async def test_both_documents_are_served(
    client: httpx.AsyncClient, path: str, version: str
) -> None:
    document = (await client.get(f"/api/v1/{path}.json")).json()
    assert document["openapi"] == version
    assert "/api/v1/streams" in document["paths"]


SCHEMAS: list[tuple[Json, Json]] = [
    ({"type": "null"}, {"enum": [None], "nullable": True}),
    ({"type": ["string", "integer"]}, {"anyOf": [{"type": "string"}, {"type": "integer"}]}),
    (
        {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}], "default": None},
        {"type": "integer", "minimum": 0, "nullable": True, "default": None},
    ),
    (
        {"anyOf": [{"$ref": "#/components/schemas/A"}, {"type": "null"}]},
        {"allOf": [{"$ref": "#/components/schemas/A"}], "nullable": True},
    ),
    (
        {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]},
        {"anyOf": [{"type": "string"}, {"type": "integer"}], "nullable": True},
    ),
    ({"const": "a"}, {"enum": ["a"]}),
    ({"exclusiveMinimum": 0}, {"minimum": 0, "exclusiveMinimum": True}),
    ({"type": "string", "examples": ["a"]}, {"type": "string", "example": "a"}),
    (
        {"type": "array", "prefixItems": [{"const": 1}, {"type": "null"}], "items": False},
        {
            "type": "array",
            "items": {"anyOf": [{"enum": [1]}, {"enum": [None], "nullable": True}]},
            "minItems": 2,
            "maxItems": 2,
        },
    ),
    ({"$ref": "#/components/schemas/A", "default": 1}, {"$ref": "#/components/schemas/A"}),
    (
        {"type": "object", "additionalProperties": {"const": 1}, "propertyNames": {"pattern": "a"}},
        {"type": "object", "additionalProperties": {"enum": [1]}},
    ),
]


@pytest.mark.parametrize(("newer", "expected"), SCHEMAS)
def test_what_the_older_document_says_in_other_words(newer: Json, expected: Json) -> None:
    document = {**NEWER, "components": {**NEWER["components"], "schemas": {"A": newer}}}
    assert openapi.older(document)["components"]["schemas"]["A"] == expected
