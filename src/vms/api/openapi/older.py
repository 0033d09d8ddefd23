"""The OpenAPI 3.0 copy of the document: what 3.1 says by JSON Schema, 3.0 says its own way."""

import copy
from typing import Any

Json = dict[str, Any]

# JSON Schema keywords that 3.0 does not know and that only narrow what is allowed.
_UNKNOWN = frozenset({"$schema", "contentEncoding", "propertyNames", "unevaluatedProperties"})
_NULL = {"type": "null"}


def older(document: Json) -> Json:
    """Return a copy of a 3.1 document in the words of 3.0."""
    made = copy.deepcopy(document)
    made["openapi"] = "3.0.3"
    made.pop("jsonSchemaDialect", None)
    made["info"]["license"].pop("identifier", None)
    parts = made["components"]
    parts["schemas"] = {name: _schema(schema) for name, schema in parts["schemas"].items()}
    for header in parts["headers"].values():
        header["schema"] = _schema(header["schema"])
    for response in parts["responses"].values():
        _content(response)
    for operations in made["paths"].values():
        for operation in operations.values():
            _operation(operation)
    return made


def _operation(operation: Json) -> None:
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = _schema(parameter["schema"])
    _content(operation.get("requestBody", {}))
    for response in operation["responses"].values():
        _content(response)


def _content(holder: Json) -> None:
    for media in holder.get("content", {}).values():
        media["schema"] = _schema(media["schema"])


def _schema(schema: Json) -> Json:
    if "$ref" in schema:
        # Beside a reference 3.0 reads nothing.
        return {"$ref": schema["$ref"]}
    made = {name: value for name, value in schema.items() if name not in _UNKNOWN}
    if not made.get("required", True):
        del made["required"]
    _null(made)
    _nested(made)
    _bounds(made)
    if "const" in made:
        made["enum"] = [made.pop("const")]
    if examples := made.pop("examples", None):
        made["example"] = examples[0]
    if "prefixItems" in made:
        kinds = made.pop("prefixItems")
        made["items"] = {"anyOf": kinds}
        made["minItems"] = made["maxItems"] = len(kinds)
    return made


def _null(made: Json) -> None:
    """Say by ``nullable`` that null is allowed."""
    if made.get("type") == "null":
        made.update(enum=[None], nullable=True)
        del made["type"]
    if isinstance(made.get("type"), list):
        made["anyOf"] = [{"type": kind} for kind in made.pop("type")]
    if _NULL not in made.get("anyOf", ()):
        return
    rest = [kind for kind in made.pop("anyOf") if kind != _NULL]
    made["nullable"] = True
    if len(rest) > 1:
        made["anyOf"] = rest
    elif "$ref" in rest[0]:
        made["allOf"] = rest
    else:
        made.update({name: value for name, value in rest[0].items() if name not in made})


def _nested(made: Json) -> None:
    for name in ("anyOf", "oneOf", "allOf", "prefixItems"):
        if name in made:
            made[name] = [_schema(part) for part in made[name]]
    for name in ("items", "additionalProperties", "not"):
        if isinstance(made.get(name), dict):
            made[name] = _schema(made[name])
    if made.get("items") is False:
        del made["items"]
    if "properties" in made:
        made["properties"] = {name: _schema(part) for name, part in made["properties"].items()}


def _bounds(made: Json) -> None:
    """Say an open bound by a flag beside the bound."""
    for open_bound, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if open_bound in made:
            made[bound] = made[open_bound]
            made[open_bound] = True
