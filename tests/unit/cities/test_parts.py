"""Sites and camera groups: within a city, seen by who sees cameras there."""

import pytest

from towns import ANA, MANAGERS, NOBODY, RIO, ROOT, VIEWER, Towns, person
from vms import admin, cameras
from vms.admin import Function, Scope, ScopeKind
from vms.cities import CameraGroupDraft, Quota, SiteDraft
from vms.common import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    Page,
    TooManyError,
)


@pytest.fixture(autouse=True)
async def _cities(towns: Towns) -> None:
    await towns.city("sp")
    await towns.city("rio")


async def test_a_site_is_made_changed_and_deleted(towns: Towns) -> None:
    made = await towns.sites.create(ANA, "sp", SiteDraft("Gate", "Rua 1", -23.5, -46.6))
    assert made == await towns.sites.get(VIEWER, "sp", made.id)
    changed = await towns.sites.change(ANA, "sp", made.id, 1, SiteDraft("North gate"))
    assert (changed.name, changed.latitude, changed.version) == ("North gate", None, 2)
    with pytest.raises(ConflictError) as caught:
        await towns.sites.change(ANA, "sp", made.id, 1, SiteDraft("Gate"))
    assert caught.value.code == "version_conflict"
    with pytest.raises(ConflictError):
        await towns.sites.delete(ANA, "sp", made.id, 1)
    towns.counts["site"] = 2
    with pytest.raises(ConflictError) as caught:
        await towns.sites.delete(ANA, "sp", made.id, 2)
    assert (caught.value.code, caught.value.values["cameras"]) == ("site_in_use", 2)
    towns.counts.clear()
    await towns.sites.delete(ANA, "sp", made.id, 2)
    with pytest.raises(NotFoundError) as gone:
        await towns.sites.get(ANA, "sp", made.id)
    assert gone.value.code == "site_unknown"
    assert [(city, action) for city, action, thing in await towns.lines() if "site:" in thing] == [
        ("sp", "site.create"),
        ("sp", "site.update"),
        ("sp", "site.delete"),
    ]


async def test_a_group_is_made_changed_and_deleted(towns: Towns) -> None:
    made = await towns.groups.create(ANA, "sp", CameraGroupDraft(" Gates "))
    assert (made.name, made.version) == ("Gates", 1)
    assert made == await towns.groups.get(VIEWER, "sp", made.id)
    changed = await towns.groups.change(ANA, "sp", made.id, 1, CameraGroupDraft("Doors"))
    assert (changed.name, changed.version) == ("Doors", 2)
    with pytest.raises(ConflictError):
        await towns.groups.change(ANA, "sp", made.id, 1, CameraGroupDraft("Gates"))
    towns.counts |= {"group": 3, "grants": 1}
    with pytest.raises(ConflictError) as caught:
        await towns.groups.delete(ANA, "sp", made.id, 2)
    assert caught.value.code == "camera_group_in_use"
    assert caught.value.values == {"id": made.id, "cameras": 3, "grants": 1}
    towns.counts.clear()
    await towns.groups.delete(ANA, "sp", made.id, None)
    with pytest.raises(NotFoundError) as gone:
        await towns.groups.get(ANA, "sp", made.id)
    assert gone.value.code == "camera_group_unknown"
    actions = [action for _, action, thing in await towns.lines() if "group:" in thing]
    assert actions == ["camera_group.create", "camera_group.update", "camera_group.delete"]


async def test_a_name_is_one_sites_within_its_city(towns: Towns) -> None:
    await towns.sites.create(ANA, "sp", SiteDraft("Gate"))
    other = await towns.sites.create(ANA, "sp", SiteDraft("Yard"))
    with pytest.raises(ConflictError) as caught:
        await towns.sites.create(ANA, "sp", SiteDraft("GATE"))
    assert caught.value.code == "site_name_taken"
    with pytest.raises(ConflictError) as caught:
        await towns.sites.change(ANA, "sp", other.id, 1, SiteDraft("gate"))
    assert caught.value.code == "site_name_taken"
    await towns.sites.create(RIO, "rio", SiteDraft("Gate"))
    await towns.groups.create(ANA, "sp", CameraGroupDraft("Gate"))
    with pytest.raises(ConflictError) as caught:
        await towns.groups.create(ANA, "sp", CameraGroupDraft("gate"))
    assert caught.value.code == "camera_group_name_taken"


