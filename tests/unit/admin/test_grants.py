"""Nobody grants, or takes over, more than he holds himself: in whatever way."""

import pytest

from people import PASSWORD, SYSTEM, TownHall, accept
from vms.admin import (
    ApiKeyDraft,
    Function,
    GrantDraft,
    GroupDraft,
    InvitationDraft,
    Principal,
    RoleDraft,
    RoleView,
    StreamKeyDraft,
    UserChange,
    UserDraft,
    count_grants_of_group,
    count_users,
)
from vms.common import ConflictError, ForbiddenError, InvalidError, NotFoundError, Page
from vms.database import PLATFORM
from vms.proto.events import GrantChanged

# Somebody who manages people and roles, and cameras not at all.
CLERK = ("user.read", "user.manage", "role.manage", "live.view", "key.manage")


@pytest.fixture
async def clerk(town: TownHall) -> Principal:
    """A clerk of sp, with a second factor."""
    role = await town.people.roles.create(
        SYSTEM, RoleDraft(name="clerk", functions=CLERK, home="sp")
    )
    await town.user("clerk", role.id, "city:sp")
    return await town.who("clerk")


def code_of(error: pytest.ExceptionInfo[ForbiddenError]) -> str:
    return error.value.code


async def test_what_one_holds_one_gives_and_takes(town: TownHall, clerk: Principal) -> None:
    role = await town.people.roles.create(clerk, RoleDraft(name="watch", functions=("live.view",)))
    ana = await town.user("ana", "", "city:sp")
    grant = await town.give(clerk, ana, role.id, "camera:sp/gate")
    assert await town.give(clerk, ana, role.id, "camera:sp/gate") == grant
    assert await town.people.grants.list(clerk, "user", ana.id) == (grant,)
    who = await town.who("ana")
    assert await town.people.grants.list(who, "user", ana.id) == (grant,)
    await town.people.grants.take(clerk, grant.id)
    assert await town.people.grants.list(clerk, "user", ana.id) == ()
    assert [line[1] for line in town.lines() if line[2] == f"grant:{grant.id}"] == [
        "grant.give",
        "grant.take",
    ]


@pytest.mark.parametrize("role", ["operador", "gestor", "visualizador"])
async def test_more_than_one_holds_is_given_in_no_way(
    town: TownHall, clerk: Principal, role: str
) -> None:
    ana = await town.user("ana", "", "city:sp")
    group = await town.people.groups.create(clerk, GroupDraft(name="all"))
    wanted = GrantDraft(role=role, scope="city:sp")
    people = town.people
    new = UserDraft(login="x", name="x", password=PASSWORD, grants=(wanted,))
    for act in (
        people.grants.give(clerk, "user", ana.id, wanted),
        people.grants.give(clerk, "group", group.id, wanted),
        people.grants.give(clerk, "user", clerk.id, wanted),
        people.users.create(clerk, new),
        people.invitations.create(clerk, InvitationDraft(role=role, scope="city:sp")),
        people.api_keys.create(clerk, ApiKeyDraft(name="k", role=role, scope="city:sp")),
    ):
        with pytest.raises(ForbiddenError) as error:
            await act
        assert code_of(error) == "grant_exceeds"
    assert len((await people.users.list(clerk, Page())).items) == 2


async def test_nor_by_a_role_that_one_makes_or_edits(town: TownHall, clerk: Principal) -> None:
    roles = town.people.roles
    with pytest.raises(ForbiddenError):
        await roles.create(clerk, RoleDraft(name="more", functions=("live.view", "camera.manage")))
    mine = await roles.create(clerk, RoleDraft(name="mine", functions=("live.view",)))
    await town.give(clerk, await town.people.users.get(clerk, clerk.id), mine.id, "city:sp")
    with pytest.raises(ForbiddenError) as error:
        await roles.change(
            clerk, mine.id, 1, RoleDraft(name="mine", functions=("live.view", "camera.manage"))
        )
    assert code_of(error) == "grant_exceeds"
    town.clock.advance(1)


async def test_nor_in_a_wider_scope(town: TownHall) -> None:
    role = await town.people.roles.create(
        SYSTEM, RoleDraft(name="clerk", functions=CLERK, home="sp")
    )
    user = await town.user("clerk", role.id, "city:sp")
    watch = await town.people.roles.create(
        SYSTEM, RoleDraft(name="cameras", functions=("camera.read",), home="sp")
    )
    await town.give(SYSTEM, user, watch.id, "group:sp/g1")
    clerk = await town.who("clerk")
    ana = await town.user("ana", "", "city:sp")
    await town.give(clerk, ana, watch.id, "group:sp/g1")
    # The camera is in the group, so it is held too.
    await town.give(clerk, ana, watch.id, "camera:sp/gate")
    for scope in ("city:sp", "camera:sp/yard"):
        with pytest.raises(ForbiddenError):
            await town.give(clerk, ana, watch.id, scope)


