"""Cities, plans, sites and camera groups in the database."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    String,
    Table,
    Text,
    delete,
)
from sqlalchemy.exc import IntegrityError

from vms.cities.errors import city_unknown, group_unknown, plan_unknown, site_unknown, taken
from vms.cities.model import (
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
    Site,
    SiteDraft,
    name_key,
)
from vms.common import Page, Slice
from vms.database import (
    Unit,
    insert_unique,
    is_unique_violation,
    metadata,
    update_versioned,
    version_conflict,
)

T = TypeVar("T")

# The state of a city that is gone; its row stays, so that its id is never used again.
DELETED = "deleted"

cities_table = Table(
    "cities",
    metadata,
    # The city's id, its slug: so named that row-level security knows it.
    Column("city", String(63), primary_key=True),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False),
    Column("plan", String(63), nullable=False),
    Column("cnpj", String(14)),
    Column("time_zone", String(63), nullable=False),
    Column("language", String(8), nullable=False),
    Column("overrides", Text, nullable=False),
    Column("state", String(12), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Index("uq_cities_cnpj", "cnpj", unique=True),
    Index("ix_cities_plan", "plan"),
)

plans_table = Table(
    "plans",
    metadata,
    Column("id", String(63), primary_key=True),
    Column("name", Text, nullable=False),
    *(Column(quota.value, BigInteger) for quota in Quota),
    Column("version", Integer, nullable=False),
)

sites_table = Table(
    "sites",
    metadata,
    Column("city", String(63), primary_key=True),
    Column("id", String(23), primary_key=True),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("latitude", Double),
    Column("longitude", Double),
    Column("version", Integer, nullable=False),
    Index("uq_sites_city_name_key", "city", "name_key", unique=True),
)

groups_table = Table(
    "city_groups",
    metadata,
    Column("city", String(63), primary_key=True),
    Column("id", String(23), primary_key=True),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Index("uq_city_groups_city_name_key", "city", "name_key", unique=True),
)

_CITY = (
    "city, name, plan, cnpj, time_zone, language, overrides, state, created_us, updated_us, version"
)
_PLAN = ", ".join(("id", "name", *Quota, "version"))
_SITE = "city, id, name, address, latitude, longitude, version"
_GROUP = "city, id, name, version"

_LIKE_SPECIAL = re.compile(r"([!%_])")
_read_overrides = msgspec.json.Decoder(dict[Quota, int | None]).decode


def city(unit: Unit, city_id: str) -> City:
    """Return a city, or say that there is none."""
    rows = unit.rows(
        f"SELECT {_CITY} FROM cities WHERE city = :city AND state <> :deleted",  # noqa: S608
        {"city": city_id, "deleted": DELETED},
    )
    if not rows:
        raise city_unknown(city_id)
    return _city(rows[0])


def every_city(unit: Unit) -> list[City]:
    """Return all cities that the unit sees."""
    rows = unit.rows(
        f"SELECT {_CITY} FROM cities WHERE state <> :deleted",  # noqa: S608 - only names above
        {"deleted": DELETED},
    )
    return [_city(row) for row in rows]


def any_city(unit: Unit) -> bool:
    """Say whether a city was ever made."""
    return bool(unit.rows("SELECT 1 FROM cities LIMIT 1"))


def list_cities(
    unit: Unit, page: Page, among: Iterable[str] | None, text: str | None, state: str | None
) -> Slice[City]:
    """Return a page of cities in the order of their ids; ``among``: of these alone."""
    conditions = ["state <> :deleted", "city > :after"]
    values: dict[str, object] = {"deleted": DELETED, "after": page.after or ""}
    if among is not None:
        places, named = _places(among)
        conditions.append(f"city IN ({places})")
        values |= named
    if state is not None:
        conditions.append("state = :state")
        values["state"] = state
    if text:
        conditions.append("(name_key LIKE :text ESCAPE '!' OR city LIKE :text ESCAPE '!')")
        values["text"] = _part(text)
    rows = unit.rows(
        f"SELECT {_CITY} FROM cities WHERE {' AND '.join(conditions)} "  # noqa: S608 - fixed texts
        "ORDER BY city LIMIT :most",
        {**values, "most": page.limit + 1},
    )
    return _slice([_city(row) for row in rows], page, lambda found: found.id)


def plans_of(unit: Unit, cities: Iterable[str]) -> frozenset[str]:
    """Return the plans that some cities have."""
    places, values = _places(cities)
    rows = unit.rows(
        f"SELECT DISTINCT plan FROM cities WHERE city IN ({places})",  # noqa: S608 - places
        values,
    )
    return frozenset(plan_id for (plan_id,) in rows)


def cities_of_plan(unit: Unit, plan_id: str) -> list[str]:
    """Return the cities that have a plan."""
    rows = unit.rows(
        "SELECT city FROM cities WHERE plan = :plan AND state <> :deleted ORDER BY city",
        {"plan": plan_id, "deleted": DELETED},
    )
    return [found for (found,) in rows]


def add_city(unit: Unit, made: City) -> None:
    """Write a new city; its id must never have been used, its CNPJ be nobody else's."""
    refuse_cnpj(unit, made.cnpj, made.id)
    values = {
        **_city_values(made),
        "city": made.id,
        "state": made.state.value,
        "created_us": made.created_us,
        "updated_us": made.updated_us,
        "version": made.version,
    }
    insert_unique(unit, cities_table, values, taken("city", made.id))


