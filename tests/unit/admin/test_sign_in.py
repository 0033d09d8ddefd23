"""Signing in, and each way to get in without a right to, or to keep others out."""

import asyncio
import dataclasses

import pytest

from people import ELSEWHERE, HERE, PASSWORD, SYSTEM, TownHall
from vms.admin import (
    HashSettings,
    OwnChange,
    Passwords,
    SignInDraft,
    Ticket,
    Tokens,
    UserChange,
    Visit,
    lockout,
    sign_in,
)
from vms.common import (
    ConflictError,
    ForbiddenError,
    Page,
    TooManyError,
    UnauthenticatedError,
    VmsError,
)
from vms.proto.events import SessionRevoked

WRONG = "wrong horses eat hay"


async def refused(town: TownHall, login: str, visit: Visit = HERE, password: str = WRONG) -> str:
    """Try to sign in; return the code of the refusal."""
    try:
        await town.sign_in(login, visit, password)
    except VmsError as error:
        return error.code
    return "signed in"


async def test_who_knows_the_password_signs_in(town: TownHall) -> None:
    user = await town.user("ana", "operador", "city:sp")
    tokens = await town.sign_in(" Ana ")
    assert (tokens.user.id, tokens.must_enrol) == (user.id, False)
    who = await town.of(tokens)
    assert (who.id, who.home, who.session) == (user.id, "sp", tokens.session)
    assert [line[1:] for line in town.lines("session.begin")] == [
        ("session.begin", f"session:{tokens.session}", "sp", "ok")
    ]
    assert town.lines("session.begin")[0][0] == f"user:{user.id}"


async def test_one_answer_for_whatever_is_wrong(town: TownHall) -> None:
    await town.user("ana", "operador", "city:sp")
    disabled = await town.user("bruno", "operador", "city:sp")
    await town.people.users.change(SYSTEM, disabled.id, 1, UserChange(enabled=False))
    answers = []
    for login, password, city in (
        ("ana", WRONG, ""),
        ("nobody", PASSWORD, ""),
        ("bruno", PASSWORD, ""),
        ("ana", PASSWORD, "rj"),
        ("", "", ""),
        ("ana\x00", PASSWORD, "'; DROP TABLE users"),
    ):
        with pytest.raises(UnauthenticatedError) as error:
            await town.sign_in(login, password=password, city=city)
        answers.append((error.value.code, error.value.message, error.value.values))
    assert len({str(answer) for answer in answers}) == 1
    assert answers[0][0] == "sign_in_failed"


async def test_an_unknown_login_costs_the_same_work(
    town: TownHall, monkeypatch: pytest.MonkeyPatch
) -> None:
    await town.user("ana", "operador", "city:sp")
    work: list[str] = []
    matches = Passwords.matches
    statements: list[int] = []

    async def counted(
        self: Passwords, password: str, hashed: str | None, *, known: bool = False
    ) -> bool:
        work.append(password)
        return await matches(self, password, hashed, known=known)

    monkeypatch.setattr(Passwords, "matches", counted)
    for login in ("ana", "nobody"):
        before = len(town.lines())
        assert await refused(town, login) == "sign_in_failed"
        statements.append(len(town.lines()) - before)
    assert work == [WRONG, WRONG]
    assert statements == [1, 1]
    # The audit holds no login that does not exist: people type passwords there.
    assert [line[2] for line in town.lines("session.refuse")][1] == "user"


async def test_one_login_in_two_cities_names_the_city(town: TownHall) -> None:
    sp = await town.user("ana", "operador", "city:sp")
    rj = await town.user("ana", "operador", "city:rj")
    assert await refused(town, "ana", password=PASSWORD) == "sign_in_failed"
    assert (await town.sign_in("ana", city="sp")).user.id == sp.id
    assert (await town.sign_in("ana", city="rj")).user.id == rj.id
    platform = await town.user("ana", "visualizador", "city:sp", home="")
    assert (await town.sign_in("ana")).user.id == platform.id


async def test_a_thousand_failures_from_one_network_keep_nobody_else_out(town: TownHall) -> None:
    await town.user("ana", "operador", "city:sp")
    tokens = await town.sign_in("ana", HERE)
    attacker = Visit(address="203.0.113.9")
    answers = [await refused(town, "ana", attacker) for _ in range(1_000)]
    assert set(answers) == {"sign_in_failed", "sign_in_slowed"}
    assert answers.count("sign_in_failed") == lockout.FREE_FAILURES
    # From another network, at once; on a device that is known, even from the attacker's own.
    assert (await town.sign_in("ana", ELSEWHERE)).user.login == "ana"
    known = dataclasses.replace(attacker, device=tokens.device)
    assert (await town.sign_in("ana", known)).user.login == "ana"
    assert await refused(town, "ana", attacker, PASSWORD) == "sign_in_slowed"


