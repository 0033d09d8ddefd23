"""The OpenAPI 3.1 document, made from what the operations declare."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import msgspec

from vms.api.errors import MEDIA_TYPE, Problem
from vms.api.inputs import JSON_MEDIA, JsonBody, ListQuery, RawBody
from vms.api.operation import Operation

Json = dict[str, Any]

REF = "#/components/schemas/{name}"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
# A list's item with only the fields that were asked for.
PART = "{name}Part"

_REFUSED = {
    400: ("request_invalid", "the query is not as it must be: Expected `int`, got `str`"),
    401: ("not_signed_in", "sign in first"),
    403: ("permission_missing", "camera.manage is not allowed here"),
    404: ("not_found", "there is no such camera"),
    409: ("conflict", "the state of the thing does not allow it now"),
    412: ("version_conflict", "it was changed meanwhile and has version 4 now"),
    413: ("body_too_large", "the body is longer than 1048576 bytes"),
    415: ("body_not_json", "the body must be application/json; say so in Content-Type"),
    428: ("version_missing", "say in If-Match which version you saw"),
    429: ("rate_limited", "more than 100 requests a minute; try again in 12 s"),
    500: ("internal", "our own fault; the log says more under case 5f0c2a91"),
    503: ("database_unavailable", "the database does not answer"),
}
_LIMIT_HEADERS = {
    "RateLimit-Limit": "Requests a minute.",
    "RateLimit-Remaining": "Requests left now.",
    "RateLimit-Reset": "Seconds until all are left again.",
}
_INTEGER = {"type": "integer", "minimum": 0}


def document(operations: Iterable[Operation], version: str) -> Json:
    """Return the document."""
    all_of = list(operations)
    kinds = _kinds(all_of)
    refs, schemas = msgspec.json.schema_components(kinds, ref_template=REF)
    paths: dict[str, Json] = {}
    writer = _Writer(dict(zip(kinds, refs, strict=True)), schemas)
    for operation in all_of:
        paths.setdefault(operation.path, {})[operation.method.lower()] = writer.write(operation)
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": DIALECT,
        "info": {
            "title": "VMS Enterprise",
            "version": version,
            "description": "Everything the product's own screens use. "
            "Refusals are problem bodies (RFC 9457).",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in sorted({operation.tag for operation in all_of})],
        "security": [{"bearer": []}, {"cookie": [], "csrf": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {f"Refused{status}": _refusal(status) for status in _REFUSED},
            "headers": {
                **{
                    name: {"description": text, "schema": _INTEGER}
                    for name, text in _LIMIT_HEADERS.items()
                },
                "ETag": {
                    "description": "The version; send it as If-Match to change what you saw.",
                    "schema": {"type": "string"},
                },
                "Retry-After": {"description": "Seconds to wait.", "schema": _INTEGER},
            },
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An access token or an API key.",
                },
                "cookie": {"type": "apiKey", "in": "cookie", "name": "vms_access"},
                "csrf": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "X-CSRF-Token",
                    "description": "The cookie vms_csrf once more; unsafe methods only.",
                },
            },
        },
    }


def _kinds(operations: list[Operation]) -> list[Any]:
    """Return every struct that the document must describe, each once."""
    found: dict[Any, None] = {Problem: None}
    for operation in operations:
        if operation.answer is not None:
            found[operation.answer] = None
        if isinstance(operation.body, JsonBody):
            found[operation.body.kind] = None
    return list(found)


def _refusal(status: int) -> Json:
    code, detail = _REFUSED[status]
    headers = {"Retry-After": {"$ref": "#/components/headers/Retry-After"}}
    example = Problem(
        type=f"urn:vms:error:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        code=code,
        values={},
    )
    told: Json = {
        "description": HTTPStatus(status).phrase,
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": REF.format(name="Problem")},
                "example": msgspec.to_builtins(example),
            }
        },
    }
    return {**told, "headers": headers} if status in {429, 503} else told


class _Writer:
    """Writes operations; adds to the schemas what only they need."""

    def __init__(self, refs: dict[Any, Json], schemas: dict[str, Json]) -> None:
        self._refs = refs
        self._schemas = schemas

    def write(self, operation: Operation) -> Json:
        """Return one operation."""
        told: Json = {
            "operationId": operation.name,
            "tags": [operation.tag],
            "summary": operation.summary,
            "description": operation.description,
            "responses": {
                str(operation.status): self._answer(operation),
                **{
                    str(status): {"$ref": f"#/components/responses/Refused{status}"}
                    for status in operation.statuses()
                },
            },
        }
        if parameters := list(self._parameters(operation)):
            told["parameters"] = parameters
        if operation.body is not None:
            told["requestBody"] = self._body(operation)
        if not operation.asks_who:
            told["security"] = []
        return told

    def _answer(self, operation: Operation) -> Json:
        told: Json = {"description": HTTPStatus(operation.status).phrase}
        headers = [*_LIMIT_HEADERS] if operation.counted else []
        if operation.versioned:
            headers.append("ETag")
        if headers:
            told["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in headers}
        if operation.answer is not None:
            media, schema = JSON_MEDIA, self._refs[operation.answer]
            if operation.query is not None and issubclass(operation.query, ListQuery):
                schema = self._sparse(operation.answer)
        elif operation.media is not None:
            media, schema = operation.media, {"type": "string"}
        else:
            return told
        example = msgspec.to_builtins(operation.example)
        told["content"] = {media: {"schema": schema, "example": example}}
        return told

    def _sparse(self, page: type[msgspec.Struct]) -> Json:
        """Return the schema of a page whose items may lack what ``fields`` leaves out."""
        name = page.__name__
        items = self._schemas[name]["properties"]["items"]
        if "$ref" in items["items"]:
            whole = items["items"]
            of = whole["$ref"].rpartition("/")[2]
            part = PART.format(name=of)
            properties = self._schemas[of]["properties"]
            self._schemas[part] = {"title": part, "type": "object", "properties": properties}
            items["items"] = {"anyOf": [whole, {"$ref": REF.format(name=part)}]}
        return self._refs[page]

    def _parameters(self, operation: Operation) -> Iterable[Json]:
        for name in operation.path_names:
            yield {
                "name": name.name,
                "in": "path",
                "required": True,
                "description": name.description,
                "schema": {"type": "string", "pattern": f"^(?:{name.pattern})$"},
                "example": name.example,
            }
        if operation.query is not None:
            yield from self._query(operation.query)
        if operation.conditional:
            yield _header("If-Match", "The ETag of what you saw.", '^"[1-9][0-9]{0,8}"$', '"3"')
        if operation.method == "POST" and operation.asks_who:
            text = "A name for this request; sent again, it is not done again."
            yield {**_header("Idempotency-Key", text, "^[!-~]{1,200}$", "a3f1"), "required": False}

    def _query(self, kind: type[msgspec.Struct]) -> Iterable[Json]:
        _, found = msgspec.json.schema_components([kind], ref_template=REF)
        own = found.pop(kind.__name__)
        self._schemas.update(found)
        for name, schema in own["properties"].items():
            shown = _without_null(schema)
            yield {
                "name": name,
                "in": "query",
                "required": name in own["required"],
                "description": shown.pop("description", ""),
                "schema": shown,
            }

    def _body(self, operation: Operation) -> Json:
        reads = operation.body
        if isinstance(reads, RawBody):
            schema: Json = {"type": "string", "maxLength": reads.limit}
            content = {
                media: {"schema": schema, "example": operation.sent} for media in reads.media
            }
        else:
            assert isinstance(reads, JsonBody)  # noqa: S101 - the other kind of body
            sent = msgspec.to_builtins(operation.sent)
            content = {JSON_MEDIA: {"schema": self._refs[reads.kind], "example": sent}}
        return {"required": True, "content": content}


def _header(name: str, description: str, pattern: str, example: str) -> Json:
    return {
        "name": name,
        "in": "header",
        "required": True,
        "description": description,
        "schema": {"type": "string", "pattern": pattern},
        "example": example,
    }


def _without_null(schema: Json) -> Json:
    """Return the schema of a parameter: absent is not null there."""
    shown = {name: value for name, value in schema.items() if value is not None}
    kinds = [kind for kind in shown.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) == 1:
        del shown["anyOf"]
        shown = {**kinds[0], **shown}
    return shown
