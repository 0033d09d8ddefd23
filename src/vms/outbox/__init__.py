"""Events that are committed with the change they tell of, then published in one order."""

from vms.outbox.feed import follow
from vms.outbox.model import Posted
from vms.outbox.relay import Relay
from vms.outbox.store import emit, last_position, read_after
from vms.outbox.wake import Waker

__all__ = ["Posted", "Relay", "Waker", "emit", "follow", "last_position", "read_after"]