async def test_an_attack_from_many_networks_delays_new_devices_and_no_known_one(
    town: TownHall,
) -> None:
    await town.user("ana", "operador", "city:sp")
    tokens = await town.sign_in("ana", HERE)
    networks = [Visit(address=f"203.{n}.113.9") for n in range(40)]
    for visit in networks:
        await refused(town, "ana", visit)
    with pytest.raises(TooManyError) as slowed:
        await town.sign_in("ana", ELSEWHERE)
    assert slowed.value.values == {"wait_s": lockout.ATTACK_WAIT_S}
    known = dataclasses.replace(HERE, device=tokens.device)
    assert (await town.sign_in("ana", known)).user.login == "ana"
    # The attack goes on, and prolongs nothing.
    for _ in range(lockout.ATTACK_WAIT_S):
        town.clock.advance(1)
        await refused(town, "ana", Visit(address=f"203.{100 + _}.113.9"))
    assert (await town.sign_in("ana", ELSEWHERE)).user.login == "ana"


async def test_a_device_cookie_that_is_forged_or_of_another_user_is_not_known(
    town: TownHall,
) -> None:
    await town.user("ana", "operador", "city:sp")
    await town.user("bruno", "operador", "city:sp")
    brunos = (await town.sign_in("bruno", ELSEWHERE)).device
    attacker = Visit(address="203.0.113.9")
    for _ in range(lockout.FREE_FAILURES):
        assert await refused(town, "ana", attacker) == "sign_in_failed"
    kid, device, mac = brunos.split(".")
    for cookie in (brunos, f"{kid}.{device}.{'0' * 32}", f"x.{device}.{mac}", "", "..", "é.é.é"):
        visit = dataclasses.replace(attacker, device=cookie)
        assert await refused(town, "ana", visit) == "sign_in_slowed", cookie


async def test_a_hundred_tries_at_once_are_a_hundred_tries(town: TownHall) -> None:
    await town.user("ana", "operador", "city:sp")
    answers = await asyncio.gather(*(refused(town, "ana") for _ in range(20)))
    assert answers.count("sign_in_failed") == lockout.FREE_FAILURES
    assert answers.count("sign_in_slowed") == 20 - lockout.FREE_FAILURES


async def test_a_success_lets_the_network_begin_anew(town: TownHall) -> None:
    await town.user("ana", "operador", "city:sp")
    for _ in range(3):
        for _ in range(lockout.FREE_FAILURES - 1):
            assert await refused(town, "ana") == "sign_in_failed"
        await town.sign_in("ana")


async def test_a_hash_of_other_parameters_is_made_again(town: TownHall) -> None:
    user = await town.user("ana", "operador", "city:sp")
    other = Passwords(HashSettings(time_cost=2, memory_kib=64))
    await town.set_password_hash(user, await other.hash(PASSWORD))
    assert (await town.password_hash(user)).startswith("$argon2id$v=19$m=64,t=2,p=1$")
    await town.sign_in("ana")
    assert (await town.password_hash(user)).startswith("$argon2id$v=19$m=64,t=1,p=1$")
    await town.sign_in("ana")
    other.close()


async def test_a_new_device_is_told_once(town: TownHall) -> None:
    await town.user("ana", "operador", "city:sp")
    tokens = await town.sign_in("ana")
    again = dataclasses.replace(ELSEWHERE, device=tokens.device)
    assert (await town.sign_in("ana", again)).device == tokens.device
    assert town.events().count("sign_in.new_device") == 1
    await town.sign_in("ana", ELSEWHERE)
    assert town.events().count("sign_in.new_device") == 2


async def test_who_manages_must_have_a_second_factor_first(town: TownHall) -> None:
    await town.user("bruno", "gestor", "city:sp")
    tokens = await town.sign_in("bruno")
    assert tokens.must_enrol
    who = await town.of(tokens)
    with pytest.raises(ForbiddenError) as error:
        who.require(town.functions.USER_READ, city="sp")
    assert error.value.code == "second_factor_required"
    people = town.people
    for act in (
        people.users.change_self(who, 1, OwnChange(name="x")),
        people.users.change_password(who, PASSWORD, "eight purple tricycles"),
        people.sessions.list(who),
        people.sessions.revoke_all(who),
        people.sessions.revoke(who, tokens.session),
        people.api_keys.list(who, Page()),
    ):
        with pytest.raises(ForbiddenError) as error:
            await act
        assert error.value.code == "second_factor_required"
    codes = await town.enrol("bruno", who)
    assert len(codes) == 10
    town.clock.advance(1)
    assert (await town.of(tokens)).may(town.functions.USER_READ, city="sp")


