"""Rules of cameras and policies of cities, groups and plans."""

from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Table, insert, select, update

from vms.database import Unit, version_conflict
from vms.recording.model import Keeping, Manual, ManualAction, Rule
from vms.recording.store import tables

# Of what was never written: the defaults.
FIRST_VERSION = 1
CITY_TARGET = ""

_rule = msgspec.json.Decoder(Rule)
_keep = msgspec.json.Decoder(Keeping)
_encode = msgspec.json.Encoder().encode
_RULE = "rule, manual, manual_until_us, manual_since_us, manual_by, version FROM recording_rules"


_DEFAULT_RULE = Rule()


@dataclass(frozen=True, slots=True)
class RuleRow:
    """What is said of one camera."""

    rule: Rule = _DEFAULT_RULE
    manual: Manual | None = None
    version: int = FIRST_VERSION


DEFAULT = RuleRow()


def rule_of(unit: Unit, city: str, camera: str) -> RuleRow:
    """Return a camera's rule; the default where there is none."""
    rows = unit.rows(
        f"SELECT {_RULE} WHERE city = :city AND camera = :camera",
        {"city": city, "camera": camera},
    )
    return _rule_row(*rows[0]) if rows else DEFAULT


def every_rule(unit: Unit) -> dict[str, RuleRow]:
    """Return the rules of all cameras of the unit's scope, by camera."""
    sql, values = f"SELECT camera, {_RULE}", {}
    if unit.scope.city is not None:
        sql, values = f"{sql} WHERE city = :city", {"city": unit.scope.city}
    return {camera: _rule_row(*row) for camera, *row in unit.rows(sql, values)}


def _rule_row(
    rule: str,
    manual: str | None,
    until: int | None,
    since: int | None,
    by: str | None,
    version: int,
) -> RuleRow:
    hand = None if manual is None else Manual(ManualAction(manual), until, since or 0, by or "")
    return RuleRow(_rule.decode(rule), hand, version)


def put_rule(unit: Unit, city: str, camera: str, row: RuleRow, now_us: int) -> int:
    """Write a camera's rule over the version it was read with; return the new one."""
    manual = row.manual
    values = {
        "rule": _encode(row.rule).decode(),
        "manual": None if manual is None else manual.action.value,
        "manual_until_us": None if manual is None else manual.until_us,
        "manual_since_us": None if manual is None else manual.since_us,
        "manual_by": None if manual is None else manual.by,
        "updated_us": now_us,
    }
    return _put(unit, tables.rules, {"city": city, "camera": camera}, row.version, values)


def keep_of(unit: Unit, city: str, target: str) -> tuple[Keeping, int]:
    """Return what a city (no target) or one of its groups keeps, with its version."""
    rows = unit.rows(
        "SELECT keep, version FROM recording_policies WHERE city = :city AND target = :target",
        {"city": city, "target": target},
    )
    return (_keep.decode(rows[0][0]), rows[0][1]) if rows else (Keeping(), FIRST_VERSION)


def keeps_of_city(unit: Unit, city: str) -> dict[str, Keeping]:
    """Return what a city and its groups keep, by target."""
    rows = unit.rows(
        "SELECT target, keep FROM recording_policies WHERE city = :city", {"city": city}
    )
    return {target: _keep.decode(keep) for target, keep in rows}


def policies_of_city(unit: Unit, city: str) -> dict[str, tuple[Keeping, int]]:
    """Return the same with versions."""
    rows = unit.rows(
        "SELECT target, keep, version FROM recording_policies WHERE city = :city ORDER BY target",
        {"city": city},
    )
    return {target: (_keep.decode(keep), version) for target, keep, version in rows}


def every_keep(unit: Unit) -> dict[tuple[str, str], Keeping]:
    """Return what all cities and groups keep."""
    rows = unit.rows("SELECT city, target, keep FROM recording_policies")
    return {(city, target): _keep.decode(keep) for city, target, keep in rows}


def put_keep(unit: Unit, city: str, target: str, keep: Keeping, version: int, now_us: int) -> int:
    """Write a policy over the version it was read with; return the new one."""
    values = {"keep": _encode(keep).decode(), "updated_us": now_us}
    return _put(unit, tables.policies, {"city": city, "target": target}, version, values)


def plan_keep(unit: Unit, plan: str) -> tuple[Keeping, int]:
    """Return what a plan keeps, with its version."""
    rows = unit.rows(
        "SELECT keep, version FROM recording_plan_policies WHERE plan = :plan", {"plan": plan}
    )
    return (_keep.decode(rows[0][0]), rows[0][1]) if rows else (Keeping(), FIRST_VERSION)


def every_plan_keep(unit: Unit) -> dict[str, Keeping]:
    """Return what all plans keep."""
    rows = unit.rows("SELECT plan, keep FROM recording_plan_policies")
    return {plan: _keep.decode(keep) for plan, keep in rows}


def put_plan_keep(unit: Unit, plan: str, keep: Keeping, version: int, now_us: int) -> int:
    """Write a plan's policy over the version it was read with; return the new one."""
    values = {"keep": _encode(keep).decode(), "updated_us": now_us}
    return _put(unit, tables.plan_policies, {"plan": plan}, version, values)


def _put(
    unit: Unit, table: Table, key: dict[str, str], version: int, values: dict[str, Any]
) -> int:
    """Write a row whose absence means the defaults in version 1.

    Writers are serial, so the version that is read here stays until the commit.
    """
    where = [table.c[name] == value for name, value in key.items()]
    found = unit.execute(select(table.c.version).where(*where)).scalar_one_or_none()
    current = FIRST_VERSION if found is None else int(found)
    if version != current:
        raise version_conflict(table.name, current)
    new = {**values, "version": current + 1}
    if found is None:
        unit.execute(insert(table).values(**key, **new))
    else:
        unit.execute(update(table).where(*where).values(**new))
    return current + 1
