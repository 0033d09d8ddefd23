"""What cities need to know of the parts above them: how much of what there is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from vms.cities.model import Quota
from vms.database import Unit


class CityCounter(Protocol):
    """Counts things of a city."""

    def __call__(self, unit: Unit, city: str, /) -> int:
        """Return how many there are now, as the unit sees it."""
        ...


class PartCounter(Protocol):
    """Counts what belongs to one site or camera group of a city."""

    def __call__(self, unit: Unit, city: str, part: str, /) -> int:
        """Return how many there are now, as the unit sees it."""
        ...


class CameraFinder(Protocol):
    """Finds a camera of a city."""

    def __call__(self, unit: Unit, city: str, camera: str, /) -> frozenset[str]:
        """Return the groups that a camera is in; ``NotFoundError`` where the city has none such."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Counters that the parts above give when the product is put together.

    The names of those of ``in_city``, ``at_site`` and ``in_group`` are told to
    whoever wants to delete: "3 cameras, 1 grants".
    """

    quotas: Mapping[Quota, CityCounter] = field(default_factory=dict)
    in_city: Mapping[str, CityCounter] = field(default_factory=dict)
    at_site: Mapping[str, PartCounter] = field(default_factory=dict)
    in_group: Mapping[str, PartCounter] = field(default_factory=dict)
