"""Use cases of cities and plans. Who may nothing is refused; cities of others do not exist."""

from dataclasses import fields

from vms.admin import Function, Principal
from vms.cities import store
from vms.cities.errors import in_use, plan_unknown
from vms.cities.model import (
    City,
    CityDraft,
    CityState,
    Plan,
    PlanDraft,
    Quota,
    QuotaUse,
    checked_city,
    checked_plan,
    checked_slug,
)
from vms.cities.ports import Surroundings
from vms.cities.quotas import Quotas
from vms.cities.trace import Trace
from vms.common import LOCAL_CITY, Clock, Page, Slice
from vms.database import Database, Unit
from vms.proto.events import CityCreated, CityDeleted, CityUpdated

UNLIMITED_PLAN = "unlimited"


class Cities:
    """Makes, changes, suspends and deletes cities."""

    def __init__(self, database: Database, clock: Clock, around: Surroundings) -> None:
        self._database = database
        self._clock = clock
        self._around = around
        self._quotas = Quotas(around)
        self._trace = Trace(clock)

    async def create(self, who: Principal, city_id: str, draft: CityDraft) -> City:
        """Make a city under an id that never was another's."""
        who.require(Function.CITY_MANAGE)
        slug, wanted = checked_slug(city_id), checked_city(draft)
        return await self._database.run(lambda unit: self._add(unit, who, slug, wanted), who.scope)

    async def get(self, who: Principal, city_id: str) -> City:
        """Return a city."""
        who.require(Function.CITY_READ, city=city_id)
        return await self._database.run(
            lambda unit: store.city(unit, city_id), who.scope, read=True
        )

    async def list(
        self,
        who: Principal,
        page: Page,
        *,
        text: str | None = None,
        state: CityState | None = None,
    ) -> Slice[City]:
        """Return a page of the cities that one may read, in the order of their ids."""
        among = who.cities(Function.CITY_READ)
        if among is not None and not among:
            who.require(Function.CITY_READ)
        return await self._database.run(
            lambda unit: store.list_cities(unit, page, among, text, state), who.scope, read=True
        )

    async def usage(self, who: Principal, city_id: str) -> tuple[QuotaUse, ...]:
        """Return a city's limits, and how much of each is used."""
        who.require(Function.CITY_READ, city=city_id)
        return await self._database.run(
            lambda unit: self._quotas.usage(unit, city_id), who.scope, read=True
        )

    async def change(
        self, who: Principal, city_id: str, version: int | None, draft: CityDraft
    ) -> City:
        """Change name, CNPJ, plan, zone, language or own limits; never the id."""
        who.require(Function.CITY_MANAGE, city=city_id)
        wanted = checked_city(draft)

        def work(unit: Unit) -> City:
            before = store.city(unit, city_id)
            store.plan(unit, wanted.plan)
            store.change_city(unit, city_id, version, wanted, self._clock.utc_us())
            after = store.city(unit, city_id)
            self._tell(unit, who, "city.update", city_id, changed=_changed(before, after))
            return after

        return await self._database.run(work, who.scope)

    async def suspend(self, who: Principal, city_id: str, version: int | None) -> City:
        """Stop a city: its people cannot sign in and it can add nothing. Its data stays."""
        return await self._set_state(who, city_id, version, CityState.SUSPENDED, "city.suspend")

    async def resume(self, who: Principal, city_id: str, version: int | None) -> City:
        """Let a suspended city work again."""
        return await self._set_state(who, city_id, version, CityState.ACTIVE, "city.resume")

    async def delete(self, who: Principal, city_id: str, version: int | None) -> None:
        """Delete a city that is empty but for sites and groups. Its id stays taken."""
        who.require(Function.CITY_MANAGE, city=city_id)

        def work(unit: Unit) -> None:
            store.city(unit, city_id)
            counts = {name: count(unit, city_id) for name, count in self._around.in_city.items()}
            if any(counts.values()):
                raise in_use("city", city_id, {name: n for name, n in counts.items() if n})
            store.remove_city(unit, city_id, version, self._clock.utc_us())
            self._trace.line(unit, who, "city.delete", f"city:{city_id}", city_id)
            self._trace.event(unit, CityDeleted, city_id)

        await self._database.run(work, who.scope)

    async def first_start(self, who: Principal, draft: CityDraft) -> City | None:
        """Make ``local`` where no city ever was; nothing otherwise."""
        who.require(Function.CITY_MANAGE)
        wanted = checked_city(draft)

        def work(unit: Unit) -> City | None:
            if store.any_city(unit):
                return None
            return self._add(unit, who, LOCAL_CITY, wanted)

        return await self._database.run(work, who.scope)

    def _add(self, unit: Unit, who: Principal, slug: str, wanted: CityDraft) -> City:
        store.plan(unit, wanted.plan)
        now_us = self._clock.utc_us()
        made = City(
            id=slug,
            name=wanted.name,
            plan=wanted.plan,
            cnpj=wanted.cnpj,
            time_zone=wanted.time_zone,
            language=wanted.language,
            overrides=wanted.overrides,
            state=CityState.ACTIVE,
            created_us=now_us,
            updated_us=now_us,
            version=1,
        )
        store.add_city(unit, made)
        self._trace.line(unit, who, "city.create", f"city:{slug}", slug, plan=made.plan)
        self._trace.event(unit, CityCreated, slug)
        return made

    async def _set_state(
        self, who: Principal, city_id: str, version: int | None, state: CityState, action: str
    ) -> City:
        who.require(Function.CITY_MANAGE, city=city_id)

        def work(unit: Unit) -> City:
            before = store.city(unit, city_id)
            store.refuse_old(version, before.version, "cities")
            if before.state is state:
                return before
            store.set_state(unit, city_id, version, state, self._clock.utc_us())
            self._tell(unit, who, action, city_id)
            return store.city(unit, city_id)

        return await self._database.run(work, who.scope)

    def _tell(
        self, unit: Unit, who: Principal, action: str, city_id: str, **details: tuple[str, ...]
    ) -> None:
        self._trace.line(unit, who, action, f"city:{city_id}", city_id, **details)
        self._trace.event(unit, CityUpdated, city_id)