def refuse_cnpj(unit: Unit, cnpj: str | None, but_of: str) -> None:
    """Refuse a CNPJ that another city has."""
    if cnpj is None:
        return
    rows = unit.rows(
        "SELECT 1 FROM cities WHERE cnpj = :cnpj AND city <> :city", {"cnpj": cnpj, "city": but_of}
    )
    if rows:
        raise taken("cnpj", cnpj)


def change_city(
    unit: Unit, city_id: str, version: int | None, draft: CityDraft, now_us: int
) -> None:
    """Change what one may say about a city."""
    refuse_cnpj(unit, draft.cnpj, city_id)
    values = {**_city_values(draft), "updated_us": now_us}
    update_versioned(unit, cities_table, {"city": city_id}, version, values)


def set_state(unit: Unit, city_id: str, version: int | None, state: CityState, now_us: int) -> None:
    """Suspend a city, or let it work again."""
    values = {"state": state.value, "updated_us": now_us}
    update_versioned(unit, cities_table, {"city": city_id}, version, values)


def remove_city(unit: Unit, city_id: str, version: int | None, now_us: int) -> None:
    """Delete a city with its sites and groups; only its id stays, so that it stays taken."""
    for table in (sites_table, groups_table):
        unit.execute(delete(table).where(table.c.city == city_id))
    gone = {
        "name": "",
        "name_key": "",
        "plan": "",
        "cnpj": None,
        "overrides": "{}",
        "state": DELETED,
        "updated_us": now_us,
    }
    update_versioned(unit, cities_table, {"city": city_id}, version, gone)


def plan(unit: Unit, plan_id: str) -> Plan:
    """Return a plan, or say that there is none."""
    rows = unit.rows(f"SELECT {_PLAN} FROM plans WHERE id = :id", {"id": plan_id})  # noqa: S608
    if not rows:
        raise plan_unknown(plan_id)
    return _plan(rows[0])


def list_plans(unit: Unit) -> list[Plan]:
    """Return all plans: they are few."""
    rows = unit.rows(f"SELECT {_PLAN} FROM plans ORDER BY id")  # noqa: S608 - columns
    return [_plan(row) for row in rows]


def add_plan(unit: Unit, made: Plan) -> None:
    """Write a new plan."""
    values = {**_plan_values(made), "id": made.id, "version": made.version}
    insert_unique(unit, plans_table, values, taken("plan", made.id))