async def test_who_holds_more_is_not_taken_over(town: TownHall, clerk: Principal) -> None:
    manager = await town.user("bruno", "gestor", "city:sp")
    bruno = await town.who("bruno")
    assert bruno.session is not None
    [grant] = await town.people.grants.list(clerk, "user", manager.id)
    people = town.people
    for act in (
        people.users.change(clerk, manager.id, None, UserChange(login="mine")),
        people.users.change(clerk, manager.id, None, UserChange(enabled=False)),
        people.users.delete(clerk, manager.id, None),
        people.invitations.create_reset(clerk, manager.id),
        people.second_factor.reset(clerk, manager.id),
        people.sessions.revoke(clerk, bruno.session),
        people.sessions.revoke_all(clerk, manager.id),
        people.grants.take(clerk, grant.id),
    ):
        with pytest.raises(ForbiddenError) as error:
            await act
        assert code_of(error) == "grant_exceeds"


async def test_nor_by_joining_a_group_that_holds_more(town: TownHall, clerk: Principal) -> None:
    groups = town.people.groups
    group = await groups.create(SYSTEM, GroupDraft(name="operators", home="sp"))
    await town.people.grants.give(
        SYSTEM, "group", group.id, GrantDraft(role="operador", scope="city:sp")
    )
    for act in (
        groups.change(clerk, group.id, 1, GroupDraft(name="operators", members=(clerk.id,))),
        groups.delete(clerk, group.id, 1),
    ):
        with pytest.raises(ForbiddenError) as error:
            await act
        assert code_of(error) == "grant_exceeds"
    renamed = await groups.change(clerk, group.id, 1, GroupDraft(name="watchers"))
    assert (renamed.name, renamed.members, renamed.version) == ("watchers", (), 2)


async def test_members_hold_what_their_group_holds(town: TownHall) -> None:
    await town.user("bruno", "gestor", "city:sp")
    manager = await town.who("bruno")
    ana = await town.user("ana", "", "city:sp")
    groups, grants = town.people.groups, town.people.grants
    group = await groups.create(manager, GroupDraft(name="operators", members=(ana.id,)))
    grant = await grants.give(
        manager, "group", group.id, GrantDraft(role="operador", scope="city:sp")
    )
    assert await grants.list(manager, "group", group.id) == (grant,)
    tokens = await town.sign_in("ana")
    assert (await town.of(tokens)).may(Function.PTZ_CONTROL, city="sp")
    after = await groups.change(manager, group.id, 1, GroupDraft(name="operators"))
    town.clock.advance(1)
    assert not (await town.of(tokens)).may(Function.PTZ_CONTROL, city="sp")
    with pytest.raises(ConflictError):
        await groups.change(manager, group.id, 1, GroupDraft(name="x", members=(ana.id,)))
    with pytest.raises(ConflictError):
        await groups.delete(manager, group.id, 1)
    await groups.delete(manager, group.id, after.version)
    with pytest.raises(NotFoundError):
        await groups.get(manager, group.id)


async def test_groups_have_names_of_their_own_and_members_of_their_city(town: TownHall) -> None:
    await town.user("bruno", "gestor", "city:sp")
    manager = await town.who("bruno")
    groups = town.people.groups
    first = await groups.create(manager, GroupDraft(name="night"))
    second = await groups.create(manager, GroupDraft(name="day"))
    for act in (
        groups.create(manager, GroupDraft(name="night")),
        groups.change(manager, second.id, 1, GroupDraft(name="night")),
    ):
        with pytest.raises(ConflictError) as error:
            await act
        assert error.value.code == "user_group_taken"
    foreign = await town.user("ana", "", "city:rj")
    with pytest.raises(NotFoundError):
        await groups.change(manager, first.id, 1, GroupDraft(name="night", members=(foreign.id,)))
    theirs = await groups.create(SYSTEM, GroupDraft(name="night", home="rj"))
    with pytest.raises(NotFoundError):
        await groups.get(manager, theirs.id)
    assert [one.name for one in (await groups.list(manager, Page())).items] == ["night", "day"]
    assert [one.name for one in (await groups.list(manager, Page(), text="DA")).items] == ["day"]


