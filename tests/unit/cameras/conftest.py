"""Cameras on both stores, and people who may do this or that with them."""

import pytest

from cameras import FakePlaces, FakeQuota
from vms.admin import (
    MANAGER_ROLE,
    PLATFORM_HOME,
    SHIPPED_ROLES,
    CallerKind,
    Function,
    Held,
    Principal,
    Rights,
    Scope,
    system_principal,
)
from vms.cameras import CameraHistory, Cameras, Transfer
from vms.common import ManualClock
from vms.database import PLATFORM, Database, Vault

VAULT = Vault([b"k" * 32])
SYSTEM = system_principal("test")


def person(*held: tuple[Function, str], home: str = "sp") -> Principal:
    """Return somebody who holds functions in scopes."""
    rights = Rights([Held(frozenset({one}), Scope.parse(where)) for one, where in held])
    return Principal(kind=CallerKind.USER, id="ana", rights=(rights,), home=home, user="ana")


def manager(city: str = "sp") -> Principal:
    """Return who manages a city."""
    functions = SHIPPED_ROLES[MANAGER_ROLE].functions
    rights = Rights([Held(functions, Scope.of_city(city))])
    return Principal(kind=CallerKind.USER, id=f"of-{city}", rights=(rights,), home=city)


def platform_person(*held: tuple[Function, str]) -> Principal:
    """Return somebody of the platform."""
    return person(*held, home=PLATFORM_HOME)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def quota() -> FakeQuota:
    return FakeQuota()


@pytest.fixture
def places() -> FakePlaces:
    return FakePlaces()


@pytest.fixture
def cameras(
    database: Database, clock: ManualClock, quota: FakeQuota, places: FakePlaces
) -> Cameras:
    return Cameras(database, VAULT, clock, quota, places)


@pytest.fixture
def transfer(
    database: Database, clock: ManualClock, quota: FakeQuota, places: FakePlaces
) -> Transfer:
    return Transfer(database, VAULT, clock, quota, places)


@pytest.fixture
def history(database: Database, clock: ManualClock) -> CameraHistory:
    return CameraHistory(database, clock)


async def rows_of(database: Database, sql: str) -> list[tuple[object, ...]]:
    """Return what a plain read finds."""
    return await database.run(lambda unit: unit.rows(sql), PLATFORM, read=True)
