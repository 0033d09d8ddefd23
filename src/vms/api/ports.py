"""What the API needs of those below it, in its own words."""

from dataclasses import dataclass
from typing import Protocol

import msgspec

from vms.admin import Principal
from vms.proto.events import DomainEvent


class Gate(Protocol):
    """Knows callers by what they carry."""

    async def principal(self, token: str) -> Principal:
        """Return whom an access token or an API key belongs to, or raise UnauthenticatedError."""
        ...

    async def renewed(self, who: Principal) -> Principal:
        """Return a principal as of now, or raise UnauthenticatedError where it has ended."""
        ...

    def heard(self, event: DomainEvent) -> None:
        """Take an event: what it changes holds at once."""
        ...

    def device(self, cookie: str) -> str | None:
        """Return the id of a browser that has signed in before, by its signed cookie."""
        ...

    def per_minute(self, who: Principal) -> int:
        """Return how many requests a minute somebody may make."""
        ...


class KeptAnswer(msgspec.Struct, frozen=True, array_like=True):
    """A first answer."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """A key that a caller uses, for one request."""

    caller: str
    key: str
    # Of method, address and body: the same key for another request is a mistake.
    digest: str


class FirstAnswers(Protocol):
    """Where first answers are kept."""

    async def begin(self, claim: Claim) -> KeptAnswer | None:
        """Claim the key, or return its first answer.

        Raises ConflictError where it was used for another request, or is in use.
        """
        ...

    async def keep(self, claim: Claim, answer: KeptAnswer) -> None:
        """Keep the answer of a claimed key."""
        ...

    async def free(self, claim: Claim) -> None:
        """Give a claimed key back: nothing was done."""
        ...
