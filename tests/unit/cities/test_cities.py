"""Cities and plans: made, changed, suspended, deleted; nobody sees another's."""

import pytest

from towns import ANA, NOBODY, RIO, ROOT, VIEWER, Towns
from vms.cities import (
    UNLIMITED_PLAN,
    CityDraft,
    CityState,
    PlanDraft,
    Quota,
)
from vms.common import ConflictError, ForbiddenError, InvalidError, NotFoundError, Page
from vms.database import PLATFORM

CNPJ = "33.000.167/0001-01"


async def test_a_city_is_made_with_line_and_event(towns: Towns) -> None:
    made = await towns.city("sp", "pro", cnpj=CNPJ, time_zone="America/Sao_Paulo", language="pt")
    assert (made.id, made.version, made.cnpj) == ("sp", 1, "33000167000101")
    assert made.state is CityState.ACTIVE
    assert made == await towns.cities.get(ROOT, "sp")
    assert await towns.lines() == [("sp", "city.create", "city:sp")]
    assert await towns.events() == [("city.created", "sp")]


async def test_an_id_is_taken_once_and_for_ever(towns: Towns) -> None:
    await towns.city("sp")
    with pytest.raises(ConflictError) as caught:
        await towns.city("sp")
    assert caught.value.code == "city_taken"
    await towns.cities.delete(ROOT, "sp", 1)
    with pytest.raises(ConflictError) as caught:
        await towns.city("sp")
    assert caught.value.code == "city_taken"


async def test_a_cnpj_is_one_citys(towns: Towns) -> None:
    await towns.city("sp", cnpj=CNPJ)
    with pytest.raises(ConflictError) as caught:
        await towns.city("rio", cnpj=CNPJ)
    assert caught.value.code == "cnpj_taken"
    rio = await towns.city("rio")
    with pytest.raises(ConflictError):
        await towns.cities.change(ROOT, "rio", rio.version, CityDraft("Rio", "basic", cnpj=CNPJ))
    same = CityDraft("SP", "basic", cnpj=CNPJ)
    assert (await towns.cities.change(ROOT, "sp", 1, same)).cnpj == "33000167000101"
    # Who is gone has none.
    await towns.cities.delete(ROOT, "sp", None)
    await towns.cities.change(ROOT, "rio", None, CityDraft("Rio", "basic", cnpj=CNPJ))


async def test_a_plan_that_is_not_there_is_refused(towns: Towns) -> None:
    with pytest.raises(NotFoundError) as caught:
        await towns.city("sp", "gold")
    assert caught.value.code == "plan_unknown"
    await towns.city("sp")
    with pytest.raises(NotFoundError):
        await towns.cities.change(ROOT, "sp", 1, CityDraft("SP", "gold"))
    assert await towns.events() == [("city.created", "sp")]


async def test_a_change_names_the_version_it_saw(towns: Towns) -> None:
    await towns.city("sp")
    towns.clock.advance(60)
    draft = CityDraft("São Paulo", "pro", overrides={Quota.CAMERAS: 60, Quota.CLIPS: None})
    changed = await towns.cities.change(ROOT, "sp", 1, draft)
    assert (changed.version, changed.name, changed.plan) == (2, "São Paulo", "pro")
    assert changed.overrides == {Quota.CAMERAS: 60, Quota.CLIPS: None}
    assert changed.updated_us - changed.created_us == 60_000_000
    with pytest.raises(ConflictError) as caught:
        await towns.cities.change(ROOT, "sp", 1, draft)
    assert (caught.value.code, caught.value.values["version"]) == ("version_conflict", 2)
    rows = await towns.rows("SELECT details FROM audit_lines WHERE action = 'city.update'")
    assert rows == [('{"changed":["name","plan","overrides"]}',)]
    assert (await towns.events())[-1] == ("city.updated", "sp")


async def test_a_suspended_city_comes_back(towns: Towns) -> None:
    await towns.city("sp")
    places = towns.places
    await towns.run(lambda unit: places.check_active(unit, "sp"))
    suspended = await towns.cities.suspend(ROOT, "sp", 1)
    assert (suspended.state, suspended.version) == (CityState.SUSPENDED, 2)
    # Asked twice it is done once.
    assert await towns.cities.suspend(ROOT, "sp", 2) == suspended
    with pytest.raises(ConflictError):
        await towns.cities.resume(ROOT, "sp", 1)
    with pytest.raises(ForbiddenError) as caught:
        await towns.run(lambda unit: places.check_active(unit, "sp"))
    assert caught.value.code == "city_suspended"
    page = await towns.cities.list(ROOT, Page(), state=CityState.SUSPENDED)
    assert [city.id for city in page.items] == ["sp"]
    resumed = await towns.cities.resume(ROOT, "sp", None)
    assert (resumed.state, resumed.version) == (CityState.ACTIVE, 3)
    assert [action for _, action, _ in await towns.lines()] == [
        "city.create",
        "city.suspend",
        "city.resume",
    ]
    assert await towns.events() == [
        ("city.created", "sp"),
        ("city.updated", "sp"),
        ("city.updated", "sp"),
    ]


