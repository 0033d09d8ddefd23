"""The bus as those see it who publish and listen, whatever carries it."""

from typing import Protocol, Self

import msgspec


class Message(msgspec.Struct, frozen=True):
    """Something that was published. It may come twice."""

    topic: str
    body: bytes


class Lagged(msgspec.Struct, frozen=True):
    """Messages were lost before what comes next: read the truth again where it is kept."""


Item = Message | Lagged


class Subscription(Protocol):
    """What was published since ``subscribe`` returned, in the publisher's order."""

    def __aiter__(self) -> Self: ...

    async def __anext__(self) -> Item:
        """Return the next item, waiting for it."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...

    def close(self) -> None:
        """Stop listening; who waits for an item gets the end."""
        ...


class Bus(Protocol):
    """Carries messages to everyone who listens now: at least once, kept nowhere.

    A listener who is too slow loses the oldest messages, and is told so; so does
    one whose connection was cut. It never slows the publisher or other listeners.
    """

    async def publish(self, topic: str, body: bytes) -> None:
        """Give a message to every listener; ``UnavailableError``: perhaps to none."""
        ...

    async def subscribe(self, *topics: str) -> Subscription:
        """Listen to topics from now on."""
        ...
