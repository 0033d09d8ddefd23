"""What a city may have, and what is refused beyond it."""

from vms.cities import store
from vms.cities.errors import city_suspended, quota_reached
from vms.cities.model import CityState, Limits, Quota, QuotaUse, limits_of
from vms.cities.ports import Surroundings
from vms.common import InternalError
from vms.database import Unit


class Quotas:
    """Checks limits inside the unit that makes the thing.

    Writers of the database are serialised: of two units that both see the last
    free place one is done over, and then sees that it is taken.
    """

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def limits(self, unit: Unit, city: str) -> Limits:
        """Return the limits that hold for a city; what is absent is unlimited."""
        found = store.city(unit, city)
        return limits_of(found, store.plan(unit, found.plan))

    def check(
        self, unit: Unit, city: str, quota: Quota, *, adding: int = 1, used: int | None = None
    ) -> None:
        """Refuse what a city may not add; ``used`` is counted where it is not told.

        A suspended city may add nothing.
        """
        found = store.city(unit, city)
        if found.state is CityState.SUSPENDED:
            raise city_suspended(city)
        limit = limits_of(found, store.plan(unit, found.plan)).get(quota)
        if limit is None:
            return
        present = self._count(unit, city, quota) if used is None else used
        if present + adding > limit:
            raise quota_reached(city, quota, limit, present)

    def check_most(self, unit: Unit, city: str, quota: Quota, asked: int) -> None:
        """Refuse a number, such as days, that is over a city's limit."""
        limit = self.limits(unit, city).get(quota)
        if limit is not None and asked > limit:
            raise quota_reached(city, quota, limit, asked)

    def of(self, quota: Quota) -> "QuotaOf":
        """Return the check of one quota, as a part above takes it."""
        return QuotaOf(self, quota)

    def of_all(self, unit: Unit, quota: Quota) -> dict[str, int]:
        """Return the limit of each city that has one."""
        plans = {plan.id: plan for plan in store.list_plans(unit)}
        limits = {
            found.id: limits_of(found, plans[found.plan]).get(quota)
            for found in store.every_city(unit)
        }
        return {city: limit for city, limit in limits.items() if limit is not None}

    def usage(self, unit: Unit, city: str) -> tuple[QuotaUse, ...]:
        """Return every quota of a city with what is used of it."""
        limits = self.limits(unit, city)
        counters = self._around.quotas
        return tuple(
            QuotaUse(
                quota,
                limits.get(quota),
                counters[quota](unit, city) if quota in counters else None,
            )
            for quota in Quota
        )

    def _count(self, unit: Unit, city: str, quota: Quota) -> int:
        counter = self._around.quotas.get(quota)
        if counter is None:
            raise InternalError(f"nobody counts the {quota} of a city", code="quota_uncounted")
        return counter(unit, city)


class QuotaOf:
    """One quota: what ``admin`` and ``cameras`` ask before they add."""

    def __init__(self, quotas: Quotas, quota: Quota) -> None:
        self._quotas = quotas
        self._quota = quota

    def check(self, unit: Unit, city: str, used: int | None = None) -> None:
        """Refuse one more where the city is full."""
        self._quotas.check(unit, city, self._quota, used=used)
