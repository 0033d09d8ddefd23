"""What people need to know of the parts above them."""

from typing import Protocol

from vms.admin.model import Scope
from vms.database import Unit


class UserQuota(Protocol):
    """How many users a city may have."""

    def check(self, unit: Unit, city: str) -> None:
        """Raise ``TooManyError(code="quota_users")`` where a city can have no more users."""
        ...


class Places(Protocol):
    """The cities, groups of cameras and cameras that a scope can name."""

    def groups_of(self, unit: Unit, scope: Scope) -> frozenset[str]:
        """Return the groups that a scope's camera is in; none for other scopes.

        ``NotFoundError`` where there is no such city, group or camera.
        """
        ...

    def check_active(self, unit: Unit, city: str) -> None:
        """Raise ``ForbiddenError`` where a city is suspended: its people and keys may nothing."""
        ...