def change_plan(unit: Unit, plan_id: str, version: int | None, draft: PlanDraft) -> None:
    """Change a plan's name and limits."""
    update_versioned(unit, plans_table, {"id": plan_id}, version, _plan_values(draft))


def remove_plan(unit: Unit, before: Plan, version: int | None) -> None:
    """Delete a plan."""
    refuse_old(version, before.version, "plans")
    unit.execute(delete(plans_table).where(plans_table.c.id == before.id))


def site(unit: Unit, city_id: str, site_id: str) -> Site:
    """Return a site, or say that there is none."""
    rows = unit.rows(
        f"SELECT {_SITE} FROM sites WHERE city = :city AND id = :id",  # noqa: S608 - columns
        {"city": city_id, "id": site_id},
    )
    if not rows:
        raise site_unknown(site_id)
    return Site(*rows[0])


def list_sites(unit: Unit, city_id: str, page: Page, text: str | None) -> Slice[Site]:
    """Return a page of a city's sites in the order of their names."""
    found = _named(unit, "sites", _SITE, city_id, page, text, None)
    return _slice([Site(*row) for row in found], page, lambda one: name_key(one.name))


def add_site(unit: Unit, made: Site) -> None:
    """Write a new site."""
    values = {**_site_values(made), "city": made.city, "id": made.id, "version": made.version}
    insert_unique(unit, sites_table, values, taken("site_name", made.name))


def change_site(unit: Unit, before: Site, version: int | None, draft: SiteDraft) -> None:
    """Change what one may say about a site."""
    _change_named(unit, sites_table, before, version, _site_values(draft), "site_name")


def remove_site(unit: Unit, before: Site, version: int | None) -> None:
    """Delete a site."""
    _remove_part(unit, sites_table, before, version)


def group(unit: Unit, city_id: str, group_id: str) -> CameraGroup:
    """Return a camera group, or say that there is none."""
    rows = unit.rows(
        f"SELECT {_GROUP} FROM city_groups WHERE city = :city AND id = :id",  # noqa: S608
        {"city": city_id, "id": group_id},
    )
    if not rows:
        raise group_unknown(group_id)
    return CameraGroup(*rows[0])


def list_groups(
    unit: Unit, city_id: str, page: Page, text: str | None, among: Iterable[str] | None
) -> Slice[CameraGroup]:
    """Return a page of a city's camera groups by name; ``among``: of these alone."""
    found = _named(unit, "city_groups", _GROUP, city_id, page, text, among)
    return _slice([CameraGroup(*row) for row in found], page, lambda one: name_key(one.name))


def add_group(unit: Unit, made: CameraGroup) -> None:
    """Write a new camera group."""
    values = {**_group_values(made), "city": made.city, "id": made.id, "version": made.version}
    insert_unique(unit, groups_table, values, taken("camera_group_name", made.name))


def change_group(
    unit: Unit, before: CameraGroup, version: int | None, draft: CameraGroupDraft
) -> None:
    """Change what one may say about a camera group."""
    _change_named(unit, groups_table, before, version, _group_values(draft), "camera_group_name")


def remove_group(unit: Unit, before: CameraGroup, version: int | None) -> None:
    """Delete a camera group."""
    _remove_part(unit, groups_table, before, version)


def names(unit: Unit, table: str, city_id: str) -> dict[str, str]:
    """Return the names of a city's sites or camera groups, by id."""
    sql = {
        "sites": "SELECT id, name FROM sites WHERE city = :city ORDER BY name_key",
        "city_groups": "SELECT id, name FROM city_groups WHERE city = :city ORDER BY name_key",
    }[table]
    return dict(unit.rows(sql, {"city": city_id}))


