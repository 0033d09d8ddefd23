"""What recording needs of others, in its own words."""

from collections.abc import Mapping
from typing import Protocol

from vms.cities import CityTerms
from vms.database import Unit


class Cities(Protocol):
    """Knows the cities: ``vms.cities.CityPlaces``."""

    def terms(self, unit: Unit, city: str) -> CityTerms:
        """Return clock, plan and limit of days of a city."""
        ...

    def all_terms(self, unit: Unit) -> Mapping[str, CityTerms]:
        """Return those of every city."""
        ...

    def check_plan(self, unit: Unit, plan: str) -> None:
        """Raise ``NotFoundError`` where there is no such plan."""
        ...

    def check_group(self, unit: Unit, city: str, group: str) -> None:
        """Raise ``NotFoundError`` where a city has no such camera group."""
        ...


class ClipQuota(Protocol):
    """How many clips a city may keep: ``vms.cities.QuotaOf``."""

    def check(self, unit: Unit, city: str, used: int | None = None) -> None:
        """Raise ``TooManyError(code="quota_clips")`` where a city with ``used`` is full."""
        ...
