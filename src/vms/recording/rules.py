"""Rules of cameras and policies of cities, groups and plans; what the engine is to do by them."""

import zoneinfo
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec

from vms.admin import Function, Principal
from vms.cameras import CameraPlace, RosterEntry, camera_streams
from vms.cities import CityTerms
from vms.common import Clock, InvalidError, StreamName, TooManyError
from vms.database import PLATFORM, Database, Unit, version_conflict
from vms.engine import CameraWish, Keep, StreamRecord
from vms.proto.events import RecordingRulesChanged
from vms.recording import schedule
from vms.recording.access import Trace, city_of, find
from vms.recording.keeping import NOTHING, Levels, checked
from vms.recording.model import (
    Keeping,
    Manual,
    ManualAction,
    ManualOrder,
    PolicyView,
    Rule,
    RuleView,
)
from vms.recording.ports import Cities
from vms.recording.store import rules as store

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Orders:
    """What the engine is to do with one camera."""

    record: Mapping[StreamName, StreamRecord]
    keep: Keep


@dataclass(frozen=True, slots=True)
class Plan:
    """What the engine is to do with every camera, and until when that holds by itself."""

    orders: Mapping[str, Orders]
    next_us: int | None


def recorded(wish: CameraWish, plan: Plan) -> CameraWish:
    """Return a camera's wish with what it records and keeps."""
    orders = plan.orders.get(wish.id)
    if orders is None:
        return wish
    return msgspec.structs.replace(wish, record=dict(orders.record), keep=orders.keep)