class Plans:
    """Makes, changes and deletes plans: the platform's people alone."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._trace = Trace(clock)

    async def list(self, who: Principal) -> list[Plan]:
        """Return the plans; a city's people see the plan of their city."""
        return await self._database.run(
            lambda unit: _visible_plans(unit, who), who.scope, read=True
        )

    async def get(self, who: Principal, plan_id: str) -> Plan:
        """Return a plan."""

        def work(unit: Unit) -> Plan:
            for found in _visible_plans(unit, who):
                if found.id == plan_id:
                    return found
            raise plan_unknown(plan_id)

        return await self._database.run(work, who.scope, read=True)

    async def create(self, who: Principal, plan_id: str, draft: PlanDraft) -> Plan:
        """Make a plan."""
        who.require(Function.PLAN_MANAGE)
        wanted = checked_plan(draft)
        made = Plan(checked_slug(plan_id), wanted.name, wanted.limits, version=1)

        def work(unit: Unit) -> Plan:
            store.add_plan(unit, made)
            self._line(unit, who, "plan.create", plan_id)
            return made

        return await self._database.run(work, who.scope)

    async def change(
        self, who: Principal, plan_id: str, version: int | None, draft: PlanDraft
    ) -> Plan:
        """Change name and limits. What a city has already stays; only more is refused."""
        who.require(Function.PLAN_MANAGE)
        wanted = checked_plan(draft)

        def work(unit: Unit) -> Plan:
            before = store.plan(unit, plan_id)
            store.change_plan(unit, plan_id, version, wanted)
            changed = (q.value for q in Quota if before.limits.get(q) != wanted.limits.get(q))
            self._line(unit, who, "plan.update", plan_id, changed=tuple(changed))
            for city in store.cities_of_plan(unit, plan_id):
                self._trace.event(unit, CityUpdated, city)
            return store.plan(unit, plan_id)

        return await self._database.run(work, who.scope)

    async def delete(self, who: Principal, plan_id: str, version: int | None) -> None:
        """Delete a plan that no city has."""
        who.require(Function.PLAN_MANAGE)

        def work(unit: Unit) -> None:
            before = store.plan(unit, plan_id)
            cities = store.cities_of_plan(unit, plan_id)
            if cities:
                raise in_use("plan", plan_id, {"cities": len(cities)})
            store.remove_plan(unit, before, version)
            self._line(unit, who, "plan.delete", plan_id)

        await self._database.run(work, who.scope)

    def _line(
        self, unit: Unit, who: Principal, action: str, plan_id: str, **details: tuple[str, ...]
    ) -> None:
        self._trace.line(unit, who, action, f"plan:{plan_id}", None, **details)


def _visible_plans(unit: Unit, who: Principal) -> list[Plan]:
    cities = who.cities(Function.CITY_READ)
    plans = store.list_plans(unit)
    if cities is None or who.may(Function.PLAN_MANAGE):
        return plans
    if not cities:
        who.require(Function.CITY_READ)
    own = store.plans_of(unit, cities)
    return [plan for plan in plans if plan.id in own]


def _changed(before: City, after: City) -> tuple[str, ...]:
    """Return the names of the fields that one may say and that differ."""
    names = (field.name for field in fields(CityDraft))
    return tuple(name for name in names if getattr(before, name) != getattr(after, name))
