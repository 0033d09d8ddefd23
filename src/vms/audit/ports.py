"""What the audit needs from outside."""

from collections.abc import Mapping
from typing import Protocol

from vms.audit.model import Mark


class HeadKeeper(Protocol):
    """Remembers outside the database how far each chain was sealed.

    Someone who can change the database alone could put back an older state of
    it, whole and signed; what is remembered elsewhere tells.
    """

    def load(self) -> Mapping[str, Mark]:
        """Return the last heads that were kept, by city."""
        ...

    def save(self, heads: Mapping[str, Mark]) -> None:
        """Keep the heads in place of those before."""
        ...