class RecordingRules:
    """The use cases of rules and policies. Each is one transaction, with audit line and event."""

    def __init__(self, database: Database, cities: Cities, clock: Clock) -> None:
        self._database = database
        self._cities = cities
        self._clock = clock
        self._trace = Trace(clock)

    async def get(self, who: Principal, camera: str) -> RuleView:
        """Return a camera's rules and what comes of them."""

        def work(unit: Unit) -> RuleView:
            place = find(unit, who, camera, Function.CAMERA_READ)
            return self._view(unit, place, store.rule_of(unit, place.city, camera))

        return await self._read(who, work)

    async def put(self, who: Principal, camera: str, version: int, rule: Rule) -> RuleView:
        """Change a camera's rules; they hold within a second."""

        def work(unit: Unit) -> RuleView:
            place = find(unit, who, camera, Function.CAMERA_MANAGE)
            self._check(unit, place.city, rule.keep)
            before = store.rule_of(unit, place.city, camera)
            if before.version != version:
                raise version_conflict(f"rules of {camera}", before.version)
            if before.rule == rule:
                return self._view(unit, place, before)
            row = replace(before, rule=rule)
            names = ("main", "sub", "keep")
            changed = tuple(n for n in names if getattr(before.rule, n) != getattr(rule, n))
            return self._write(unit, who, place, row, "recording.rules", changed)

        return await self._run(who, work)

    async def order(self, who: Principal, camera: str, order: ManualOrder) -> RuleView:
        """Start or stop by hand, or go back to the rules."""
        now_us = self._clock.utc_us()
        if order.until_us is not None and order.until_us <= now_us:
            raise InvalidError("until_us is in the past", code="period_invalid")

        def work(unit: Unit) -> RuleView:
            place = find(unit, who, camera, Function.CAMERA_MANAGE)
            before = store.rule_of(unit, place.city, camera)
            manual = None
            if order.action is not ManualAction.RELEASE:
                manual = Manual(order.action, order.until_us, now_us, who.actor)
            action = f"recording.{order.action}"
            return self._write(unit, who, place, replace(before, manual=manual), action, ())

        return await self._run(who, work)

    def _write(
        self,
        unit: Unit,
        who: Principal,
        place: CameraPlace,
        row: store.RuleRow,
        action: str,
        changed: tuple[str, ...],
    ) -> RuleView:
        now_us = self._clock.utc_us()
        version = store.put_rule(unit, place.city, place.camera, row, now_us)
        thing = f"camera:{place.camera}"
        self._trace.line(unit, who, action, thing, place.city, changed=changed)
        self._tell(unit, place.city, place.camera)
        return self._view(unit, place, replace(row, version=version))

    def _tell(self, unit: Unit, city: str | None, camera: str | None) -> None:
        now_us = self._clock.utc_us()
        self._trace.event(unit, RecordingRulesChanged(city=city, at_us=now_us, camera=camera))

    def _view(self, unit: Unit, place: CameraPlace, row: store.RuleRow) -> RuleView:
        now_us = self._clock.utc_us()
        terms = self._cities.terms(unit, place.city)
        zone = zoneinfo.ZoneInfo(terms.time_zone)
        streams = camera_streams(unit, place.camera)
        records = schedule.record_at(row.rule, row.manual, streams, now_us, zone)
        manual = row.manual
        if manual is not None and manual.until_us is not None and manual.until_us <= now_us:
            manual = None
        levels = _levels(
            row.rule.keep,
            place.groups,
            store.keeps_of_city(unit, place.city),
            store.plan_keep(unit, terms.plan)[0],
            terms,
        )
        return RuleView(
            camera=place.camera,
            rule=row.rule,
            manual=manual,
            now={stream: record.mode for stream, record in records.items()},
            next_change_us=schedule.change_after(row.rule, row.manual, now_us, zone),
            keep=levels.keep(),
            time_zone=terms.time_zone,
            version=row.version,
        )

    # --- policies

    async def policies(self, who: Principal, city: str | None) -> list[PolicyView]:
        """Return what a city's plan, the city itself and its groups keep."""
        of = city_of(who, city)
        _require_sight(who, of)

        def work(unit: Unit) -> list[PolicyView]:
            terms = self._cities.terms(unit, of)
            keep, version = store.plan_keep(unit, terms.plan)
            found = [PolicyView(keep, version, plan=terms.plan)]
            known = store.policies_of_city(unit, of)
            keep, version = known.pop(store.CITY_TARGET, (NOTHING, store.FIRST_VERSION))
            found.append(PolicyView(keep, version, city=of))
            for group, (keep, version) in known.items():
                found.append(PolicyView(keep, version, city=of, group=group))
            return found

        return await self._read(who, work)

    async def of_plan(self, who: Principal, plan: str) -> PolicyView:
        """Return what a plan keeps: its own city's people and the platform's see it."""

        def work(unit: Unit) -> PolicyView:
            if not who.may(Function.PLAN_MANAGE):
                who.require(Function.SYSTEM_READ)
            self._cities.check_plan(unit, plan)
            keep, version = store.plan_keep(unit, plan)
            return PolicyView(keep, version, plan=plan)

        return await self._read(who, work)

    async def put_plan(self, who: Principal, plan: str, version: int, keep: Keeping) -> PolicyView:
        """Say what a plan's cities keep."""
        who.require(Function.PLAN_MANAGE)

        def work(unit: Unit) -> PolicyView:
            self._cities.check_plan(unit, plan)
            new = store.put_plan_keep(unit, plan, checked(keep), version, self._clock.utc_us())
            self._trace.line(unit, who, "recording.policy", f"plan:{plan}", None)
            self._tell(unit, None, None)
            return PolicyView(keep, new, plan=plan)

        return await self._run(who, work)

    async def of_city(self, who: Principal, city: str, group: str | None = None) -> PolicyView:
        """Return what a city or a group of it keeps."""
        _require_sight(who, city)

        def work(unit: Unit) -> PolicyView:
            self._check_place(unit, city, group)
            keep, version = store.keep_of(unit, city, group or store.CITY_TARGET)
            return PolicyView(keep, version, city=city, group=group)

        return await self._read(who, work)

    async def put_city(
        self, who: Principal, city: str, group: str | None, version: int, keep: Keeping
    ) -> PolicyView:
        """Say what a city or a group of it keeps."""
        who.require(Function.CAMERA_MANAGE, city=city, groups=() if group is None else (group,))

        def work(unit: Unit) -> PolicyView:
            self._check_place(unit, city, group)
            self._check(unit, city, keep)
            target = group or store.CITY_TARGET
            new = store.put_keep(unit, city, target, keep, version, self._clock.utc_us())
            thing = f"city:{city}" if group is None else f"camera_group:{group}"
            self._trace.line(unit, who, "recording.policy", thing, city)
            self._tell(unit, city, None)
            return PolicyView(keep, new, city=city, group=group)

        return await self._run(who, work)

    def _check_place(self, unit: Unit, city: str, group: str | None) -> None:
        if group is None:
            self._cities.terms(unit, city)
        else:
            self._cities.check_group(unit, city, group)

    def _check(self, unit: Unit, city: str, keep: Keeping) -> None:
        """Refuse to promise longer than the plan allows."""
        limit = self._cities.terms(unit, city).retention_days
        asked = checked(keep).min_days or 0
        if limit is not None and asked > limit:
            raise TooManyError(
                f"city {city}: recordings are kept for at most {limit} days",
                code="quota_retention_days",
                values={"city": city, "limit": limit, "used": asked},
            )

    # --- for the engine

    async def plan(self, cameras: Sequence[RosterEntry]) -> Plan:
        """Return what the engine is to do with these cameras now."""
        now_us = self._clock.utc_us()

        def work(unit: Unit) -> Plan:
            known = _Known(
                self._cities.all_terms(unit),
                store.every_rule(unit),
                store.every_keep(unit),
                store.every_plan_keep(unit),
            )
            return known.plan(cameras, now_us)

        return await self._database.run(work, PLATFORM, read=True)

    async def _run(self, who: Principal, work: Callable[[Unit], T]) -> T:
        return await self._database.run(work, who.scope)

    async def _read(self, who: Principal, work: Callable[[Unit], T]) -> T:
        return await self._database.run(work, who.scope, read=True)


