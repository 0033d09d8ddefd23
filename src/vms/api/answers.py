"""What a route answers: one thing with its version, or a page of a list.

Encoded by msgspec: lists are the hot path, and models cost four times as much.
"""

import dataclasses
from collections.abc import Sequence
from typing import TypeVar

import msgspec
from starlette.responses import Response

from vms.api.cursors import Cursors
from vms.api.inputs import JSON_MEDIA, ListQuery
from vms.common import InvalidError, Slice

# A struct, or a dataclass of a context.
Item = TypeVar("Item")

_encoder = msgspec.json.Encoder()


def answer(
    value: object, *, status: int = 200, version: int | None = None, location: str | None = None
) -> Response:
    """Return one thing as JSON; ``version`` becomes its ETag."""
    headers = {"Cache-Control": "no-store"}
    if version is not None:
        headers["ETag"] = f'"{version}"'
    if location is not None:
        headers["Location"] = location
    return Response(_encoder.encode(value), status, headers, JSON_MEDIA)


def no_content() -> Response:
    """Return nothing: it is done."""
    return Response(status_code=204, headers={"Cache-Control": "no-store"})


def answer_page(
    found: Slice[Item], query: ListQuery, cursors: Cursors, kind: type[Item]
) -> Response:
    """Return a page of items, each with the fields that were asked for."""
    items: Sequence[object] = found.items
    if query.fields is not None:
        names = _names(query.fields, kind)
        items = [{name: getattr(item, name) for name in names} for item in found.items]
    after = None if found.next is None else cursors.write(found.next)
    return answer({"items": items, "next": after})


def _names(asked: str, kind: type[object]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(asked.split(",")))
    known = _fields(kind)
    if not set(names) <= set(known):
        raise InvalidError(
            f"fields names what an item has not; it has {', '.join(known)}",
            code="fields_unknown",
        )
    return names


def _fields(kind: type[object]) -> tuple[str, ...]:
    if dataclasses.is_dataclass(kind):
        return tuple(field.name for field in dataclasses.fields(kind))
    assert issubclass(kind, msgspec.Struct)  # noqa: S101 - there are these two kinds
    return kind.__struct_fields__