def _named(
    unit: Unit,
    table: str,
    columns: str,
    city_id: str,
    page: Page,
    text: str | None,
    among: Iterable[str] | None,
) -> list[tuple[Any, ...]]:
    """Return rows of a city in the order of their names, one more than the page holds."""
    conditions = ["city = :city", "name_key > :after"]
    values: dict[str, object] = {"city": city_id, "after": page.after or ""}
    if text:
        conditions.append("name_key LIKE :text ESCAPE '!'")
        values["text"] = _part(text)
    if among is not None:
        places, named = _places(among)
        conditions.append(f"id IN ({places})")
        values |= named
    return unit.rows(
        f"SELECT {columns} FROM {table} WHERE {' AND '.join(conditions)} "  # noqa: S608 - fixed
        "ORDER BY name_key LIMIT :most",
        {**values, "most": page.limit + 1},
    )


def _change_named(
    unit: Unit,
    table: Table,
    before: Site | CameraGroup,
    version: int | None,
    values: Mapping[str, object],
    what: str,
) -> None:
    try:
        update_versioned(unit, table, {"city": before.city, "id": before.id}, version, values)
    except IntegrityError as error:
        if is_unique_violation(error):
            raise taken(what, str(values["name"])) from None
        raise


def _remove_part(unit: Unit, table: Table, before: Site | CameraGroup, version: int | None) -> None:
    refuse_old(version, before.version, table.name)
    unit.execute(delete(table).where(table.c.city == before.city, table.c.id == before.id))


def refuse_old(seen: int | None, current: int, what: str) -> None:
    """Refuse a change by somebody who saw another version."""
    if seen not in {None, current}:
        raise version_conflict(what, current)


def _slice(found: list[T], page: Page, key: Callable[[T], str]) -> Slice[T]:
    """Return the page, and where the next one begins."""
    items = tuple(found[: page.limit])
    return Slice(items, key(items[-1]) if len(found) > page.limit else None)


def _places(among: Iterable[str]) -> tuple[str, dict[str, object]]:
    """Return the inside of an IN, and its values."""
    values: dict[str, object] = {f"among_{n}": one for n, one in enumerate(sorted(among))}
    return ", ".join(f":{name}" for name in values) or "NULL", values


def _part(text: str) -> str:
    """Return the pattern of LIKE for names that hold a text."""
    return "%" + _LIKE_SPECIAL.sub(r"!\1", name_key(text)) + "%"


def _city(row: tuple[Any, ...]) -> City:
    *head, overrides, state, created_us, updated_us, version = row
    city_id, name, plan_id, cnpj, time_zone, language = head
    return City(
        id=city_id,
        name=name,
        plan=plan_id,
        cnpj=cnpj,
        time_zone=time_zone,
        language=language,
        overrides=_read_overrides(overrides),
        state=CityState(state),
        created_us=created_us,
        updated_us=updated_us,
        version=version,
    )


def _city_values(draft: CityDraft | City) -> dict[str, object]:
    return {
        "name": draft.name,
        "name_key": name_key(draft.name),
        "plan": draft.plan,
        "cnpj": draft.cnpj,
        "time_zone": draft.time_zone,
        "language": draft.language,
        "overrides": _overrides_text(draft.overrides),
    }


def _overrides_text(overrides: Overrides) -> str:
    return msgspec.json.encode(overrides, order="sorted").decode()


def _plan(row: tuple[Any, ...]) -> Plan:
    plan_id, name, *numbers, version = row
    limits = dict(zip(Quota, numbers, strict=True))
    return Plan(plan_id, name, _given(limits), version)


def _given(limits: Mapping[Quota, int | None]) -> Limits:
    return {quota: limit for quota, limit in limits.items() if limit is not None}


def _plan_values(draft: PlanDraft | Plan) -> dict[str, object]:
    return {"name": draft.name, **{quota.value: draft.limits.get(quota) for quota in Quota}}


def _site_values(draft: SiteDraft | Site) -> dict[str, object]:
    return {
        "name": draft.name,
        "name_key": name_key(draft.name),
        "address": draft.address,
        "latitude": draft.latitude,
        "longitude": draft.longitude,
    }


def _group_values(draft: CameraGroupDraft | CameraGroup) -> dict[str, object]:
    return {"name": draft.name, "name_key": name_key(draft.name)}