@pytest.mark.parametrize(
    ("scope", "kind", "code"),
    [
        ("city:rj", NotFoundError, "city_unknown"),
        ("camera:rj/gate", NotFoundError, "city_unknown"),
        ("camera:sp/other", NotFoundError, "place_unknown"),
        ("group:sp/other", NotFoundError, "place_unknown"),
        ("platform", InvalidError, "scope_foreign"),
        ("everywhere", InvalidError, "scope_invalid"),
    ],
)
async def test_scopes_of_others_do_not_exist(
    town: TownHall, scope: str, kind: type[Exception], code: str
) -> None:
    await town.user("bruno", "gestor", "city:sp")
    manager = await town.who("bruno")
    ana = await town.user("ana", "", "city:sp")
    with pytest.raises(kind) as error:
        await town.give(manager, ana, "operador", scope)
    assert getattr(error.value, "code", None) == code


async def test_roles_of_another_city_do_not_exist(town: TownHall) -> None:
    await town.user("bruno", "gestor", "city:sp")
    manager = await town.who("bruno")
    roles = town.people.roles
    theirs = await roles.create(SYSTEM, RoleDraft(name="w", functions=("live.view",), home="rj"))
    platforms = await roles.create(SYSTEM, RoleDraft(name="w", functions=("live.view",)))
    ana = await town.user("ana", "", "city:sp")
    for role in (theirs, platforms):
        for act in (
            roles.get(manager, role.id),
            roles.change(manager, role.id, 1, RoleDraft(name="x", functions=("live.view",))),
            roles.delete(manager, role.id, 1),
            town.give(manager, ana, role.id, "city:sp"),
        ):
            with pytest.raises(NotFoundError) as error:
                await act
            assert error.value.code == "user_role_unknown"
    with pytest.raises(NotFoundError):
        await town.people.grants.take(manager, "0" * 23)


async def test_an_admins_role_is_given_on_the_platform_only(town: TownHall) -> None:
    helper = await town.user("helper", "", "platform")
    with pytest.raises(InvalidError) as error:
        await town.give(SYSTEM, helper, "admin", "city:sp")
    assert error.value.code == "role_platform_only"
    with pytest.raises(InvalidError):
        await town.people.roles.create(
            SYSTEM, RoleDraft(name="x", functions=("plan.manage",), home="sp")
        )


async def test_a_role_that_is_edited_changes_who_has_it(town: TownHall) -> None:
    await town.user("bruno", "gestor", "city:sp")
    manager = await town.who("bruno")
    roles = town.people.roles
    role = await roles.create(manager, RoleDraft(name="guard", functions=("live.view",)))
    await town.user("ana", role.id, "city:sp")
    tokens = await town.sign_in("ana")
    wider = RoleDraft(name="guard", functions=("live.view", "ptz.control"))
    assert (await roles.change(manager, role.id, 1, wider)).version == 2
    town.clock.advance(1)
    assert (await town.of(tokens)).may(Function.PTZ_CONTROL, city="sp")
    with pytest.raises(ConflictError):
        await roles.change(manager, role.id, 1, wider)
    with pytest.raises(ConflictError) as used:
        await roles.delete(manager, role.id, 2)
    assert used.value.code == "role_in_use"
    assert "grant.changed" in town.events()


async def test_what_names_a_group_of_cameras_is_counted(town: TownHall) -> None:
    manager = await town.user("bruno", "gestor", "city:sp")
    who = await town.who("bruno")

    def counts() -> list[int]:
        return [
            town.database.run_sync(
                lambda unit, of=of: count_grants_of_group(unit, *of), PLATFORM, read=True
            )
            for of in (("sp", "g1"), ("rj", "g1"), ("sp", "g"))
        ]

    assert counts() == [0, 0, 0]
    await town.give(who, manager, "operador", "group:sp/g1")
    people = town.people
    await people.api_keys.create(who, ApiKeyDraft(name="k", role="operador", scope="group:sp/g1"))
    await people.stream_keys.create(who, StreamKeyDraft(name="s", scope="group:sp/g1"))
    await people.invitations.create(who, InvitationDraft(role="operador", scope="group:sp/g1"))
    assert counts() == [4, 0, 0]
    for city, users in (("sp", 1), ("rj", 0)):
        found = town.database.run_sync(
            lambda unit, city=city: count_users(unit, city), PLATFORM, read=True
        )
        assert found == users


async def test_a_role_that_nobody_has_is_deleted(town: TownHall) -> None:
    roles = town.people.roles
    role = await roles.create(SYSTEM, RoleDraft(name="guard", functions=("live.view",), home="sp"))
    with pytest.raises(ConflictError):
        await roles.delete(SYSTEM, role.id, 7)
    await roles.delete(SYSTEM, role.id, 1)
    with pytest.raises(NotFoundError):
        await roles.get(SYSTEM, role.id)


