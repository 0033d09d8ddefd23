"""Whose rows a unit of work may touch."""

from dataclasses import dataclass
from typing import ClassVar, Final


@dataclass(frozen=True, slots=True)
class PlatformScope:
    """Every city, and what belongs to none."""

    city: ClassVar[None] = None


@dataclass(frozen=True, slots=True)
class CityScope:
    """One city, by its slug."""

    city: str


Scope = PlatformScope | CityScope

PLATFORM: Final = PlatformScope()

# What PostgreSQL's `vms.city` holds for the platform; no city's slug can be this.
EVERY_CITY: Final = "*"
