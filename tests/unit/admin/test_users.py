"""Users: two admins at once, the last admin, people of another city."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from people import ELSEWHERE, HERE, PASSWORD, SYSTEM, TownHall
from vms.admin import (
    Function,
    GrantDraft,
    OwnChange,
    Principal,
    User,
    UserChange,
    UserDraft,
    lockout,
)
from vms.common import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    Page,
    TooManyError,
    UnauthenticatedError,
)

NEW = "eight purple tricycles"


def draft(login: str, home: str = "sp", *grants: GrantDraft) -> UserDraft:
    return UserDraft(login=login, name=login, password=PASSWORD, home=home, grants=grants)


@pytest.fixture
async def manager(town: TownHall) -> Principal:
    """A manager of sp with a second factor."""
    await town.user("bruno", "gestor", "city:sp")
    return await town.who("bruno")


async def test_a_manager_makes_users_of_his_city(town: TownHall, manager: Principal) -> None:
    made = await town.people.users.create(
        manager, draft("Ana", "", GrantDraft(role="operador", scope="group:sp/g1"))
    )
    assert (made.home, made.login, made.version) == ("sp", "ana", 1)
    assert await town.people.users.get(manager, made.id) == made
    assert (manager.actor, "user.view", f"user:{made.id}", "sp", "ok") in town.lines()
    who = await town.who("ana")
    assert who.may(Function.LIVE_VIEW, city="sp", camera="gate", groups=("g1",))
    assert not who.may(Function.LIVE_VIEW, city="sp", camera="yard")
    assert (manager.actor, "user.create", f"user:{made.id}", "sp", "ok") in town.lines()
    assert town.events().count("user.created") == 2
    assert town.raw("SELECT name FROM audit_people WHERE login = 'ana'") == b"Ana"


async def test_a_login_is_unique_within_its_home_only(town: TownHall, manager: Principal) -> None:
    await town.user("ana", "", "city:rj")
    ana = await town.people.users.create(manager, draft("ana"))
    with pytest.raises(ConflictError) as error:
        await town.people.users.create(manager, draft("ana"))
    assert error.value.code == "login_taken"
    carla = await town.people.users.create(manager, draft("carla"))
    with pytest.raises(ConflictError):
        await town.people.users.change(manager, carla.id, 1, UserChange(login="ANA"))
    changed = await town.people.users.change(manager, ana.id, 1, UserChange(login="ana"))
    assert changed.version == 2


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"login": "with space"}, "login_invalid"),
        ({"login": ""}, "login_invalid"),
        ({"login": "a" * 65}, "login_invalid"),
        ({"name": ""}, "name_invalid"),
        ({"name": "a\u202eb"}, "name_invalid"),
        ({"email": "nowhere"}, "email_invalid"),
        ({"language": "xx"}, "language_unknown"),
        ({"password": "short"}, "password_length"),
        ({"password": "password1234"}, "password_known_bad"),
    ],
)
async def test_what_is_wrong_with_a_draft_is_said(
    town: TownHall, change: dict[str, str], code: str
) -> None:
    with pytest.raises(InvalidError) as error:
        await town.people.users.create(SYSTEM, msgspec.structs.replace(draft("ana"), **change))
    assert error.value.code == code


@pytest.mark.parametrize("field", ["id", "version", "home", "totp_enrolled", "grants", "password"])
def test_a_change_takes_what_is_offered_and_nothing_else(field: str) -> None:
    body = msgspec.json.encode({"name": "ana", field: "x"})
    for kind in (UserChange, OwnChange):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(body, type=kind)


def test_one_does_not_let_oneself_in_again() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"enabled": true}', type=OwnChange)


async def test_two_admins_who_save_one_user_do_not_undo_each_other(
    town: TownHall, manager: Principal
) -> None:
    ana = await town.people.users.create(manager, draft("ana"))
    saves = (
        town.people.users.change(manager, ana.id, 1, UserChange(name=name)) for name in ("A", "B")
    )
    answers = await asyncio.gather(*saves, return_exceptions=True)
    [saved] = [one for one in answers if isinstance(one, User)]
    [late] = [one for one in answers if isinstance(one, ConflictError)]
    assert (late.code, late.values) == ("version_conflict", {"version": 2})
    assert (await town.people.users.get(manager, ana.id)).name == saved.name
    with pytest.raises(ConflictError):
        await town.people.users.delete(manager, ana.id, 1)
    await town.people.users.delete(manager, ana.id, 2)


async def test_a_city_has_as_many_users_as_its_plan_says(
    town: TownHall, manager: Principal
) -> None:
    town.quota.most = 2
    await town.people.users.create(manager, draft("ana"))
    with pytest.raises(TooManyError) as error:
        await town.people.users.create(manager, draft("carla"))
    assert error.value.code == "quota_users"


async def test_who_may_not_manage_is_refused(town: TownHall) -> None:
    await town.user("ana", "operador", "city:sp")
    other = await town.user("carla", "operador", "city:sp")
    ana, users = await town.who("ana"), town.people.users
    for act in (
        users.create(ana, draft("x")),
        users.get(ana, other.id),
        users.list(ana, Page()),
        users.change(ana, other.id, 1, UserChange(name="x")),
        users.delete(ana, other.id, 1),
        town.people.sessions.list(ana, other.id),
        town.people.sessions.revoke_all(ana, other.id),
        town.people.invitations.create_reset(ana, other.id),
    ):
        with pytest.raises(ForbiddenError) as error:
            await act
        assert error.value.code == "permission_missing"


Act = Callable[[TownHall, Principal, User], Awaitable[object]]
ACTS: dict[str, Act] = {
    "get": lambda town, who, user: town.people.users.get(who, user.id),
    "change": lambda town, who, user: town.people.users.change(
        who, user.id, 1, UserChange(name="x")
    ),
    "delete": lambda town, who, user: town.people.users.delete(who, user.id, None),
    "sessions": lambda town, who, user: town.people.sessions.list(who, user.id),
    "end sessions": lambda town, who, user: town.people.sessions.revoke_all(who, user.id),
    "reset password": lambda town, who, user: town.people.invitations.create_reset(who, user.id),
    "reset second factor": lambda town, who, user: town.people.second_factor.reset(who, user.id),
    "grants": lambda town, who, user: town.people.grants.list(who, "user", user.id),
    "give": lambda town, who, user: town.give(who, user, "operador", "city:sp"),
}


@pytest.mark.parametrize("act", list(ACTS))
async def test_people_of_another_city_do_not_exist(
    town: TownHall, manager: Principal, act: str
) -> None:
    foreign = await town.user("ana", "operador", "city:rj")
    platform = await town.user("root", "admin", "platform")
    for user_id in (foreign, platform, msgspec.structs.replace(foreign, id="0" * 23)):
        with pytest.raises(NotFoundError) as error:
            await ACTS[act](town, manager, user_id)
        assert error.value.code == "user_unknown"


@pytest.mark.parametrize("act", list(ACTS))
async def test_nor_for_people_of_the_platform_who_hold_one_city(town: TownHall, act: str) -> None:
    await town.user("root", "admin", "platform")
    await town.user("helper", "gestor", "city:sp", home="")
    helper = await town.who("helper")
    foreign = await town.user("ana", "operador", "city:rj")
    with pytest.raises(NotFoundError) as error:
        await ACTS[act](town, helper, foreign)
    assert error.value.code == "user_unknown"
    own = await town.user("ana", "operador", "city:sp")
    await ACTS[act](town, helper, own)


async def test_odd_ids_are_unknown_and_no_failure(town: TownHall, manager: Principal) -> None:
    for user_id in ("", "\x00", "é", "../..", "' OR 1=1 --", "x" * 300, "\ud800"):
        with pytest.raises(NotFoundError):
            await town.people.users.get(manager, user_id)


async def test_a_list_shows_ones_own_city(town: TownHall, manager: Principal) -> None:
    for login in ("ana", "carla", "dora"):
        await town.user(login, "", "city:sp")
        await town.user(login, "", "city:rj")
    users = town.people.users
    first = await users.list(manager, Page(limit=3))
    assert town.lines("user.list") == [(manager.actor, "user.list", "user", "sp", "ok")]
    rest = await users.list(manager, Page(limit=3, after=first.next))
    assert [user.login for user in (*first.items, *rest.items)] == ["bruno", "ana", "carla", "dora"]
    assert rest.next is None
    assert [user.login for user in (await users.list(manager, Page(), text="AR")).items] == [
        "carla"
    ]
    assert (await users.list(manager, Page(), text="\x00%")).items == ()
    with pytest.raises(NotFoundError):
        await users.list(manager, Page(), home="rj")
    everybody = await users.list(SYSTEM, Page())
    assert len(everybody.items) == 7


async def test_a_user_changes_himself_but_for_what_others_decide(town: TownHall) -> None:
    await town.user("ana", "visualizador", "city:sp")
    who = await town.who("ana")
    changed = await town.people.users.change_self(who, 1, OwnChange(name="Ana A.", language="es"))
    assert (changed.name, changed.language, changed.version) == ("Ana A.", "es", 2)
    assert await town.people.users.get(who, changed.id) == changed
    with pytest.raises(ConflictError):
        await town.people.users.change_self(who, 1, OwnChange(name="x"))


async def test_a_new_password_ends_the_other_sessions(town: TownHall) -> None:
    await town.user("ana", "operador", "city:sp")
    other = await town.sign_in("ana", ELSEWHERE)
    mine = await town.sign_in("ana", HERE)
    await town.people.users.change_password(await town.of(mine), PASSWORD, NEW)
    town.clock.advance(1)
    assert (await town.of(mine)).session == mine.session
    with pytest.raises(UnauthenticatedError):
        await town.of(other)
    with pytest.raises(UnauthenticatedError):
        await town.people.sign_in.refresh(other.refresh, ELSEWHERE)
    with pytest.raises(UnauthenticatedError):
        await town.sign_in("ana")
    assert (await town.sign_in("ana", password=NEW)).user.login == "ana"


async def test_a_stolen_session_cannot_guess_the_password(town: TownHall) -> None:
    await town.user("ana", "operador", "city:sp")
    who = await town.who("ana")
    for _ in range(lockout.FREE_FAILURES):
        with pytest.raises(UnauthenticatedError):
            await town.people.users.change_password(who, "wrong horses eat hay", NEW)
    with pytest.raises(TooManyError):
        await town.people.users.change_password(who, PASSWORD, NEW)
    # The owner signs in elsewhere all the same.
    await town.sign_in("ana", ELSEWHERE)


@pytest.mark.parametrize("new", ["short", "password1234", "ana.maria2024"])
async def test_a_new_password_must_be_good(town: TownHall, new: str) -> None:
    await town.user("ana.maria", "operador", "city:sp")
    with pytest.raises(InvalidError):
        await town.people.users.change_password(await town.who("ana.maria"), PASSWORD, new)


async def test_what_a_user_had_goes_with_him(town: TownHall, manager: Principal) -> None:
    ana = await town.user("ana", "operador", "city:sp")
    tokens = await town.sign_in("ana")
    await town.people.users.delete(manager, ana.id, ana.version)
    town.clock.advance(1)
    with pytest.raises(UnauthenticatedError):
        await town.of(tokens)
    with pytest.raises(NotFoundError):
        await town.people.users.get(manager, ana.id)
    assert ana.id.encode() not in town.raw("SELECT holder FROM grants")
    assert "user.deleted" in town.events()


async def demote(town: TownHall, who: Principal, user: User) -> None:
    [grant] = await town.people.grants.list(who, "user", user.id)
    await town.people.grants.take(who, grant.id)


LastAct = Callable[[TownHall, Principal, User], Awaitable[object]]
LAST: dict[str, LastAct] = {
    "disable": lambda town, who, user: town.people.users.change(
        who, user.id, None, UserChange(enabled=False)
    ),
    "delete": lambda town, who, user: town.people.users.delete(who, user.id, None),
    "demote": demote,
}


@pytest.mark.parametrize("act", list(LAST))
async def test_the_last_admin_stays(town: TownHall, act: str) -> None:
    root = await town.user("root", "admin", "platform")
    who = await town.who("root")
    with pytest.raises(ConflictError) as error:
        await LAST[act](town, who, root)
    assert error.value.code == "last_admin"
    assert (await town.people.users.get(who, root.id)).enabled
    # One who is disabled, or a mere manager, is no other admin.
    second = await town.user("second", "admin", "platform")
    await town.people.users.change(who, second.id, 1, UserChange(enabled=False))
    await town.user("helper", "gestor", "city:sp", home="")
    with pytest.raises(ConflictError):
        await LAST[act](town, who, root)
    await town.people.users.change(who, second.id, 2, UserChange(enabled=True))
    await LAST[act](town, who, root)


async def test_two_admins_who_disable_each_other_leave_one(town: TownHall) -> None:
    a = await town.user("a", "admin", "platform")
    b = await town.user("b", "admin", "platform")
    first, second = await town.who("a"), await town.who("b")
    off = UserChange(enabled=False)
    answers = await asyncio.gather(
        town.people.users.change(first, b.id, None, off),
        town.people.users.change(second, a.id, None, off),
        return_exceptions=True,
    )
    assert [one.code for one in answers if isinstance(one, ConflictError)] == ["last_admin"]
    assert len([one for one in answers if isinstance(one, User)]) == 1


async def test_sessions_are_seen_and_ended(town: TownHall, manager: Principal) -> None:
    ana = await town.user("ana", "operador", "city:sp")
    first, second = await town.sign_in("ana", HERE), await town.sign_in("ana", ELSEWHERE)
    who = await town.of(second)
    shown = await town.people.sessions.list(who)
    assert [(one.id, one.address, one.agent, one.current) for one in shown] == [
        (second.session, ELSEWHERE.address, ELSEWHERE.agent, True),
        (first.session, HERE.address, HERE.agent, False),
    ]
    assert town.lines("session.list") == []
    assert len(await town.people.sessions.list(manager, ana.id)) == 2
    assert [line[2] for line in town.lines("session.list")] == [f"user:{ana.id}"]
    await town.people.sessions.revoke(who, first.session)
    assert [one.id for one in await town.people.sessions.list(who)] == [second.session]
    with pytest.raises(NotFoundError):
        await town.people.sessions.revoke(who, first.session)
    await town.people.sessions.revoke(manager, second.session)
    town.clock.advance(1)
    for tokens in (first, second):
        with pytest.raises(UnauthenticatedError):
            await town.of(tokens)


async def test_sessions_of_others_are_not_ones_own(town: TownHall, manager: Principal) -> None:
    await town.user("ana", "operador", "city:sp")
    await town.user("dora", "operador", "city:rj")
    ana, dora = await town.who("ana"), await town.who("dora")
    assert ana.session is not None
    with pytest.raises(NotFoundError):
        await town.people.sessions.revoke(dora, ana.session)
    assert manager.session is not None
    with pytest.raises(ForbiddenError):
        await town.people.sessions.revoke(ana, manager.session)
    assert dora.session is not None
    with pytest.raises(NotFoundError):
        await town.people.sessions.revoke(manager, dora.session)


async def test_all_other_sessions_end_together(town: TownHall) -> None:
    await town.user("ana", "operador", "city:sp")
    others = [await town.sign_in("ana") for _ in range(3)]
    mine = await town.sign_in("ana")
    assert await town.people.sessions.revoke_all(await town.of(mine)) == len(others)
    town.clock.advance(1)
    assert (await town.of(mine)).session == mine.session
