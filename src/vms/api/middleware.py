"""What surrounds every request: headers that protect the page, and counts."""

from collections.abc import Iterable, Iterator

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vms.api import visit
from vms.api.errors import response_of_bug
from vms.api.forwarded import TrustedProxies
from vms.common import Clock
from vms.telemetry import Registry

# The page loads from its own origin alone and runs no inline script or style.
CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "worker-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)

PROTECTION: tuple[tuple[str, str], ...] = (
    ("Content-Security-Policy", CONTENT_POLICY),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    # The page itself alone asks for a microphone, where somebody talks to a camera.
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(self)"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)


class Edge:
    """The outermost part of ours: number a request, protect its answer, answer our bugs.

    One plain ASGI layer for all of it, as each layer costs every request.
    """

    def __init__(
        self,
        app: ASGIApp,
        headers: Iterable[tuple[str, str]] = PROTECTION,
        proxies: TrustedProxies | None = None,
    ) -> None:
        self._app = app
        self._proxies = proxies or TrustedProxies(())
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "websocket":
            visit.begin(scope, self._proxies)
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        came = visit.begin(scope, self._proxies)
        started = False

        async def send_protected(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message = {**message, "headers": [*message["headers"], *self._added(came)]}
            await send(message)

        try:
            await self._app(scope, receive, send_protected)
        except Exception as error:
            # Half an answer cannot be taken back: the connection is cut.
            if started:
                raise
            answer = response_of_bug(scope["method"], scope["path"], error)
            await answer(scope, receive, send_protected)

    def _added(self, came: visit.Visit) -> Iterator[tuple[bytes, bytes]]:
        yield from self._headers
        yield b"x-request-id", came.number.encode()
        if came.allowance is not None:
            yield from came.allowance.headers()


class RequestMetrics:
    """Count requests and their time, by route and not by path: paths hold ids."""

    def __init__(self, app: ASGIApp, registry: Registry, clock: Clock) -> None:
        self._app = app
        self._clock = clock
        self._requests = registry.counter("vms_api_requests_total", "Requests answered.")
        self._seconds = registry.histogram("vms_api_request_seconds", "Time to answer a request.")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = self._clock.monotonic()
        status = 500

        async def send_counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_counted)
        finally:
            route = _route(scope)
            self._requests.inc(method=scope["method"], route=route, status=str(status))
            self._seconds.observe(self._clock.monotonic() - begun, route=route)


def _route(scope: Scope) -> str:
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) and path else "static"