async def test_only_an_empty_city_is_deleted(towns: Towns) -> None:
    await towns.city("sp")
    towns.counts |= {"cameras": 3, "users": 0}
    with pytest.raises(ConflictError) as caught:
        await towns.cities.delete(ROOT, "sp", 1)
    assert caught.value.code == "city_in_use"
    assert caught.value.values == {"id": "sp", "cameras": 3}
    towns.counts.clear()
    with pytest.raises(ConflictError) as caught:
        await towns.cities.delete(ROOT, "sp", 7)
    assert caught.value.code == "version_conflict"
    await towns.cities.delete(ROOT, "sp", 1)
    with pytest.raises(NotFoundError):
        await towns.cities.get(ROOT, "sp")
    for action in (towns.cities.suspend, towns.cities.delete):
        with pytest.raises(NotFoundError):
            await action(ROOT, "sp", None)
    assert (await towns.cities.list(ROOT, Page())).items == ()
    assert (await towns.events())[-1] == ("city.deleted", "sp")


async def test_the_first_start_makes_local_and_no_later_one_does(towns: Towns) -> None:
    draft = CityDraft("Local", UNLIMITED_PLAN)
    made = await towns.cities.first_start(ROOT, draft)
    assert made is not None
    assert (made.id, made.plan) == ("local", "unlimited")
    assert await towns.cities.first_start(ROOT, draft) is None
    await towns.city("sp")
    await towns.cities.delete(ROOT, "local", None)
    assert await towns.cities.first_start(ROOT, draft) is None


async def test_pages_of_cities_hold_each_once(towns: Towns) -> None:
    names = [f"c{number}" for number in range(7)]
    for name in names:
        await towns.city(name)
    seen: list[str] = []
    page = Page(limit=3)
    while True:
        part = await towns.cities.list(ROOT, page)
        seen += [city.id for city in part.items]
        if part.next is None:
            break
        page = Page(limit=3, after=part.next)
    assert seen == names


@pytest.mark.parametrize(
    ("text", "found"),
    [("SAO", []), ("são", ["sp"]), ("SP", ["sp"]), ("_", []), ("%", []), ("ri", ["rio"])],
)
async def test_cities_are_found_by_a_part_of_id_or_name(
    towns: Towns, text: str, found: list[str]
) -> None:
    await towns.cities.create(ROOT, "sp", CityDraft("São Paulo", "pro"))
    await towns.cities.create(ROOT, "rio", CityDraft("Rio", "pro"))
    page = await towns.cities.list(ROOT, Page(), text=text)
    assert [city.id for city in page.items] == found


async def test_a_citys_people_see_their_own_and_know_of_no_other(towns: Towns) -> None:
    await towns.city("sp", "basic")
    await towns.city("rio", "pro")
    assert [city.id for city in (await towns.cities.list(ANA, Page())).items] == ["sp"]
    assert (await towns.cities.get(ANA, "sp")).id == "sp"
    for city in ("rio", "nowhere"):
        with pytest.raises(NotFoundError) as caught:
            await towns.cities.get(ANA, city)
        assert caught.value.code == "city_unknown"
        with pytest.raises(NotFoundError):
            await towns.cities.usage(ANA, city)
        with pytest.raises(NotFoundError):
            await towns.cities.change(ANA, city, 1, CityDraft("X", "pro"))
        with pytest.raises(NotFoundError):
            await towns.cities.suspend(ANA, city, 1)
        with pytest.raises(NotFoundError):
            await towns.cities.delete(ANA, city, 1)
    assert [plan.id for plan in await towns.plans.list(ANA)] == ["basic"]
    with pytest.raises(NotFoundError):
        await towns.plans.get(ANA, "pro")


async def test_only_the_platform_changes_cities(towns: Towns) -> None:
    await towns.city("sp")
    draft = CityDraft("X", UNLIMITED_PLAN)
    for who in (ANA, VIEWER, NOBODY):
        with pytest.raises(ForbiddenError):
            await towns.cities.create(who, "new", draft)
        with pytest.raises(ForbiddenError):
            await towns.cities.first_start(who, draft)
    for who in (ANA, VIEWER):
        with pytest.raises(ForbiddenError):
            await towns.cities.change(who, "sp", 1, draft)
        with pytest.raises(ForbiddenError):
            await towns.cities.suspend(who, "sp", 1)
        with pytest.raises(ForbiddenError):
            await towns.cities.resume(who, "sp", 1)
        with pytest.raises(ForbiddenError):
            await towns.cities.delete(who, "sp", 1)
    for who in (VIEWER, NOBODY):
        with pytest.raises(ForbiddenError):
            await towns.cities.list(who, Page())
        with pytest.raises(ForbiddenError):
            await towns.plans.list(who)
    assert (await towns.cities.get(ROOT, "sp")).version == 1


