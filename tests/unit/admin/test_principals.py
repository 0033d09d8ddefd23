"""From a token to who asks: what was taken away is gone within a second."""

import asyncio

import pytest

from people import SYSTEM, TownHall, secret_of
from vms.admin import (
    ApiKeyDraft,
    CallerKind,
    Function,
    Principal,
    PrincipalCache,
    StreamKeyDraft,
    UserChange,
    principals,
)
from vms.common import ForbiddenError, ManualClock, UnauthenticatedError
from vms.proto.events import CameraCreated, GrantChanged, SessionRevoked, UserDeleted, UserUpdated

ANA = Principal(kind=CallerKind.USER, id="ana", rights=(), user="ana")
AT = {"city": "sp", "at_us": 0}


class Reader:
    """Counts how often it is asked, and may be made to wait or to refuse."""

    def __init__(self, answer: Principal = ANA) -> None:
        self.answer = answer
        self.times = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.refusal: Exception | None = None

    async def __call__(self) -> Principal:
        self.times += 1
        await self.gate.wait()
        if self.refusal is not None:
            raise self.refusal
        return self.answer


async def test_a_principal_is_read_once_a_second() -> None:
    clock, reader = ManualClock(), Reader()
    cache = PrincipalCache(clock)
    for _ in range(5):
        assert await cache.get("session:s", reader) is ANA
    assert reader.times == 1
    clock.advance(principals.LASTS_S)
    await cache.get("session:s", reader)
    assert reader.times == 2


async def test_many_who_ask_at_once_cause_one_reading() -> None:
    cache, reader = PrincipalCache(ManualClock()), Reader()
    reader.gate.clear()
    asked = [asyncio.create_task(cache.get("session:s", reader)) for _ in range(10)]
    await asyncio.sleep(0)
    asked[0].cancel()
    reader.gate.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert reader.times == 1
    assert answers.count(ANA) == 9


async def test_the_second_counts_from_before_the_reading() -> None:
    clock, reader = ManualClock(), Reader()
    cache = PrincipalCache(clock)
    reader.gate.clear()
    asked = asyncio.create_task(cache.get("session:s", reader))
    while not reader.times:
        await asyncio.sleep(0)
    clock.advance(principals.LASTS_S)
    reader.gate.set()
    await asked
    await cache.get("session:s", reader)
    assert reader.times == 2


async def test_a_refusal_is_kept_too_and_raised_anew() -> None:
    cache, reader = PrincipalCache(ManualClock()), Reader()
    reader.refusal = UnauthenticatedError("gone", code="session_ended")
    errors = []
    for _ in range(3):
        with pytest.raises(UnauthenticatedError) as error:
            await cache.get("session:s", reader)
        errors.append(error.value)
    assert reader.times == 1
    assert {error.code for error in errors} == {"session_ended"}
    assert len({id(error) for error in errors}) == 3


async def test_another_failure_is_not_kept() -> None:
    cache, reader = PrincipalCache(ManualClock()), Reader()
    reader.refusal = RuntimeError("the database is away")
    with pytest.raises(RuntimeError):
        await cache.get("session:s", reader)
    reader.refusal = None
    assert await cache.get("session:s", reader) is ANA


