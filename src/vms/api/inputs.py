"""What a request brings: the JSON body, the query, names in the path, the version it saw.

Each is a FastAPI dependency that reads with msgspec into a typed struct and
refuses what the struct does not name, so nobody can set what was not offered.
The same objects tell the OpenAPI document what an operation takes.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import parse_qsl

import msgspec
import msgspec.inspect
from fastapi import Depends, Request
from starlette.requests import HTTPConnection

from vms.common import DEFAULT_PAGE, MAX_PAGE, InvalidError, NotFoundError

T = TypeVar("T")

BODY_LIMIT = 1 << 20
IMPORT_LIMIT = 16 << 20
JSON_MEDIA = "application/json"
BODY_KEY = "vms.body"
MOST_PARAMETERS = 32
CURSOR_LENGTH = 512
FIELDS_LENGTH = 512

# msgspec says where: "Expected `int`, got `str` - at `$.limit`".
_PLACE = re.compile(r" - at `(?:key in )?\$\.?(?P<field>[^`]*)`$")


async def read_body(request: Request, limit: int) -> bytes:
    """Return the body, refused as soon as it is longer than ``limit``."""
    if BODY_KEY in request.scope:
        kept: bytes = request.scope[BODY_KEY]
        return kept
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
    body = b"".join(parts)
    request.scope[BODY_KEY] = body
    return body


def _too_large(limit: int) -> InvalidError:
    return InvalidError(
        f"the body is longer than {limit} bytes", code="body_too_large", values={"limit": limit}
    )


class RawBody:
    """A body as bytes, of one media type: an import."""

    def __init__(self, *media: str, limit: int = IMPORT_LIMIT) -> None:
        self.media = media
        self.limit = limit

    async def __call__(self, request: Request) -> bytes:
        """Read it."""
        check_media(request, *self.media)
        return await read_body(request, self.limit)


class JsonBody(Generic[T]):
    """A JSON body, read into ``kind``."""

    def __init__(self, kind: type[T], limit: int = BODY_LIMIT) -> None:
        self.kind = kind
        self.limit = limit
        self._decoder = msgspec.json.Decoder(kind)

    async def __call__(self, request: Request) -> T:
        """Read it, or say which field is wrong."""
        check_media(request, JSON_MEDIA)
        raw = await read_body(request, self.limit)
        try:
            value = self._decoder.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise _invalid("the body", error) from None
        if b"\\u0000" in raw and any("\0" in text for text in _texts(msgspec.to_builtins(value))):
            raise InvalidError("the body holds a zero character", code="request_invalid")
        return value


def body(kind: type[T], limit: int = BODY_LIMIT) -> Any:  # noqa: ANN401 - what FastAPI's Depends is
    """Return the dependency that reads a JSON body: ``Annotated[Draft, body(Draft)]``."""
    return Depends(JsonBody(kind, limit))


def check_media(request: Request, *allowed: str) -> None:
    """Refuse a body of another media type; so no plain HTML form can send one."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media not in allowed:
        raise InvalidError(
            f"the body must be {' or '.join(allowed)}; say so in Content-Type",
            code="body_not_json",
            values={"allowed": ", ".join(allowed)},
        )


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _texts(key)
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)


def _invalid(what: str, error: Exception) -> InvalidError:
    said = str(error)
    place = _PLACE.search(said)
    return InvalidError(
        f"{what} is not as it must be: {said}",
        code="request_invalid",
        values={"field": place["field"]} if place else {},
    )


class Query(Generic[T]):
    """The query of an address, read into ``kind``. A parameter that does not exist is refused:
    a filter with a slip in its name would show everything.
    """

    def __init__(self, kind: type[T]) -> None:
        self.kind = kind
        self._texts = _texts_of_struct(kind)

    async def __call__(self, connection: HTTPConnection) -> T:
        """Read it, or say which parameter is wrong."""
        raw = connection.scope["query_string"]
        found: dict[str, str] = {}
        if raw:
            found = self._pairs(raw.decode("latin-1"))
            self._refuse_null(found)
        try:
            return msgspec.convert(found, self.kind, strict=False)
        except msgspec.ValidationError as error:
            raise _invalid("the query", error) from None

    def _pairs(self, raw: str) -> dict[str, str]:
        try:
            pairs = parse_qsl(
                raw, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS
            )
        except ValueError:
            raise InvalidError(
                "the query cannot be read: too many parameters, or not UTF-8",
                code="request_invalid",
            ) from None
        found = dict(pairs)
        if len(found) < len(pairs):
            raise InvalidError("the query names a parameter twice", code="request_invalid")
        if any("\0" in value for value in found.values()):
            raise InvalidError("the query holds a zero character", code="request_invalid")
        return found

    def _refuse_null(self, found: dict[str, str]) -> None:
        """Refuse the word null, which msgspec would read as none: a filter would be lost."""
        for name, value in found.items():
            if value.lower() == "null" and name not in self._texts:
                raise InvalidError(
                    f"the query is not as it must be: {name} cannot be null; leave it out",
                    code="request_invalid",
                    values={"field": name[:100]},
                )


