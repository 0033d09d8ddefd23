"""Finds the route of a request by the first words of its path.

Routes are tried one after the other, each with its own pattern. With a hundred
of them that would cost more than the rest of a request.
"""

from collections.abc import Iterable

from starlette.datastructures import URLPath
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute, Match, NoMatchFound, Route
from starlette.types import Receive, Scope, Send

from vms.api.caller import visitor

# "/api/v1/cameras/gate": the third word tells them apart; of shorter paths the last one does.
_WORDS = 4
_CHOSEN = "vms.route"


class RouteIndex(BaseRoute):
    """All routes of the API, as one."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = list(routes)
        self._by_words: dict[str, list[Route]] = {}
        for route in self.routes:
            self._by_words.setdefault(_words(route.path), []).append(route)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Find the route whose path and method fit, or those whose path alone does."""
        if scope["type"] != "http":
            return Match.NONE, {}
        near: list[Route] = []
        for route in self._by_words.get(_words(scope["path"]), ()):
            match, found = route.matches(scope)
            if match is Match.FULL:
                return match, {**found, _CHOSEN: route}
            if match is Match.PARTIAL:
                near.append(route)
        if near:
            # The path is ours, so no other part of the application is asked.
            return Match.FULL, {_CHOSEN: near, "route": near[0]}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer by the route that was found."""
        chosen = scope[_CHOSEN]
        if isinstance(chosen, list):
            await visitor(HTTPConnection(scope))
            allowed = sorted({method for route in chosen for method in route.methods or ()})
            raise HTTPException(405, headers={"Allow": ", ".join(allowed)})
        await chosen.handle(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: object) -> URLPath:
        """Addresses are never made from names here."""
        raise NoMatchFound(name, dict(path_params))


def _words(path: str) -> str:
    return "/".join(path.split("/", _WORDS)[:_WORDS])
