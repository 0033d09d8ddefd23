"""What a user does with his second factor, and what a thief of a session cannot do."""

import pytest

from people import HERE, PASSWORD, TownHall
from vms.admin import Function, Principal, SignInDraft, Ticket, lockout
from vms.common import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    TooManyError,
    UnauthenticatedError,
)


@pytest.fixture
async def manager(town: TownHall) -> Principal:
    """A manager of sp with a second factor."""
    await town.user("bruno", "gestor", "city:sp")
    return await town.who("bruno")


async def test_nothing_is_enrolled_before_a_code_proves_it(town: TownHall) -> None:
    await town.user("ana", "operador", "city:sp")
    who = await town.of(await town.sign_in("ana"))
    await town.people.second_factor.begin(who)
    with pytest.raises(UnauthenticatedError) as error:
        await town.people.second_factor.confirm(who, "000000")
    assert error.value.code == "second_factor_failed"
    assert not (await town.sign_in("ana")).user.second_factor


async def test_a_secret_is_sealed_and_shown_once(town: TownHall, manager: Principal) -> None:
    secret = town.secrets["bruno"]
    raw = town.raw("SELECT totp_secret FROM users")
    assert secret not in raw
    with pytest.raises(ConflictError) as error:
        await town.people.second_factor.begin(manager)
    assert error.value.code == "second_factor_enrolled"


async def test_enrolling_ends_the_sessions_that_did_not_prove_it(town: TownHall) -> None:
    await town.user("ana", "operador", "city:sp")
    older, current = await town.sign_in("ana"), await town.sign_in("ana")
    await town.enrol("ana", await town.of(current))
    town.clock.advance(1)
    assert (await town.of(current)).may(Function.LIVE_VIEW, city="sp")
    with pytest.raises(UnauthenticatedError):
        await town.of(older)


async def test_recovery_codes_are_replaced_all_together(town: TownHall, manager: Principal) -> None:
    first = await town.people.second_factor.renew_codes(manager, town.code("bruno"))
    second = await town.people.second_factor.renew_codes(manager, town.code("bruno"))
    assert not set(first.codes) & set(second.codes)
    assert first.codes[0] not in town.raw("SELECT hash FROM recovery_codes").decode()
    draft = SignInDraft(login="bruno", password=PASSWORD)
    ticket = await town.people.sign_in.sign_in(draft, HERE)
    assert isinstance(ticket, Ticket)
    with pytest.raises(UnauthenticatedError):
        await town.people.sign_in.second_factor(ticket.ticket, first.codes[0], HERE)
    await town.people.sign_in.second_factor(ticket.ticket, second.codes[0], HERE)


async def test_a_recovery_code_does_not_make_new_ones(town: TownHall, manager: Principal) -> None:
    codes = (await town.people.second_factor.renew_codes(manager, town.code("bruno"))).codes
    with pytest.raises(UnauthenticatedError):
        await town.people.second_factor.renew_codes(manager, codes[0])


async def test_a_stolen_session_cannot_guess_codes(town: TownHall, manager: Principal) -> None:
    for _ in range(lockout.FREE_FAILURES):
        with pytest.raises(UnauthenticatedError):
            await town.people.second_factor.remove(manager, "000000")
    with pytest.raises(TooManyError):
        await town.people.second_factor.remove(manager, town.code_now("bruno"))


async def test_who_manages_and_removes_it_can_only_enrol_another(
    town: TownHall, manager: Principal
) -> None:
    await town.people.second_factor.remove(manager, town.code("bruno"))
    town.clock.advance(1)
    tokens = await town.sign_in("bruno")
    assert tokens.must_enrol
    assert (await town.of(tokens)).must_enrol
    await town.enrol("bruno", await town.of(tokens))


async def test_a_manager_resets_the_second_factor_of_his_people_only(
    town: TownHall, manager: Principal
) -> None:
    ana = await town.user("ana", "operador", "city:sp")
    await town.enrol("ana", await town.of(await town.sign_in("ana")))
    anas = await town.sign_in("ana")
    await town.people.second_factor.reset(manager, ana.id)
    town.clock.advance(1)
    with pytest.raises(UnauthenticatedError):
        await town.of(anas)
    assert not (await town.sign_in("ana")).user.second_factor
    foreign = await town.user("ana", "operador", "city:rj")
    with pytest.raises(NotFoundError) as unknown:
        await town.people.second_factor.reset(manager, foreign.id)
    assert unknown.value.code == "user_unknown"
    who = await town.of(await town.sign_in("ana", city="sp"))
    with pytest.raises(ForbiddenError):
        await town.people.second_factor.reset(who, manager.id)


async def test_a_user_who_was_given_more_must_enrol_before_he_may_anything(
    town: TownHall, manager: Principal
) -> None:
    ana = await town.user("ana", "operador", "city:sp")
    tokens = await town.sign_in("ana")
    await town.give(manager, ana, "gestor", "city:sp")
    town.clock.advance(1)
    who = await town.of(tokens)
    assert who.must_enrol
    assert not who.may(Function.LIVE_VIEW, city="sp")
