"""What cameras and people ask of cities: whether there is one, what is in it, whether it works."""

from collections.abc import Mapping
from dataclasses import dataclass

from vms.admin import Scope, ScopeKind
from vms.cities import store
from vms.cities.errors import city_suspended
from vms.cities.model import City, CityState, Plan, Quota, limits_of
from vms.cities.ports import CameraFinder
from vms.database import Unit


@dataclass(frozen=True, slots=True)
class CityTerms:
    """What recording asks of a city: its clock, its plan, for how long the plan lets it keep."""

    time_zone: str
    plan: str
    # None: unlimited.
    retention_days: int | None


class CityPlaces:
    """Answers inside the unit of whoever asks: ``Places`` of people and of cameras both."""

    def __init__(self, find_camera: CameraFinder) -> None:
        self._find_camera = find_camera

    def groups_of(self, unit: Unit, scope: Scope) -> frozenset[str]:
        """Return the groups that a scope's camera is in; refuse a scope that names nothing."""
        match scope.kind:
            case ScopeKind.CITY:
                store.city(unit, scope.city)
            case ScopeKind.GROUP:
                store.group(unit, scope.city, scope.id)
            case ScopeKind.CAMERA:
                store.city(unit, scope.city)
                return self._find_camera(unit, scope.city, scope.id)
            case ScopeKind.PLATFORM:
                pass
        return frozenset()

    def check_city(self, unit: Unit, city: str) -> None:
        """Raise ``NotFoundError`` where there is no such city."""
        store.city(unit, city)

    def check_active(self, unit: Unit, city: str) -> None:
        """Raise ``ForbiddenError`` too where the city is suspended: nobody signs in there."""
        if store.city(unit, city).state is not CityState.ACTIVE:
            raise city_suspended(city)

    def time_zone(self, unit: Unit, city: str) -> str:
        """Return the time zone in which a city's schedules are meant."""
        return store.city(unit, city).time_zone

    def terms(self, unit: Unit, city: str) -> CityTerms:
        """Return the terms of one city."""
        found = store.city(unit, city)
        return _terms(found, store.plan(unit, found.plan))

    def all_terms(self, unit: Unit) -> Mapping[str, CityTerms]:
        """Return the terms of every city."""
        plans = {plan.id: plan for plan in store.list_plans(unit)}
        return {one.id: _terms(one, plans[one.plan]) for one in store.every_city(unit)}

    def check_plan(self, unit: Unit, plan: str) -> None:
        """Raise ``NotFoundError`` where there is no such plan."""
        store.plan(unit, plan)

    def check_group(self, unit: Unit, city: str, group: str) -> None:
        """Raise ``NotFoundError`` where a city has no such camera group."""
        store.group(unit, city, group)

    def sites(self, unit: Unit, city: str) -> Mapping[str, str]:
        """Return the names of a city's sites, by id."""
        return store.names(unit, "sites", city)

    def groups(self, unit: Unit, city: str) -> Mapping[str, str]:
        """Return the names of a city's camera groups, by id."""
        return store.names(unit, "city_groups", city)


def _terms(city: City, plan: Plan) -> CityTerms:
    days = limits_of(city, plan).get(Quota.RETENTION_DAYS)
    return CityTerms(city.time_zone, city.plan, days)