async def test_with_a_second_factor_the_password_is_not_enough(town: TownHall) -> None:
    await town.user("bruno", "gestor", "city:sp")
    await town.who("bruno")
    draft = SignInDraft(login="bruno", password=PASSWORD)
    ticket = await town.people.sign_in.sign_in(draft, HERE)
    assert isinstance(ticket, Ticket)
    tokens = await town.people.sign_in.second_factor(ticket.ticket, town.code("bruno"), HERE)
    assert not tokens.must_enrol
    with pytest.raises(UnauthenticatedError) as used:
        await town.people.sign_in.second_factor(ticket.ticket, town.code("bruno"), HERE)
    assert used.value.code == "ticket_invalid"


async def ticket_of(town: TownHall, visit: Visit = HERE) -> str:
    """Pass the first step as bruno."""
    draft = SignInDraft(login="bruno", password=PASSWORD)
    answer = await town.people.sign_in.sign_in(draft, visit)
    assert isinstance(answer, Ticket)
    return answer.ticket


async def code_refused(town: TownHall, ticket: str, code: str, visit: Visit = HERE) -> str:
    """Try a code; return the code of the refusal."""
    try:
        await town.people.sign_in.second_factor(ticket, code, visit)
    except VmsError as error:
        return error.code
    return "signed in"


async def test_a_one_time_code_is_used_once(town: TownHall) -> None:
    await town.user("bruno", "gestor", "city:sp")
    await town.who("bruno")
    code = town.code("bruno")
    assert await code_refused(town, await ticket_of(town), code) == "signed in"
    assert await code_refused(town, await ticket_of(town), code) == "second_factor_failed"
    # Nor the code of the step before, which would be tolerated otherwise.
    assert await code_refused(town, await ticket_of(town), town.code("bruno")) == "signed in"
    assert await code_refused(town, await ticket_of(town), code) == "second_factor_failed"


async def test_of_two_who_use_a_code_at_once_one_wins(town: TownHall) -> None:
    await town.user("bruno", "gestor", "city:sp")
    await town.who("bruno")
    tickets = [await ticket_of(town) for _ in range(4)]
    code = town.code("bruno")
    answers = await asyncio.gather(*(code_refused(town, ticket, code) for ticket in tickets))
    assert answers.count("signed in") == 1


async def test_a_recovery_code_is_used_once(town: TownHall) -> None:
    await town.user("bruno", "gestor", "city:sp")
    codes = await town.enrol("bruno", await town.of(await town.sign_in("bruno")))
    assert await code_refused(town, await ticket_of(town), codes[0].upper()) == "signed in"
    assert await code_refused(town, await ticket_of(town), codes[0]) == "second_factor_failed"
    assert await code_refused(town, await ticket_of(town), codes[1]) == "signed in"


async def test_codes_cannot_be_guessed_however_many_networks_try(town: TownHall) -> None:
    await town.user("bruno", "gestor", "city:sp")
    await town.who("bruno")
    answers = []
    for n in range(30):
        visit = Visit(address=f"203.{n}.113.9")
        answers.append(await code_refused(town, await ticket_of(town, visit), "000000", visit))
    assert answers.count("second_factor_failed") == lockout.FREE_FAILURES
    assert set(answers[lockout.FREE_FAILURES :]) == {"sign_in_slowed"}


async def test_a_ticket_stands_for_few_tries_and_minutes(town: TownHall) -> None:
    await town.user("bruno", "gestor", "city:sp")
    await town.who("bruno")
    ticket = await ticket_of(town)
    for _ in range(sign_in.TICKET_TRIES):
        assert await code_refused(town, ticket, "000000") == "second_factor_failed"
    town.clock.advance(60)
    assert await code_refused(town, ticket, town.code("bruno")) == "ticket_invalid"
    ticket = await ticket_of(town)
    town.clock.advance(300)
    assert await code_refused(town, ticket, town.code("bruno")) == "ticket_invalid"
    assert await code_refused(town, "made up", town.code("bruno")) == "ticket_invalid"


async def renewed(town: TownHall, tokens: Tokens) -> Tokens:
    return await town.people.sign_in.refresh(tokens.refresh, HERE)


async def test_a_session_is_renewed_and_each_token_used_once(town: TownHall) -> None:
    await town.user("ana", "operador", "city:sp")
    first = await town.sign_in("ana")
    second = await renewed(town, first)
    assert second.session == first.session
    assert len({first.refresh, second.refresh}) == 2
    third = await renewed(town, second)
    assert (await town.of(third)).session == first.session


