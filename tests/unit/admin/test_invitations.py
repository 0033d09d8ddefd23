"""Invitations and links to a new password: used once, for a while, by who may."""

import asyncio

import pytest

from people import HERE, PASSWORD, SYSTEM, TownHall, accept
from vms.admin import (
    Function,
    InvitationDraft,
    Principal,
    User,
    UserChange,
    invitations,
)
from vms.common import ConflictError, InvalidError, NotFoundError, Page, UnauthenticatedError

NEW = "eight purple tricycles"
DRAFT = InvitationDraft(role="operador", scope="group:sp/g1", note=" for the night shift\n")


@pytest.fixture
async def manager(town: TownHall) -> Principal:
    """A manager of sp with a second factor."""
    await town.user("bruno", "gestor", "city:sp")
    return await town.who("bruno")


async def test_who_is_invited_becomes_a_user(town: TownHall, manager: Principal) -> None:
    made = await town.people.invitations.create(manager, DRAFT)
    assert made.token.encode() not in town.raw("SELECT hash FROM invitations")
    assert len(made.token) >= 43
    assert made.invitation.note == "for the night shift"
    offer = await town.people.invitations.look(made.token)
    assert (offer.home, offer.role, offer.login) == ("sp", "operador", None)
    user = await town.people.invitations.accept(accept(made.token, "ana"), HERE)
    assert user.home == "sp"
    who = await town.who("ana")
    assert who.may(Function.LIVE_VIEW, city="sp", camera="gate", groups=("g1",))
    assert not who.may(Function.LIVE_VIEW, city="sp")
    [line] = town.lines("invitation.accept")
    assert (line[0], line[3]) == ("anonymous", "sp")


async def test_a_link_is_used_once(town: TownHall, manager: Principal) -> None:
    made = await town.people.invitations.create(manager, DRAFT)
    drafts = (accept(made.token, login) for login in ("ana", "carla", "dora"))
    answers = await asyncio.gather(
        *(town.people.invitations.accept(draft, HERE) for draft in drafts), return_exceptions=True
    )
    assert len([one for one in answers if isinstance(one, User)]) == 1
    assert {one.code for one in answers if isinstance(one, NotFoundError)} == {"invitation_unknown"}


async def test_a_link_runs_out_or_is_withdrawn(town: TownHall, manager: Principal) -> None:
    links = town.people.invitations
    first, second = await links.create(manager, DRAFT), await links.create(manager, DRAFT)
    assert [one.id for one in (await links.list(manager, Page())).items] == [
        first.invitation.id,
        second.invitation.id,
    ]
    await links.revoke(manager, first.invitation.id)
    town.clock.advance(invitations.INVITATION_LASTS_US / 1_000_000 - 1)
    await links.look(second.token)
    town.clock.advance(1)
    for token in (first.token, second.token, "made up", "", "\ud800"):
        with pytest.raises(NotFoundError):
            await links.look(token)
        with pytest.raises(NotFoundError):
            await links.accept(accept(token, "ana"), HERE)
    assert (await links.list(manager, Page())).items == ()


async def test_what_is_filled_in_badly_leaves_the_link_open(
    town: TownHall, manager: Principal
) -> None:
    made = await town.people.invitations.create(manager, DRAFT)
    for draft in (
        accept(made.token, "ana", "short"),
        accept(made.token, "not a login"),
        accept(made.token, "bruno"),
    ):
        with pytest.raises((InvalidError, ConflictError)):
            await town.people.invitations.accept(draft, HERE)
    await town.people.invitations.accept(accept(made.token, "ana"), HERE)


async def test_links_of_another_city_do_not_exist(town: TownHall, manager: Principal) -> None:
    links = town.people.invitations
    theirs = await links.create(SYSTEM, InvitationDraft(role="operador", scope="city:rj"))
    with pytest.raises(NotFoundError):
        await links.revoke(manager, theirs.invitation.id)
    for scope in ("city:rj", "camera:rj/gate"):
        with pytest.raises(NotFoundError) as error:
            await links.create(manager, InvitationDraft(role="operador", scope=scope))
        assert error.value.code == "city_unknown"
    with pytest.raises(NotFoundError):
        await links.list(manager, Page(), home="rj")


async def test_an_inviter_who_was_disabled_invites_nobody(
    town: TownHall, manager: Principal
) -> None:
    made = await town.people.invitations.create(manager, DRAFT)
    await town.people.users.change(SYSTEM, manager.id, None, UserChange(enabled=False))
    with pytest.raises(NotFoundError):
        await town.people.invitations.accept(accept(made.token, "ana"), HERE)


async def test_a_reset_link_sets_a_new_password(town: TownHall, manager: Principal) -> None:
    ana = await town.user("ana", "operador", "city:sp")
    tokens = await town.sign_in("ana")
    links = town.people.invitations
    older = await links.create_reset(manager, ana.id)
    made = await links.create_reset(manager, ana.id)
    assert (await links.look(made.token)).login == "ana"
    with pytest.raises(NotFoundError):
        await links.accept_reset(older.token, NEW, HERE)
    with pytest.raises(NotFoundError):
        await links.accept(accept(made.token, "mine"), HERE)
    with pytest.raises(InvalidError):
        await links.accept_reset(made.token, "short", HERE)
    await links.accept_reset(made.token, NEW, HERE)
    with pytest.raises(NotFoundError):
        await links.accept_reset(made.token, NEW, HERE)
    town.clock.advance(1)
    with pytest.raises(UnauthenticatedError):
        await town.of(tokens)
    with pytest.raises(UnauthenticatedError):
        await town.sign_in("ana", password=PASSWORD)
    assert (await town.sign_in("ana", password=NEW)).user.id == ana.id


async def test_a_reset_link_runs_out_and_resets_no_second_factor(
    town: TownHall, manager: Principal
) -> None:
    ana = await town.user("ana", "operador", "city:sp")
    await town.enrol("ana", await town.of(await town.sign_in("ana")))
    made = await town.people.invitations.create_reset(manager, ana.id)
    await town.people.invitations.accept_reset(made.token, NEW, HERE)
    assert (await town.sign_in("ana", password=NEW)).user.second_factor
    made = await town.people.invitations.create_reset(manager, ana.id)
    town.clock.advance(invitations.RESET_LASTS_US / 1_000_000)
    with pytest.raises(NotFoundError):
        await town.people.invitations.accept_reset(made.token, NEW, HERE)


async def test_a_reset_link_is_void_once_its_user_holds_more_than_its_maker(
    town: TownHall, manager: Principal
) -> None:
    ana = await town.user("ana", "operador", "city:sp")
    made = await town.people.invitations.create_reset(manager, ana.id)
    [grant] = await town.people.grants.list(SYSTEM, "user", manager.id)
    await town.people.grants.take(SYSTEM, grant.id)
    with pytest.raises(NotFoundError):
        await town.people.invitations.accept_reset(made.token, NEW, HERE)
