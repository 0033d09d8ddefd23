"""Who may come in where nobody signs in: ``vms up --open``."""

from typing import Final

from vms.admin import Principal, system_principal
from vms.common import UnauthenticatedError
from vms.proto.events import DomainEvent

# Whoever reaches an open server may do everything; the front lets in this machine alone.
EVERYONE: Final = system_principal("open")


class OpenGate:
    """The gate of a server without a database: there are no tokens, so none holds."""

    async def principal(self, token: str) -> Principal:  # noqa: ARG002 - of the port
        """Refuse every token."""
        raise UnauthenticatedError("this server has no tokens", code="token_invalid")

    async def renewed(self, who: Principal) -> Principal:
        """Return whoever asked: nothing ends."""
        return who

    def heard(self, event: DomainEvent) -> None:
        """Take an event; none changes anything."""

    def device(self, cookie: str) -> str | None:  # noqa: ARG002 - of the port
        """Know no browser."""
        return None

    def per_minute(self, who: Principal) -> int:
        """Return what everybody may."""
        return who.per_minute
