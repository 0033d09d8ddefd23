"""One way to declare an operation of the API, so that its document cannot forget it.

    ops = Operations("/api/v1/cities", tag="cities")

    @ops.get("", summary="Cities", answer=CityPage, example=CityPage(...))
    async def list_cities(who: Caller, query: Annotated[...], api: State) -> Response:
        \"\"\"Return the cities the caller may see.\"\"\"

What it takes is read from the signature: the same objects that read a request
at run time describe it in the document.
"""

import functools
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Required, TypedDict, TypeVar, Unpack, get_args

import msgspec
from fastapi import APIRouter, Response, params

from vms.api.caller import caller, onlooker, visitor
from vms.api.inputs import JsonBody, PathName, Query, RawBody, if_match
from vms.api.route import OurRoute

Endpoint = TypeVar("Endpoint", bound=Callable[..., Awaitable[Response]])


@functools.cache
def _dependencies(endpoint: Callable[..., Awaitable[Response]]) -> tuple[object, ...]:
    """Read them from the signature once: each part of the document asks for them again."""
    signature = inspect.signature(endpoint, eval_str=True)
    return tuple(
        note.dependency
        for parameter in signature.parameters.values()
        for note in get_args(parameter.annotation)[1:]
        if isinstance(note, params.Depends)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path, as the document tells it."""

    method: str
    path: str
    endpoint: Callable[..., Awaitable[Response]]
    tag: str
    summary: str
    status: int = 200
    # What a good answer holds; a media type where it is no JSON; neither: no content.
    answer: Any = None
    media: str | None = None
    example: object = None
    # An example of the body, where there is one.
    sent: object = None
    # Statuses of refusals beyond those that follow from what it takes.
    refusals: frozenset[int] = frozenset()
    # The answer has a version, told as its ETag.
    versioned: bool = False

    @property
    def name(self) -> str:
        """The id of the operation."""
        return self.endpoint.__name__

    @property
    def description(self) -> str:
        """What its function says of itself."""
        return inspect.cleandoc(self.endpoint.__doc__ or "")

    def dependencies(self) -> tuple[object, ...]:
        """Return the dependencies its function names."""
        return _dependencies(self.endpoint)

    def reads(self, kind: type[Any]) -> list[Any]:
        """Return its dependencies of a kind."""
        return [found for found in self.dependencies() if isinstance(found, kind)]

    @property
    def body(self) -> JsonBody[Any] | RawBody | None:
        """What reads its body."""
        return next(iter((*self.reads(JsonBody), *self.reads(RawBody))), None)

    @property
    def query(self) -> type[msgspec.Struct] | None:
        """The struct of its query."""
        return next((found.kind for found in self.reads(Query)), None)

    @property
    def _asked(self) -> tuple[str, ...]:
        return () if self.query is None else self.query.__struct_fields__

    @property
    def path_names(self) -> list[PathName]:
        """What reads the names in its path."""
        return self.reads(PathName)

    @property
    def conditional(self) -> bool:
        """Whether it demands ``If-Match``."""
        return if_match in self.dependencies()

    @property
    def asks_who(self) -> bool:
        """Whether it is refused to anonymous callers."""
        return caller in self.dependencies()

    @property
    def counted(self) -> bool:
        """Whether requests are counted against a limit."""
        return self.asks_who or not {visitor, onlooker}.isdisjoint(self.dependencies())

    def statuses(self) -> list[int]:
        """Return every status of a refusal that it may answer."""
        found = {500, 503} | self.refusals
        if self.asks_who:
            found |= {401, 403}
        if self.counted:
            found.add(429)
        if self.body is not None:
            found |= {400, 413, 415}
        if self.query is not None:
            found.add(400)
        if self.path_names or {"city", "home"} & set(self._asked):
            found.add(404)
        if self.conditional:
            found |= {400, 412, 428}
        if self.method == "POST" and self.asks_who:
            found |= {400, 409}
        return sorted(found)


class Told(TypedDict, total=False):
    """What a declaration says: fields of ``Operation``."""

    summary: Required[str]
    status: int
    # A struct, or a union of structs.
    answer: object
    media: str
    example: object
    sent: object
    refusals: frozenset[int]
    versioned: bool


class Operations:
    """The operations of one file of routes."""

    def __init__(self, prefix: str, *, tag: str) -> None:
        self.tag = tag
        self.prefix = prefix
        self.router = APIRouter(prefix=prefix, route_class=OurRoute, redirect_slashes=False)
        self.declared: list[Operation] = []

    def get(self, path: str, **told: Unpack[Told]) -> Callable[[Endpoint], Endpoint]:
        """Declare a ``GET``."""
        return self._declare("GET", path, told)

    def post(self, path: str, **told: Unpack[Told]) -> Callable[[Endpoint], Endpoint]:
        """Declare a ``POST``."""
        return self._declare("POST", path, told)

    def put(self, path: str, **told: Unpack[Told]) -> Callable[[Endpoint], Endpoint]:
        """Declare a ``PUT``."""
        return self._declare("PUT", path, told)

    def patch(self, path: str, **told: Unpack[Told]) -> Callable[[Endpoint], Endpoint]:
        """Declare a ``PATCH``."""
        return self._declare("PATCH", path, told)

    def delete(self, path: str, **told: Unpack[Told]) -> Callable[[Endpoint], Endpoint]:
        """Declare a ``DELETE``."""
        return self._declare("DELETE", path, told)

    def _declare(self, method: str, path: str, told: Told) -> Callable[[Endpoint], Endpoint]:
        def declare(endpoint: Endpoint) -> Endpoint:
            self.declared.append(
                Operation(
                    method=method,
                    path=self.prefix + path,
                    endpoint=endpoint,
                    tag=self.tag,
                    **told,
                )
            )
            self.router.add_api_route(
                path, endpoint, methods=[method], response_model=None, include_in_schema=False
            )
            return endpoint

        return declare