async def test_the_shipped_plans_are_rows(towns: Towns) -> None:
    plans = {plan.id: plan for plan in await towns.plans.list(ROOT)}
    assert set(plans) == {
        *("basic", "pro", "premium", "basico", "intermediario", "avancado", "unlimited")
    }
    assert plans["basic"].limits == {
        Quota.CAMERAS: 10,
        Quota.USERS: 3,
        Quota.CLIPS: 10,
        Quota.STREAMS: 4,
        Quota.RETENTION_DAYS: 7,
        Quota.LPR_CAMERAS: 20,
    }
    assert Quota.CLIPS not in plans["premium"].limits
    assert plans["avancado"].limits[Quota.RETENTION_DAYS] == 30
    assert plans["unlimited"].limits == {}


async def test_a_plan_is_made_changed_and_deleted(towns: Towns) -> None:
    draft = PlanDraft("Gold", {Quota.CAMERAS: 5})
    made = await towns.plans.create(ROOT, "gold", draft)
    assert made == await towns.plans.get(ROOT, "gold")
    with pytest.raises(ConflictError) as caught:
        await towns.plans.create(ROOT, "gold", draft)
    assert caught.value.code == "plan_taken"
    await towns.city("sp", "gold")
    changed = await towns.plans.change(ROOT, "gold", 1, PlanDraft("Gold", {Quota.USERS: 2}))
    assert (changed.version, changed.limits) == (2, {Quota.USERS: 2})
    assert (await towns.events())[-1] == ("city.updated", "sp")
    with pytest.raises(ConflictError) as caught:
        await towns.plans.change(ROOT, "gold", 1, draft)
    assert caught.value.code == "version_conflict"
    with pytest.raises(ConflictError) as caught:
        await towns.plans.delete(ROOT, "gold", 2)
    assert (caught.value.code, caught.value.values["cities"]) == ("plan_in_use", 1)
    await towns.cities.delete(ROOT, "sp", None)
    with pytest.raises(ConflictError):
        await towns.plans.delete(ROOT, "gold", 1)
    await towns.plans.delete(ROOT, "gold", 2)
    with pytest.raises(NotFoundError):
        await towns.plans.get(ROOT, "gold")
    for work in (
        towns.plans.delete(ROOT, "gold", None),
        towns.plans.change(ROOT, "gold", None, draft),
    ):
        with pytest.raises(NotFoundError):
            await work
    actions = [(city, action) for city, action, thing in await towns.lines() if "plan:" in thing]
    assert actions == [
        ("@platform", "plan.create"),
        ("@platform", "plan.update"),
        ("@platform", "plan.delete"),
    ]


async def test_only_the_platform_changes_plans(towns: Towns) -> None:
    await towns.city("sp")
    draft = PlanDraft("Mine", {})
    for who in (ANA, RIO, VIEWER, NOBODY):
        with pytest.raises(ForbiddenError):
            await towns.plans.create(who, "mine", draft)
        with pytest.raises(ForbiddenError):
            await towns.plans.change(who, "basic", None, draft)
        with pytest.raises(ForbiddenError):
            await towns.plans.delete(who, "basic", None)


async def test_what_is_wrong_leaves_nothing(towns: Towns) -> None:
    for slug, draft in (
        ("SP", CityDraft("SP", "pro")),
        ("platform", CityDraft("SP", "pro")),
        ("sp", CityDraft("", "pro")),
        ("sp", CityDraft("SP", "pro", cnpj="1")),
    ):
        with pytest.raises(InvalidError):
            await towns.cities.create(ROOT, slug, draft)
    assert await towns.lines() == []
    assert await towns.events() == []


async def test_a_city_scope_reads_its_own_rows_alone(towns: Towns) -> None:
    """The second lock, where the store has one."""
    await towns.city("sp")
    await towns.city("rio")
    if towns.database.store.name == "postgresql":
        rows = await towns.database.run(
            lambda unit: unit.rows("SELECT city FROM cities"), ANA.scope, read=True
        )
        assert rows == [("sp",)]
    assert (
        len(
            await towns.database.run(
                lambda unit: unit.rows("SELECT city FROM cities"), PLATFORM, read=True
            )
        )
        == 2
    )
