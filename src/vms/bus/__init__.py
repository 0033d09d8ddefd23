"""The bus: who publishes knows nobody who listens."""

from vms.bus.buckets import Buckets, Share
from vms.bus.client import UnixBusClient
from vms.bus.memory import MemoryBus
from vms.bus.ports import Bus, Item, Lagged, Message, Subscription
from vms.bus.server import UnixBusServer

__all__ = [
    "Buckets",
    "Bus",
    "Item",
    "Lagged",
    "MemoryBus",
    "Message",
    "Share",
    "Subscription",
    "UnixBusClient",
    "UnixBusServer",
]