def _texts_of_struct(kind: type[object]) -> frozenset[str]:
    """Return the fields that any text may be."""
    told = msgspec.inspect.type_info(kind)
    assert isinstance(told, msgspec.inspect.StructType)  # noqa: S101 - of every query
    return frozenset(
        one.encode_name
        for one in told.fields
        if any(isinstance(part, msgspec.inspect.StrType) for part in _parts(one.type))
    )


def _parts(told: msgspec.inspect.Type) -> Iterator[msgspec.inspect.Type]:
    if isinstance(told, msgspec.inspect.Metadata):
        yield from _parts(told.type)
    elif isinstance(told, msgspec.inspect.UnionType):
        for part in told.types:
            yield from _parts(part)
    else:
        yield told


def query(kind: type[T]) -> Any:  # noqa: ANN401 - what FastAPI's Depends is
    """Return the dependency that reads the query: ``Annotated[Filter, query(Filter)]``."""
    return Depends(Query(kind))


Limit = Annotated[
    int, msgspec.Meta(ge=1, le=MAX_PAGE, description="Most items of the page.", examples=[50])
]
CursorText = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=CURSOR_LENGTH,
        description="`next` of the page before; absent: the first page.",
    ),
]
FieldsText = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[a-z][a-z0-9_]*(,[a-z][a-z0-9_]*)*$",
        max_length=FIELDS_LENGTH,
        description="Only these fields of each item, separated by commas.",
    ),
]


class ListQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every list takes; a list with filters adds them."""

    limit: Limit = DEFAULT_PAGE
    cursor: CursorText | None = None
    fields: FieldsText | None = None


class NoQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An operation without parameters."""


class PathName:
    """A name in the path. What no such thing could be called is not found."""

    def __init__(self, name: str, pattern: str, example: str, description: str) -> None:
        self.name = name
        self.pattern = pattern
        self.example = example
        self.description = description
        self._match = re.compile(pattern).fullmatch

    async def __call__(self, connection: HTTPConnection) -> str:
        """Return it."""
        text: str = connection.path_params[self.name]
        if not self._match(text):
            raise NotFoundError(f"there is no such {self.name}", code="not_found")
        return text


def path_name(name: str, pattern: str, example: str, description: str) -> Any:  # noqa: ANN401
    """Return the dependency for ``{name}`` in a path: ``Annotated[str, path_name(...)]``."""
    return Depends(PathName(name, pattern, example, description))


_ENTITY_TAG = re.compile(r'\s*(W/)?"([!#-~\x80-\xff]*)"\s*(?:,|$)')
_VERSION = re.compile(r"[1-9][0-9]{0,8}")
# No row has it, so what names it conflicts with every row.
NO_VERSION = 0


async def if_match(request: Request) -> int:
    """Return the version that ``If-Match`` names.

    Required: without it two people who save one thing would overwrite each
    other unseen. A weak tag never matches (RFC 9110, section 13.1.1).
    """
    told = request.headers.get("if-match")
    if told is None or told.strip() == "*":
        raise InvalidError(
            "say in If-Match which version you saw: the ETag of what you read",
            code="version_missing",
        )
    tags = list(entity_tags(told))
    if not tags:
        raise InvalidError('If-Match must be as "3"', code="request_invalid")
    for weak, tag in tags:
        if not weak and _VERSION.fullmatch(tag):
            return int(tag)
    return NO_VERSION


IfMatch = Annotated[int, Depends(if_match)]


def entity_tags(header: str) -> Iterator[tuple[bool, str]]:
    """Yield each entity tag of a header and whether it is weak; nothing where it is malformed."""
    at, found = 0, []
    while at < len(header):
        match = _ENTITY_TAG.match(header, at)
        if match is None:
            return
        found.append((match[1] is not None, match[2]))
        at = match.end()
    yield from found
