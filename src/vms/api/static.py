"""The built web client: files, and its page for every address of a screen."""

from pathlib import Path, PurePosixPath

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from vms.api.caller import onlooker, visitor
from vms.common import UnavailableError

# Never the page: a wrong address under these is an error, not a screen.
ASSETS = "assets"
NOT_SCREENS = frozenset({"api", ASSETS, "graphql", "health", "metrics", "ws"})
# The page that verifies recordings without a server.
VERIFIER = "verify.html"
# Names under assets/ hold a hash of the content, so they never change.
FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"


class WebClient(StaticFiles):
    """Serves the web client from ``folder``."""

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder, check_dir=False, html=False)
        self._folder = folder

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file, or the page where the address is a screen's."""
        asked = "index.html" if path == "." else path
        try:
            response = await super().get_response(asked, scope)
        except HTTPException as error:
            if error.status_code != 404 or not _is_screen(path):
                raise
            response = await self._page(scope)
        if asked == VERIFIER:
            # It stands alone and has a policy of its own: people keep it, and open it from a disk.
            response.headers["Content-Disposition"] = f'attachment; filename="{VERIFIER}"'
        response.headers["Cache-Control"] = FOR_EVER if path.startswith("assets/") else ASK_AGAIN
        return response

    async def _page(self, scope: Scope) -> Response:
        if not (self._folder / "index.html").is_file():
            raise UnavailableError(
                "the web client is not built; run make setup, or install the wheel",
                code="web_client_missing",
            )
        return await super().get_response("index.html", scope)


class CountedWebClient(WebClient):
    """Counts who asks: a file apart, an address that might be a route of the API as one."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Count, then return what is there."""
        parts = PurePosixPath(path).parts
        file = not parts or parts[0] == ASSETS or parts[0] not in NOT_SCREENS
        await (onlooker if file else visitor)(HTTPConnection(scope))
        return await super().get_response(path, scope)


def _is_screen(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return not parts or (parts[0] not in NOT_SCREENS and "." not in parts[-1])
