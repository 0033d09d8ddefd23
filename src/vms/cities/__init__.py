"""Cities: tenants with plans and quotas, their sites and camera groups."""

from vms.cities.cnpj import format_cnpj, parse_cnpj
from vms.cities.model import (
    CITY_PATTERN,
    LANGUAGES,
    CameraGroup,
    CameraGroupDraft,
    City,
    CityDraft,
    CityState,
    Limits,
    Overrides,
    Plan,
    PlanDraft,
    Quota,
    QuotaUse,
    Site,
    SiteDraft,
    limits_of,
)
from vms.cities.parts import CameraGroups, Sites
from vms.cities.places import CityPlaces, CityTerms
from vms.cities.ports import CameraFinder, CityCounter, PartCounter, Surroundings
from vms.cities.quotas import QuotaOf, Quotas
from vms.cities.service import UNLIMITED_PLAN, Cities, Plans

__all__ = [
    "CITY_PATTERN",
    "LANGUAGES",
    "UNLIMITED_PLAN",
    "CameraFinder",
    "CameraGroup",
    "CameraGroupDraft",
    "CameraGroups",
    "Cities",
    "City",
    "CityCounter",
    "CityDraft",
    "CityPlaces",
    "CityState",
    "CityTerms",
    "Limits",
    "Overrides",
    "PartCounter",
    "Plan",
    "PlanDraft",
    "Plans",
    "Quota",
    "QuotaOf",
    "QuotaUse",
    "Quotas",
    "Site",
    "SiteDraft",
    "Sites",
    "Surroundings",
    "format_cnpj",
    "limits_of",
    "parse_cnpj",
]
