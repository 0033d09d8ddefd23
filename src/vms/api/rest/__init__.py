"""The REST routes, a file a context."""

from vms.api.operation import Operations
from vms.api.rest import events, streams, system

EVERY: tuple[Operations, ...] = (events.ops, streams.ops, system.ops)

__all__ = ["EVERY"]
