"""Quotas: said with limit and use, counted where they are asked, never overrun by a race."""

import asyncio

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, insert

from towns import ANA, RIO, ROOT, VIEWER, Towns
from vms.cities import CityDraft, Quota, QuotaOf, Quotas, QuotaUse, Surroundings
from vms.common import (
    ForbiddenError,
    InternalError,
    NotFoundError,
    TooManyError,
    new_id,
)
from vms.database import CityScope, Unit

things = Table(
    "things",
    MetaData(),
    Column("city", String(20)),
    Column("id", String(23), primary_key=True),
    Column("number", Integer),
)


@pytest.mark.parametrize("quota", [Quota.CAMERAS, Quota.USERS])
async def test_the_refusal_says_what_the_limit_is(towns: Towns, quota: Quota) -> None:
    await towns.city("sp", "basic")
    limit = {Quota.CAMERAS: 10, Quota.USERS: 3}[quota]
    check = towns.quotas.of(quota)
    towns.counts[quota.value] = limit - 1
    await towns.run(lambda unit: check.check(unit, "sp"))
    towns.counts[quota.value] = limit
    with pytest.raises(TooManyError) as caught:
        await towns.run(lambda unit: check.check(unit, "sp"))
    assert caught.value.code == f"quota_{quota}"
    assert caught.value.values == {"city": "sp", "limit": limit, "used": limit}
    assert str(limit) in caught.value.message


async def test_what_is_told_is_not_counted(towns: Towns) -> None:
    await towns.city("sp", "basic")
    streams = QuotaOf(towns.quotas, Quota.STREAMS)
    await towns.run(lambda unit: streams.check(unit, "sp", 3))
    with pytest.raises(TooManyError) as caught:
        await towns.run(lambda unit: streams.check(unit, "sp", 4))
    assert (caught.value.code, caught.value.values["limit"]) == ("quota_streams", 4)
    with pytest.raises(InternalError):
        await towns.run(lambda unit: streams.check(unit, "sp"))


async def test_many_at_once_are_refused_as_a_whole(towns: Towns) -> None:
    await towns.city("sp", "basic")
    towns.counts["cameras"] = 4
    await towns.run(lambda unit: towns.quotas.check(unit, "sp", Quota.CAMERAS, adding=6))
    with pytest.raises(TooManyError) as caught:
        await towns.run(lambda unit: towns.quotas.check(unit, "sp", Quota.CAMERAS, adding=7))
    assert caught.value.values["used"] == 4


async def test_days_are_refused_over_the_limit(towns: Towns) -> None:
    await towns.city("sp", "basic")
    days = Quota.RETENTION_DAYS
    await towns.run(lambda unit: towns.quotas.check_most(unit, "sp", days, 7))
    with pytest.raises(TooManyError) as caught:
        await towns.run(lambda unit: towns.quotas.check_most(unit, "sp", days, 8))
    assert caught.value.code == "quota_retention_days"
    assert caught.value.values == {"city": "sp", "limit": 7, "used": 8}


async def test_what_has_no_limit_is_never_refused(towns: Towns) -> None:
    await towns.city("sp", "unlimited")
    towns.counts["cameras"] = 10**6
    await towns.run(lambda unit: towns.quotas.check(unit, "sp", Quota.CAMERAS))
    await towns.run(lambda unit: towns.quotas.check_most(unit, "sp", Quota.RETENTION_DAYS, 9999))
    assert await towns.run(lambda unit: towns.quotas.limits(unit, "sp")) == {}


async def test_a_citys_own_numbers_go_before_its_plans(towns: Towns) -> None:
    await towns.city("sp", "basic", overrides={Quota.CAMERAS: 12, Quota.CLIPS: None})
    limits = await towns.run(lambda unit: towns.quotas.limits(unit, "sp"))
    assert (limits[Quota.CAMERAS], limits[Quota.USERS]) == (12, 3)
    assert Quota.CLIPS not in limits
    towns.counts["cameras"] = 11
    await towns.run(lambda unit: towns.quotas.check(unit, "sp", Quota.CAMERAS))
    await towns.cities.change(ROOT, "sp", 1, CityDraft("SP", "pro"))
    limits = await towns.run(lambda unit: towns.quotas.limits(unit, "sp"))
    assert limits[Quota.CAMERAS] == 50


async def test_a_limit_of_zero_allows_none(towns: Towns) -> None:
    await towns.city("sp", "unlimited", overrides={Quota.CAMERAS: 0})
    with pytest.raises(TooManyError):
        await towns.run(lambda unit: towns.quotas.check(unit, "sp", Quota.CAMERAS))


async def test_a_suspended_city_adds_nothing(towns: Towns) -> None:
    await towns.city("sp", "unlimited")
    await towns.cities.suspend(ROOT, "sp", None)
    with pytest.raises(ForbiddenError) as caught:
        await towns.run(lambda unit: towns.quotas.check(unit, "sp", Quota.CAMERAS))
    assert caught.value.code == "city_suspended"


async def test_a_city_that_is_not_there_has_no_quota(towns: Towns) -> None:
    with pytest.raises(NotFoundError):
        await towns.run(lambda unit: towns.quotas.check(unit, "nowhere", Quota.CAMERAS))


async def test_the_use_of_every_quota_is_told(towns: Towns) -> None:
    await towns.city("sp", "premium")
    towns.counts |= {"cameras": 7, "users": 2}
    assert await towns.cities.usage(ANA, "sp") == (
        QuotaUse(Quota.CAMERAS, 200, 7),
        QuotaUse(Quota.USERS, 10, 2),
        QuotaUse(Quota.CLIPS, None, None),
        QuotaUse(Quota.STREAMS, 64, None),
        QuotaUse(Quota.RETENTION_DAYS, 30, None),
        QuotaUse(Quota.LPR_CAMERAS, 20, None),
    )
    with pytest.raises(NotFoundError):
        await towns.cities.usage(RIO, "sp")
    with pytest.raises(ForbiddenError):
        await towns.cities.usage(VIEWER, "sp")


def count_things(unit: Unit, city: str) -> int:
    return int(unit.rows("SELECT count(*) FROM things WHERE city = :city", {"city": city})[0][0])


async def test_of_two_at_once_for_the_last_place_one_gets_it(towns: Towns) -> None:
    """Round after round, several racers for one place: exactly one wins each."""
    await towns.run(lambda unit: things.metadata.create_all(unit.connection))
    await towns.city("sp", "unlimited", overrides={Quota.CAMERAS: 0})
    quotas = Quotas(Surroundings(quotas={Quota.CAMERAS: count_things}))

    def add(unit: Unit) -> None:
        quotas.check(unit, "sp", Quota.CAMERAS)
        unit.execute(insert(things).values(city="sp", id=new_id(), number=1))

    for limit in range(1, 11):
        draft = CityDraft("SP", "unlimited", overrides={Quota.CAMERAS: limit})
        await towns.cities.change(ROOT, "sp", None, draft)
        outcomes = await asyncio.gather(
            *(towns.database.run(add, CityScope("sp")) for _ in range(4)), return_exceptions=True
        )
        refused = [outcome for outcome in outcomes if outcome is not None]
        assert len(refused) == 3
        assert all(
            isinstance(error, TooManyError) and error.values["used"] == limit for error in refused
        ), refused
        assert await towns.run(lambda unit: count_things(unit, "sp")) == limit