@pytest.mark.parametrize(
    ("event", "forgotten"),
    [
        (SessionRevoked(user="ana", session="s", **AT), {"session:s"}),
        (SessionRevoked(user="ana", session=None, **AT), {"session:s", "session:t"}),
        (GrantChanged(user="ana", **AT), {"session:s", "session:t"}),
        (GrantChanged(user=None, **AT), {"session:s", "session:t", "session:b"}),
        (UserUpdated(user="ana", **AT), {"session:s", "session:t"}),
        (UserDeleted(user="bruno", **AT), {"session:b"}),
        (CameraCreated(camera="gate", **AT), set()),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_events_make_it_forget(event: UserUpdated, forgotten: set[str]) -> None:
    cache = PrincipalCache(ManualClock())
    bruno = Principal(kind=CallerKind.USER, id="bruno", rights=(), user="bruno")
    readers = {"session:s": Reader(), "session:t": Reader(), "session:b": Reader(bruno)}
    for key, reader in readers.items():
        await cache.get(key, reader)
    cache.heard(event)
    for key, reader in readers.items():
        await cache.get(key, reader)
    assert {key for key, reader in readers.items() if reader.times == 2} == forgotten


async def test_kept_principals_are_bounded() -> None:
    cache = PrincipalCache(ManualClock(), most=2)
    for key in ("a", "b", "c"):
        await cache.get(key, Reader())
    assert len(cache) == 2


async def test_a_grant_that_was_taken_is_gone_within_a_second(town: TownHall) -> None:
    ana = await town.user("ana", "operador", "city:sp")
    tokens = await town.sign_in("ana")
    assert (await town.of(tokens)).may(Function.LIVE_VIEW, city="sp")
    [grant] = await town.people.grants.list(SYSTEM, "user", ana.id)
    await town.people.grants.take(SYSTEM, grant.id)
    town.clock.advance(principals.LASTS_S)
    assert not (await town.of(tokens)).may(Function.LIVE_VIEW, city="sp")


async def test_with_its_event_a_change_holds_at_once(town: TownHall) -> None:
    ana = await town.user("ana", "operador", "city:sp")
    tokens = await town.sign_in("ana")
    await town.of(tokens)
    await town.people.users.change(SYSTEM, ana.id, 1, UserChange(enabled=False))
    town.hear_all()
    with pytest.raises(UnauthenticatedError):
        await town.of(tokens)


async def test_what_was_read_before_a_change_is_not_kept() -> None:
    cache, reader = PrincipalCache(ManualClock()), Reader()
    reader.gate.clear()
    asked = asyncio.create_task(cache.get("session:s", reader))
    while not reader.times:
        await asyncio.sleep(0)
    cache.forget_user("ana")
    reader.gate.set()
    await asked
    await cache.get("session:s", reader)
    assert reader.times == 2


@pytest.mark.parametrize("key", ["token:digest", "key:k"])
async def test_an_api_key_that_is_revoked_while_it_is_read_is_not_kept(key: str) -> None:
    cache, reader = PrincipalCache(ManualClock()), Reader()
    reader.gate.clear()
    asked = asyncio.create_task(cache.get(key, reader))
    while not reader.times:
        await asyncio.sleep(0)
    cache.heard(SessionRevoked(user="ana", session="k", **AT))
    reader.gate.set()
    await asked
    await cache.get(key, reader)
    assert reader.times == 2


async def test_who_proves_a_second_factor_has_proved_it_at_once(town: TownHall) -> None:
    await town.user("root", "admin", "platform")
    tokens = await town.sign_in("root")
    who = await town.of(tokens)
    assert who.must_enrol
    enrolment = await town.people.second_factor.begin(who)
    town.secrets["root"] = secret_of(enrolment.secret)
    await town.people.second_factor.confirm(who, town.code_now("root"))
    assert not (await town.of(tokens)).must_enrol


async def test_a_token_of_a_session_of_another_home_is_refused(town: TownHall) -> None:
    ana = await town.user("ana", "operador", "city:sp")
    tokens = await town.sign_in("ana")
    forged, _ = await town.people.keys.issue(ana.id, tokens.session, "rj")
    with pytest.raises(UnauthenticatedError):
        await town.people.principal(forged)
    bruno = await town.user("bruno", "gestor", "city:sp")
    forged, _ = await town.people.keys.issue(bruno.id, tokens.session, "sp")
    with pytest.raises(UnauthenticatedError):
        await town.people.principal(forged)


async def test_who_is_still_there_is_read_anew(town: TownHall) -> None:
    await town.user("ana", "operador", "city:sp")
    session = (await town.of(await town.sign_in("ana"))).seen_from("192.0.2.9")
    made = await town.people.api_keys.create(
        session, ApiKeyDraft(name="k", role="operador", scope="city:sp")
    )
    key = await town.people.principal(made.token)
    # Its access token has expired long ago; the session has not.
    town.clock.advance(3_600)
    renewed = await town.people.renewed(session)
    assert (renewed, renewed.address) == (session, "192.0.2.9")
    assert await town.people.renewed(key) == key
    assert await town.people.renewed(SYSTEM) == SYSTEM
    await town.people.api_keys.revoke(session, made.key.id)
    await town.people.sign_in.sign_out(session)
    town.clock.advance(principals.LASTS_S)
    for who in (session, key):
        with pytest.raises(UnauthenticatedError):
            await town.people.renewed(who)


async def test_a_suspended_city_is_closed_to_its_people_and_keys(town: TownHall) -> None:
    await town.user("ana", "operador", "city:sp")
    await town.user("root", "admin", "platform")
    tokens = await town.sign_in("ana")
    who = await town.of(tokens)
    made = await town.people.api_keys.create(
        who, ApiKeyDraft(name="k", role="operador", scope="city:sp")
    )
    await town.people.stream_keys.create(who, StreamKeyDraft(name="s", scope="city:sp"))
    town.places.suspended.add("sp")
    town.clock.advance(principals.LASTS_S)
    for act in (
        town.of(tokens),
        town.people.principal(made.token),
        town.people.renewed(who),
        town.sign_in("ana"),
    ):
        with pytest.raises(ForbiddenError) as error:
            await act
        assert error.value.code == "city_suspended"
    # To who has not the password nothing is told.
    with pytest.raises(UnauthenticatedError):
        await town.sign_in("ana", password="wrong horses eat hay")
    assert await town.people.stream_keys.open_keys() == ()
    assert (await town.who("root")).may(Function.LIVE_VIEW, city="sp")
    town.places.suspended.clear()
    assert (await town.of(tokens)).may(Function.LIVE_VIEW, city="sp")
    assert len(await town.people.stream_keys.open_keys()) == 1


async def test_me_tells_what_one_may(town: TownHall) -> None:
    ana = await town.user("ana", "visualizador", "camera:sp/gate")
    me = await town.people.principals.me(await town.of(await town.sign_in("ana")))
    assert me.user is not None
    assert (me.kind, me.user.id, me.home, me.must_enrol) == ("user", ana.id, "sp", False)
    assert [(one.scope, one.functions) for one in me.allowed] == [
        ("camera:sp/gate", ("camera.read", "live.view"))
    ]
    system = await town.people.principals.me(SYSTEM)
    assert (system.kind, system.user) == ("system", None)
