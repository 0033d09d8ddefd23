"""The WebSocket routes."""

from vms.api.ws import events

ROUTERS = (events.router,)

__all__ = ["ROUTERS"]
