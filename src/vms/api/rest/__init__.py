"""The REST routes, a file a context."""

from vms.api.rest import streams, system

ROUTERS = (streams.router, system.router)

__all__ = ["ROUTERS"]
