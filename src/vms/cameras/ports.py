"""What cameras need to know of the cities they are in."""

from collections.abc import Mapping
from typing import Protocol

from vms.database import Unit


class CameraQuota(Protocol):
    """How many cameras a city may have."""

    def check(self, unit: Unit, city: str, used: int) -> None:
        """Raise ``TooManyError(code="quota_cameras")`` where a city with ``used`` is full."""
        ...


class Places(Protocol):
    """Where cameras are: the sites and camera groups of a city."""

    def check_city(self, unit: Unit, city: str) -> None:
        """Raise ``NotFoundError`` where there is no such city."""
        ...

    def sites(self, unit: Unit, city: str) -> Mapping[str, str]:
        """Return the names of a city's sites, by id."""
        ...

    def groups(self, unit: Unit, city: str) -> Mapping[str, str]:
        """Return the names of a city's camera groups, by id."""
        ...
