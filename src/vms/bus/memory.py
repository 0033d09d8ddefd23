"""A bus within one event loop, and the queue that every backend's listeners have."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Self

from vms.bus.ports import Item, Lagged, Message

QUEUE_LIMIT = 1_000


class ItemQueue:
    """The items that wait for one listener: so many, then the oldest go."""

    def __init__(self, limit: int, on_close: Callable[[], None]) -> None:
        self._items: deque[Message] = deque()
        self._limit = limit
        self._lagged = False
        self._closed = False
        self._changed = asyncio.Event()
        self._on_close = on_close

    def put(self, message: Message) -> None:
        """Add a message, dropping the oldest where there is no room."""
        if len(self._items) >= self._limit:
            self._items.popleft()
            self._lagged = True
        self._items.append(message)
        self._changed.set()

    def lag(self) -> None:
        """Tell the listener that messages were lost; what waits is of before that too."""
        self._lagged = True
        self._changed.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        """Return the next item, waiting for it."""
        while True:
            if self._closed:
                raise StopAsyncIteration
            if self._lagged:
                self._lagged = False
                return Lagged()
            if self._items:
                return self._items.popleft()
            self._changed.clear()
            await self._changed.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening; who waits for an item gets the end."""
        if not self._closed:
            self._closed = True
            self._changed.set()
            self._on_close()


class MemoryBus:
    """Carries messages within one event loop."""

    def __init__(self, limit: int = QUEUE_LIMIT) -> None:
        self._limit = limit
        self._listeners: dict[str, set[ItemQueue]] = {}

    async def publish(self, topic: str, body: bytes) -> None:
        """Give a message to every listener."""
        message = Message(topic, body)
        for queue in self._listeners.get(topic, ()):
            queue.put(message)

    async def subscribe(self, *topics: str) -> ItemQueue:
        """Listen to topics from now on."""

        def forget() -> None:
            for topic in topics:
                self._listeners[topic].discard(queue)
                if not self._listeners[topic]:
                    del self._listeners[topic]

        queue = ItemQueue(self._limit, forget)
        for topic in topics:
            self._listeners.setdefault(topic, set()).add(queue)
        return queue