async def test_a_used_refresh_token_ends_the_session(town: TownHall) -> None:
    await town.user("ana", "operador", "city:sp")
    stolen = await town.sign_in("ana")
    thiefs = await renewed(town, stolen)
    town.clock.advance(sign_in.GRACE_US / 1_000_000 + 1)
    with pytest.raises(UnauthenticatedError) as error:
        await renewed(town, stolen)
    assert error.value.code == "session_ended"
    for tokens in (thiefs, stolen):
        with pytest.raises(UnauthenticatedError):
            await renewed(town, tokens)
        with pytest.raises(UnauthenticatedError):
            await town.of(tokens)
    assert [line[4] for line in town.lines("session.reuse")] == ["denied"]
    assert "session.revoked" in town.events()


async def test_of_two_tabs_that_renew_at_once_one_wins_and_the_other_asks_again(
    town: TownHall,
) -> None:
    await town.user("ana", "operador", "city:sp")
    tokens = await town.sign_in("ana")
    answers = await asyncio.gather(
        *(renewed(town, tokens) for _ in range(4)), return_exceptions=True
    )
    winners = [one for one in answers if isinstance(one, Tokens)]
    losers = [one for one in answers if isinstance(one, ConflictError)]
    assert (len(winners), len(losers)) == (1, 3)
    assert {error.code for error in losers} == {"refresh_superseded"}
    # The session lives on: the cookie that both tabs share now holds the newer token.
    assert (await renewed(town, winners[0])).session == tokens.session


@pytest.mark.parametrize("token", ["", "made up", "é" * 50])
async def test_a_refresh_token_that_is_none_is_refused(town: TownHall, token: str) -> None:
    with pytest.raises(UnauthenticatedError) as error:
        await town.people.sign_in.refresh(token, HERE)
    assert error.value.code == "session_ended"


async def test_an_access_token_renews_nothing_and_a_refresh_token_opens_nothing(
    town: TownHall,
) -> None:
    await town.user("ana", "operador", "city:sp")
    tokens = await town.sign_in("ana")
    with pytest.raises(UnauthenticatedError):
        await town.people.sign_in.refresh(tokens.access, HERE)
    with pytest.raises(UnauthenticatedError):
        await town.people.principal(tokens.refresh)


async def test_a_session_ends_unused_and_after_its_longest_time(town: TownHall) -> None:
    await town.user("ana", "operador", "city:sp")
    idle = await town.sign_in("ana")
    town.clock.advance(sign_in.IDLE_US / 1_000_000)
    with pytest.raises(UnauthenticatedError):
        await renewed(town, idle)
    tokens = await town.sign_in("ana")
    half = sign_in.IDLE_US / 2_000_000
    for _ in range(round(sign_in.LONGEST_US / 1_000_000 / half) - 1):
        town.clock.advance(half)
        tokens = await renewed(town, tokens)
    town.clock.advance(half)
    with pytest.raises(UnauthenticatedError):
        await renewed(town, tokens)


async def test_signing_out_ends_the_session_at_once(town: TownHall) -> None:
    await town.user("ana", "operador", "city:sp")
    tokens = await town.sign_in("ana")
    other = await town.sign_in("ana")
    await town.people.sign_in.sign_out(await town.of(tokens))
    town.hear_all()
    for act in (renewed, lambda town, tokens: town.of(tokens)):
        with pytest.raises(UnauthenticatedError) as error:
            await act(town, tokens)
        assert error.value.code == "session_ended"
    assert (await town.of(other)).user == other.user.id


async def test_a_disabled_user_is_out_everywhere(town: TownHall) -> None:
    user = await town.user("ana", "operador", "city:sp")
    tokens = await town.sign_in("ana")
    await town.people.users.change(SYSTEM, user.id, 1, UserChange(enabled=False))
    town.clock.advance(1)
    with pytest.raises(UnauthenticatedError):
        await town.of(tokens)
    with pytest.raises(UnauthenticatedError):
        await renewed(town, tokens)
    ended = [event.session for event in town.told() if isinstance(event, SessionRevoked)]
    # Each session, and whatever else he opened.
    assert ended == [tokens.session, None]


async def test_what_ran_out_is_deleted(town: TownHall) -> None:
    await town.user("ana", "operador", "city:sp")
    await renewed(town, await town.sign_in("ana"))
    await refused(town, "nobody")
    assert await town.people.maintain() == 0
    town.clock.advance(40 * 86_400)
    # The session (its tokens go with it), and both counts of the failed login.
    assert await town.people.maintain() >= 3
    assert await town.people.maintain() == 0