@dataclass(frozen=True, slots=True)
class _Known:
    """All that decides, read at once."""

    terms: Mapping[str, CityTerms]
    rules: Mapping[str, store.RuleRow]
    keeps: Mapping[tuple[str, str], Keeping]
    plans: Mapping[str, Keeping]

    def plan(self, cameras: Sequence[RosterEntry], now_us: int) -> Plan:
        orders: dict[str, Orders] = {}
        changes: list[int] = []
        by_city: dict[str, dict[str, Keeping]] = {}
        for (city, target), keep in self.keeps.items():
            by_city.setdefault(city, {})[target] = keep
        for camera in cameras:
            terms = self.terms.get(camera.city)
            if terms is None:
                continue
            row = self.rules.get(camera.id, store.DEFAULT)
            zone = zoneinfo.ZoneInfo(terms.time_zone)
            streams = tuple(camera.streams)
            records = schedule.record_at(row.rule, row.manual, streams, now_us, zone)
            levels = _levels(
                row.rule.keep,
                frozenset(camera.groups),
                by_city.get(camera.city, {}),
                self.plans.get(terms.plan, NOTHING),
                terms,
            )
            orders[camera.id] = Orders(records, levels.keep())
            change = schedule.change_after(row.rule, row.manual, now_us, zone)
            if change is not None:
                changes.append(change)
        return Plan(orders, min(changes, default=None))


def _levels(
    camera: Keeping,
    groups: frozenset[str],
    of_city: Mapping[str, Keeping],
    plan: Keeping,
    terms: CityTerms,
) -> Levels:
    return Levels(
        camera=camera,
        groups=[of_city[group] for group in sorted(groups) if group in of_city],
        city=of_city.get(store.CITY_TARGET, NOTHING),
        plan=plan,
        limit_days=terms.retention_days,
    )


def _require_sight(who: Principal, city: str) -> None:
    """Refuse who sees no camera of a city."""
    seen = who.cities(Function.CAMERA_READ)
    if seen is not None and city not in seen:
        who.require(Function.CAMERA_READ, city=city)
