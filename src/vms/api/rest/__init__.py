"""The REST routes, a file a context."""

from vms.api.operation import Operations
from vms.api.rest import streams, system

EVERY: tuple[Operations, ...] = (streams.ops, system.ops)

__all__ = ["EVERY"]