async def test_shipped_roles_are_shown_and_fixed(town: TownHall) -> None:
    roles = town.people.roles
    first = await roles.list(SYSTEM, Page())
    assert [role.id for role in first.items] == ["admin", "gestor", "operador", "visualizador"]
    assert isinstance(await roles.get(SYSTEM, "gestor"), RoleView)
    draft = RoleDraft(name="gestor", functions=("live.view",))
    with pytest.raises(ConflictError) as fixed:
        await roles.change(SYSTEM, "gestor", 1, draft)
    assert fixed.value.code == "role_shipped"
    with pytest.raises(ConflictError) as fixed:
        await roles.create(SYSTEM, draft)
    assert fixed.value.code == "role_taken"


@pytest.mark.parametrize("functions", [(), ("live.view", "no.such")])
async def test_roles_are_made_of_functions_that_there_are(
    town: TownHall, functions: tuple[str, ...]
) -> None:
    with pytest.raises(InvalidError):
        await town.people.roles.create(SYSTEM, RoleDraft(name="x", functions=functions))


async def test_an_api_key_gives_no_more_than_it_may(town: TownHall) -> None:
    await town.user("bruno", "gestor", "city:sp")
    manager = await town.who("bruno")
    keys = town.people.api_keys
    narrow = await town.people.roles.create(
        manager, RoleDraft(name="desk", functions=("user.read", "user.manage"))
    )
    made = await keys.create(manager, ApiKeyDraft(name="k", role=narrow.id, scope="city:sp"))
    key = await town.people.principal(made.token)
    ana = await town.user("ana", "", "city:sp")
    with pytest.raises(ForbiddenError):
        await town.give(key, ana, "operador", "city:sp")
    await town.give(key, ana, narrow.id, "city:sp")
    for act in (
        keys.create(key, ApiKeyDraft(name="k", role=narrow.id, scope="city:sp")),
        town.people.stream_keys.create(key, StreamKeyDraft(name="s", scope="city:sp")),
        town.people.second_factor.begin(key),
        town.people.users.change_password(key, PASSWORD, PASSWORD),
        town.people.sessions.list(key),
    ):
        with pytest.raises(ForbiddenError) as error:
            await act
        assert code_of(error) == "person_required"


async def test_a_key_does_not_take_its_owner_over(town: TownHall) -> None:
    """It may manage users and was made by a manager, who holds more than it."""
    owner = await town.user("bruno", "gestor", "city:sp")
    manager = await town.who("bruno")
    assert manager.session is not None
    people = town.people
    narrow = await people.roles.create(
        manager, RoleDraft(name="desk", functions=("user.read", "user.manage"))
    )
    made = await people.api_keys.create(
        manager, ApiKeyDraft(name="k", role=narrow.id, scope="city:sp")
    )
    key = await people.principal(made.token)
    for act in (
        people.invitations.create_reset(key, owner.id),
        people.second_factor.reset(key, owner.id),
        people.users.change(key, owner.id, None, UserChange(login="mine")),
        people.users.delete(key, owner.id, None),
        people.sessions.revoke(key, manager.session),
        people.sessions.revoke_all(key, owner.id),
    ):
        with pytest.raises(ForbiddenError) as error:
            await act
        assert code_of(error) == "grant_exceeds"


async def test_a_home_that_there_is_not_holds_nothing(town: TownHall) -> None:
    for act in (
        town.people.roles.create(SYSTEM, RoleDraft(name="x", functions=("live.view",), home="no")),
        town.people.groups.create(SYSTEM, GroupDraft(name="x", home="no")),
    ):
        with pytest.raises(NotFoundError):
            await act


async def test_an_invitation_does_not_outlive_the_right_to_make_it(town: TownHall) -> None:
    manager = await town.user("bruno", "gestor", "city:sp")
    bruno = await town.who("bruno")
    draft = InvitationDraft(role="gestor", scope="city:sp")
    made = await town.people.invitations.create(bruno, draft)
    [grant] = await town.people.grants.list(SYSTEM, "user", manager.id)
    await town.people.grants.take(SYSTEM, grant.id)
    with pytest.raises(NotFoundError):
        await town.people.invitations.accept(accept(made.token, "ana"), town.here)


async def test_who_is_told_of_a_grant_hears_whether_it_was_given(town: TownHall) -> None:
    user = await town.user("ana", "", "city:sp", home="sp")
    grant = await town.give(SYSTEM, user, "operador", "city:sp")
    await town.people.grants.take(SYSTEM, grant.id)
    told = [event for event in town.told() if isinstance(event, GrantChanged)]
    assert [(event.user, event.given) for event in told] == [(user.id, True), (user.id, False)]