async def test_lists_are_sorted_by_name_and_paged(towns: Towns) -> None:
    for name in ("yard", "Gate", "álamo", "dock"):
        await towns.sites.create(ANA, "sp", SiteDraft(name))
        await towns.groups.create(ANA, "sp", CameraGroupDraft(name))
    await towns.sites.create(RIO, "rio", SiteDraft("bay"))
    first = await towns.sites.list(VIEWER, "sp", Page(limit=3))
    rest = await towns.sites.list(VIEWER, "sp", Page(limit=3, after=first.next))
    names = [site.name for site in (*first.items, *rest.items)]
    assert sorted(names) == sorted(["yard", "Gate", "álamo", "dock"])
    assert names.index("dock") < names.index("Gate") < names.index("yard")
    assert rest.next is None
    found = await towns.sites.list(VIEWER, "sp", Page(), text="GA")
    assert [site.name for site in found.items] == ["Gate"]
    groups = await towns.groups.list(VIEWER, "sp", Page(), text="d")
    assert [group.name for group in groups.items] == ["dock", "yard"]


async def test_who_holds_a_group_alone_sees_that_group_alone(towns: Towns) -> None:
    gates = await towns.groups.create(ANA, "sp", CameraGroupDraft("Gates"))
    yards = await towns.groups.create(ANA, "sp", CameraGroupDraft("Yards"))
    part = person("gil", Scope(ScopeKind.GROUP, "sp", gates.id), {Function.CAMERA_READ})
    page = await towns.groups.list(part, "sp", Page())
    assert [group.id for group in page.items] == [gates.id]
    assert (await towns.groups.get(part, "sp", gates.id)).name == "Gates"
    with pytest.raises(NotFoundError):
        await towns.groups.get(part, "sp", yards.id)
    camera = person("cid", Scope(ScopeKind.CAMERA, "sp", "c1"), {Function.CAMERA_READ})
    assert (await towns.groups.list(camera, "sp", Page())).items == ()
    assert (await towns.sites.list(camera, "sp", Page())).items == ()


async def test_a_manager_of_one_group_renames_it_and_makes_none(towns: Towns) -> None:
    gates = await towns.groups.create(ANA, "sp", CameraGroupDraft("Gates"))
    yards = await towns.groups.create(ANA, "sp", CameraGroupDraft("Yards"))
    part = person("gil", Scope(ScopeKind.GROUP, "sp", gates.id), MANAGERS)
    assert (
        await towns.groups.change(part, "sp", gates.id, 1, CameraGroupDraft("Doors"))
    ).name == "Doors"
    with pytest.raises(ForbiddenError):
        await towns.groups.change(part, "sp", yards.id, 1, CameraGroupDraft("Mine"))
    with pytest.raises(ForbiddenError):
        await towns.groups.create(part, "sp", CameraGroupDraft("New"))
    with pytest.raises(ForbiddenError):
        await towns.groups.delete(part, "sp", gates.id, None)


async def test_parts_of_another_city_do_not_exist(towns: Towns) -> None:
    site = await towns.sites.create(ANA, "sp", SiteDraft("Gate"))
    group = await towns.groups.create(ANA, "sp", CameraGroupDraft("Gates"))
    for work in (
        towns.sites.get(RIO, "sp", site.id),
        towns.sites.get(RIO, "rio", site.id),
        towns.sites.list(RIO, "sp", Page()),
        towns.sites.create(RIO, "sp", SiteDraft("Mine")),
        towns.sites.change(RIO, "sp", site.id, 1, SiteDraft("Mine")),
        towns.sites.change(RIO, "rio", site.id, 1, SiteDraft("Mine")),
        towns.sites.delete(RIO, "rio", site.id, None),
        towns.groups.get(RIO, "sp", group.id),
        towns.groups.get(RIO, "rio", group.id),
        towns.groups.list(RIO, "sp", Page()),
        towns.groups.create(RIO, "sp", CameraGroupDraft("Mine")),
        towns.groups.change(RIO, "rio", group.id, 1, CameraGroupDraft("Mine")),
        towns.groups.delete(RIO, "sp", group.id, None),
        towns.groups.delete(RIO, "rio", group.id, None),
    ):
        with pytest.raises(NotFoundError):
            await work
    assert (await towns.sites.get(ANA, "sp", site.id)).version == 1
    assert (await towns.groups.get(ANA, "sp", group.id)).version == 1


async def test_who_only_watches_changes_nothing_and_who_is_nobody_sees_nothing(
    towns: Towns,
) -> None:
    site = await towns.sites.create(ANA, "sp", SiteDraft("Gate"))
    for work in (
        towns.sites.create(VIEWER, "sp", SiteDraft("Mine")),
        towns.sites.change(VIEWER, "sp", site.id, 1, SiteDraft("Mine")),
        towns.sites.delete(VIEWER, "sp", site.id, 1),
        towns.groups.create(VIEWER, "sp", CameraGroupDraft("Mine")),
    ):
        with pytest.raises(ForbiddenError):
            await work
    for work in (towns.sites.list(NOBODY, "sp", Page()), towns.groups.list(NOBODY, "sp", Page())):
        with pytest.raises((ForbiddenError, NotFoundError)):
            await work


async def test_a_city_that_is_not_there_has_no_parts(towns: Towns) -> None:
    for work in (
        towns.sites.create(ROOT, "nowhere", SiteDraft("Gate")),
        towns.sites.list(ROOT, "nowhere", Page()),
        towns.groups.create(ROOT, "nowhere", CameraGroupDraft("Gates")),
        towns.groups.list(ROOT, "nowhere", Page()),
    ):
        with pytest.raises(NotFoundError) as caught:
            await work
        assert caught.value.code == "city_unknown"


async def test_parts_go_with_their_city(towns: Towns) -> None:
    await towns.sites.create(ANA, "sp", SiteDraft("Gate"))
    await towns.groups.create(ANA, "sp", CameraGroupDraft("Gates"))
    await towns.cities.delete(ROOT, "sp", None)
    assert await towns.rows("SELECT id FROM sites UNION SELECT id FROM city_groups") == []


async def test_wrong_names_are_refused(towns: Towns) -> None:
    with pytest.raises(InvalidError):
        await towns.groups.create(ANA, "sp", CameraGroupDraft(""))
    with pytest.raises(InvalidError):
        await towns.sites.create(ANA, "sp", SiteDraft("Gate", latitude=100, longitude=0))


async def test_other_parts_ask_what_there_is(towns: Towns) -> None:
    places = towns.places
    site = await towns.sites.create(ANA, "sp", SiteDraft("Gate"))
    group = await towns.groups.create(ANA, "sp", CameraGroupDraft("Gates"))
    assert await towns.run(lambda unit: places.sites(unit, "sp")) == {site.id: "Gate"}
    assert await towns.run(lambda unit: places.groups(unit, "sp")) == {group.id: "Gates"}
    assert await towns.run(lambda unit: places.groups(unit, "rio")) == {}
    assert await towns.run(lambda unit: places.time_zone(unit, "sp")) == "UTC"
    await towns.run(lambda unit: places.check_city(unit, "sp"))
    with pytest.raises(NotFoundError):
        await towns.run(lambda unit: places.check_city(unit, "nowhere"))


async def test_a_scope_must_name_something(towns: Towns) -> None:
    group = await towns.groups.create(ANA, "sp", CameraGroupDraft("Gates"))
    towns.cameras["sp", "c1"] = frozenset({group.id})

    async def groups_of(scope: str) -> frozenset[str]:
        found = await towns.run(lambda unit: towns.places.groups_of(unit, Scope.parse(scope)))
        assert isinstance(found, frozenset)
        return found

    for scope in ("platform", "city:sp", f"group:sp/{group.id}"):
        assert await groups_of(scope) == frozenset()
    assert await groups_of("camera:sp/c1") == {group.id}
    for scope in (
        "city:nowhere",
        f"group:rio/{group.id}",
        "group:sp/none",
        "camera:rio/c1",
        "camera:nowhere/c1",
    ):
        with pytest.raises(NotFoundError):
            await groups_of(scope)


async def test_other_parts_take_cities_as_what_they_need(towns: Towns) -> None:
    """The shapes are those that people and cameras ask for."""
    peoples: admin.Places = towns.places
    cameras_places: cameras.Places = towns.places
    users: admin.UserQuota = towns.quotas.of(Quota.USERS)
    cameras_quota: cameras.CameraQuota = towns.quotas.of(Quota.CAMERAS)
    towns.counts["users"] = 3
    await towns.run(lambda unit: peoples.check_active(unit, "sp"))
    await towns.run(lambda unit: cameras_places.check_city(unit, "sp"))
    with pytest.raises(TooManyError):
        await towns.run(lambda unit: users.check(unit, "sp"))
    with pytest.raises(TooManyError):
        await towns.run(lambda unit: cameras_quota.check(unit, "sp", 10))
