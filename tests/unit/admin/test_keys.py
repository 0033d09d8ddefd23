"""API keys and stream keys: bounded by their owner's rights of this moment."""

import pytest

from people import SYSTEM, TownHall
from vms.admin import (
    ApiKeyDraft,
    CallerKind,
    Function,
    Principal,
    StreamKeyDraft,
    UserChange,
)
from vms.common import (
    ForbiddenError,
    InvalidError,
    NotFoundError,
    Page,
    UnauthenticatedError,
)
from vms.proto.events import SessionRevoked

WATCH = ApiKeyDraft(name="wall", role="visualizador", scope="city:sp", days=30)


@pytest.fixture
async def ana(town: TownHall) -> Principal:
    """An operator of sp."""
    await town.user("ana", "operador", "city:sp")
    return await town.who("ana")


async def test_a_key_is_a_caller_of_its_own(town: TownHall, ana: Principal) -> None:
    made = await town.people.api_keys.create(ana, WATCH)
    start, key_id, secret = made.token.split("_", 2)
    assert (start, key_id) == ("vms", made.key.id)
    assert secret.encode() not in town.raw("SELECT hash FROM api_keys")
    assert len(secret) >= 43
    key = await town.people.principal(made.token)
    assert (key.kind, key.id, key.user, key.home) == (CallerKind.API_KEY, key_id, ana.id, "sp")
    assert key.may(Function.LIVE_VIEW, city="sp")
    assert not key.may(Function.PTZ_CONTROL, city="sp")
    assert town.people.per_minute(key) == 600
    [shown] = (await town.people.api_keys.list(ana, Page())).items
    assert shown.used_us is not None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"),
        lambda token: token + "x",
        lambda token: token.replace("vms_", "vms_0", 1),
        lambda token: "vms_" + token.split("_", 2)[1],
        lambda token: "vms_" + token.split("_", 2)[1] + "_",
        lambda _: "vms_",
        lambda _: "vms___",
        lambda _: "vms_\x00_\ud800",
    ],
)
async def test_what_is_no_key_is_refused(town: TownHall, ana: Principal, spoil: "object") -> None:
    made = await town.people.api_keys.create(ana, WATCH)
    assert callable(spoil)
    with pytest.raises(UnauthenticatedError) as error:
        await town.people.principal(spoil(made.token))
    assert error.value.code == "api_key_invalid"


async def test_a_key_runs_out_or_is_withdrawn(town: TownHall, ana: Principal) -> None:
    keys = town.people.api_keys
    first, second = await keys.create(ana, WATCH), await keys.create(ana, WATCH)
    await keys.revoke(ana, first.key.id)
    with pytest.raises(UnauthenticatedError):
        await town.people.principal(first.token)
    town.clock.advance(30 * 86_400 - 1)
    await town.people.principal(second.token)
    town.clock.advance(1)
    with pytest.raises(UnauthenticatedError):
        await town.people.principal(second.token)


async def test_a_withdrawn_key_is_refused_at_once_and_its_streams_end(
    town: TownHall, ana: Principal
) -> None:
    made = await town.people.api_keys.create(ana, WATCH)
    await town.people.principal(made.token)
    await town.people.api_keys.revoke(ana, made.key.id)
    ended = [event for event in town.told() if isinstance(event, SessionRevoked)]
    assert [(event.user, event.session) for event in ended] == [(ana.id, made.key.id)]
    town.hear_all()
    with pytest.raises(UnauthenticatedError):
        await town.people.principal(made.token)


async def test_a_key_follows_its_owner(town: TownHall, ana: Principal) -> None:
    made = await town.people.api_keys.create(ana, WATCH)
    [grant] = await town.people.grants.list(SYSTEM, "user", ana.id)
    user = await town.people.users.get(SYSTEM, ana.id)
    await town.give(SYSTEM, user, "visualizador", "camera:sp/gate")
    await town.people.grants.take(SYSTEM, grant.id)
    key = await town.people.principal(made.token)
    assert key.may(Function.LIVE_VIEW, city="sp", camera="gate")
    assert not key.may(Function.LIVE_VIEW, city="sp", camera="yard")
    # More than the key was made with comes back never.
    await town.give(SYSTEM, user, "operador", "city:sp")
    town.clock.advance(1)
    key = await town.people.principal(made.token)
    assert key.may(Function.LIVE_VIEW, city="sp")
    assert not key.may(Function.PTZ_CONTROL, city="sp")
    await town.people.users.change(SYSTEM, ana.id, None, UserChange(enabled=False))
    town.clock.advance(1)
    with pytest.raises(UnauthenticatedError):
        await town.people.principal(made.token)


async def test_a_managers_key_ends_with_his_second_factor(town: TownHall) -> None:
    bruno = await town.user("bruno", "gestor", "city:sp")
    who = await town.who("bruno")
    made = await town.people.api_keys.create(
        who, ApiKeyDraft(name="k", role="gestor", scope="city:sp")
    )
    assert (await town.people.principal(made.token)).may(Function.USER_MANAGE, city="sp")
    await town.people.second_factor.reset(SYSTEM, bruno.id)
    town.clock.advance(1)
    key = await town.people.principal(made.token)
    assert not any(key.may(function, city="sp") for function in Function)


async def test_who_must_enrol_makes_no_keys(town: TownHall) -> None:
    await town.user("bruno", "gestor", "city:sp")
    who = await town.of(await town.sign_in("bruno"))
    for act in (
        town.people.api_keys.create(who, WATCH),
        town.people.stream_keys.create(who, StreamKeyDraft(name="s", scope="city:sp")),
    ):
        with pytest.raises(ForbiddenError) as error:
            await act
        assert error.value.code == "second_factor_required"


async def test_a_key_without_an_owner_has_its_own_rights_alone(town: TownHall) -> None:
    made = await town.people.api_keys.create(SYSTEM, WATCH)
    key = await town.people.principal(made.token)
    assert (key.home, key.user) == ("sp", None)
    assert key.may(Function.LIVE_VIEW, city="sp")
    assert key.cities(Function.LIVE_VIEW) == frozenset({"sp"})
    assert (await town.people.principals.me(key)).user is None


@pytest.mark.parametrize(
    ("draft", "code"),
    [
        (ApiKeyDraft(name="k", role="operador", scope="city:sp", days=0), "number_out_of_range"),
        (ApiKeyDraft(name="k", role="operador", scope="city:sp", days=9999), "number_out_of_range"),
        (
            ApiKeyDraft(name="k", role="operador", scope="city:sp", per_minute=0),
            "number_out_of_range",
        ),
        (ApiKeyDraft(name="", role="operador", scope="city:sp"), "name_invalid"),
        (ApiKeyDraft(name="k", role="operador", scope="platform"), "scope_foreign"),
    ],
)
async def test_keys_are_bounded(
    town: TownHall, ana: Principal, draft: ApiKeyDraft, code: str
) -> None:
    with pytest.raises(InvalidError) as error:
        await town.people.api_keys.create(ana, draft)
    assert error.value.code == code


async def test_keys_of_others(town: TownHall, ana: Principal) -> None:
    await town.user("bruno", "gestor", "city:sp")
    await town.user("carla", "operador", "city:sp")
    await town.user("dora", "gestor", "city:rj")
    bruno, carla, dora = await town.who("bruno"), await town.who("carla"), await town.who("dora")
    keys, streams = town.people.api_keys, town.people.stream_keys
    api = (await keys.create(ana, WATCH)).key
    stream = (await streams.create(ana, StreamKeyDraft(name="s", scope="city:sp"))).key
    for service, key in ((keys, api), (streams, stream)):
        with pytest.raises(ForbiddenError):
            await service.revoke(carla, key.id)
        with pytest.raises(NotFoundError) as error:
            await service.revoke(dora, key.id)
        assert error.value.code == "key_unknown"
        with pytest.raises(ForbiddenError):
            await service.list(carla, Page(), everybodys=True)
        with pytest.raises(NotFoundError):
            await service.list(dora, Page(), home="sp", everybodys=True)
        assert (await service.list(carla, Page())).items == ()
        assert (await service.list(dora, Page(), everybodys=True)).items == ()
        shown = await service.list(bruno, Page(), everybodys=True)
        assert [one.id for one in shown.items] == [key.id]
        await service.revoke(bruno, key.id)
        with pytest.raises(NotFoundError):
            await service.revoke(ana, key.id)


async def test_a_stream_key_is_sealed_and_told_to_the_engine(
    town: TownHall, ana: Principal
) -> None:
    streams = town.people.stream_keys
    made = await streams.create(ana, StreamKeyDraft(name="vlc", scope="camera:sp/gate", audio=True))
    assert made.secret.encode() not in town.raw("SELECT secret FROM stream_keys")
    [told] = await streams.open_keys()
    assert (told.id, told.secret, told.scope, told.audio) == (
        made.key.id,
        made.secret,
        "camera:sp/gate",
        True,
    )
    assert town.events().count("stream_key.changed") == 1
    await streams.revoke(ana, made.key.id)
    assert await streams.open_keys() == ()
    assert town.events().count("stream_key.changed") == 2


async def test_a_stream_key_opens_what_its_owner_may_watch(town: TownHall) -> None:
    ana = await town.user("ana", "visualizador", "group:sp/g1")
    who, streams = await town.who("ana"), town.people.stream_keys
    gate = StreamKeyDraft(name="s", scope="camera:sp/gate", days=10)
    made = await streams.create(who, gate)
    refusals = {
        "camera:sp/yard": ForbiddenError,
        "city:sp": ForbiddenError,
        "camera:rj/gate": NotFoundError,
        "camera:sp/none": NotFoundError,
    }
    for scope, refusal in refusals.items():
        with pytest.raises(refusal):
            await streams.create(who, StreamKeyDraft(name="s", scope=scope))
    with pytest.raises(ForbiddenError):
        await streams.create(who, StreamKeyDraft(name="s", scope="camera:sp/gate", audio=True))
    assert [key.id for key in await streams.open_keys()] == [made.key.id]
    # The camera leaves the group, and comes back.
    town.places.groups["gate"] = frozenset()
    assert await streams.open_keys() == ()
    town.places.groups["gate"] = frozenset({"g1"})
    assert len(await streams.open_keys()) == 1
    del town.places.groups["gate"]
    assert await streams.open_keys() == ()
    town.places.groups["gate"] = frozenset({"g1"})
    await town.people.users.change(SYSTEM, ana.id, None, UserChange(enabled=False))
    assert await streams.open_keys() == ()
    await town.people.users.change(SYSTEM, ana.id, None, UserChange(enabled=True))
    assert len(await streams.open_keys()) == 1
    town.clock.advance(10 * 86_400)
    assert await streams.open_keys() == ()


async def test_a_key_publishes_for_who_manages_the_camera_and_views_nothing(
    town: TownHall, ana: Principal
) -> None:
    """Whoever publishes decides what everybody else sees of the camera."""
    streams = town.people.stream_keys
    send = StreamKeyDraft(name="encoder", scope="camera:sp/gate", publish=True, audio=True)
    with pytest.raises(ForbiddenError):
        await streams.create(ana, send)
    bruno = await town.user("bruno", "gestor", "city:sp")
    made = await streams.create(await town.who("bruno"), send)
    assert (made.key.publish, made.key.audio) == (True, False)
    [told] = await streams.open_keys()
    assert (told.id, told.publish, told.audio) == (made.key.id, True, False)
    [shown] = (await streams.list(await town.who("bruno"), Page())).items
    assert shown == made.key
    view = await streams.create(ana, StreamKeyDraft(name="vlc", scope="camera:sp/gate"))
    assert not view.key.publish
    # He may watch on, and manages no more.
    [grant] = await town.people.grants.list(SYSTEM, "user", bruno.id)
    user = await town.people.users.get(SYSTEM, bruno.id)
    await town.give(SYSTEM, user, "operador", "city:sp")
    await town.people.grants.take(SYSTEM, grant.id)
    assert [key.id for key in await streams.open_keys()] == [view.key.id]


async def test_a_key_plays_recordings_for_who_may_see_them(town: TownHall, ana: Principal) -> None:
    streams = town.people.stream_keys
    draft = StreamKeyDraft(name="vlc", scope="camera:sp/gate", playback=True)
    made = await streams.create(ana, draft)
    assert made.key.playback
    assert [key.playback for key in await streams.open_keys()] == [True]
    await town.user("carla", "visualizador", "city:sp")
    with pytest.raises(ForbiddenError):
        await streams.create(await town.who("carla"), draft)
    await town.user("bruno", "gestor", "city:sp")
    send = StreamKeyDraft(name="e", scope="camera:sp/gate", publish=True, playback=True)
    assert not (await streams.create(await town.who("bruno"), send)).key.playback


async def test_a_stream_key_without_an_owner_lasts_on_its_own(town: TownHall) -> None:
    made = await town.people.stream_keys.create(SYSTEM, StreamKeyDraft(name="s", scope="city:sp"))
    assert (made.key.home, made.key.user) == ("sp", None)
    assert [key.id for key in await town.people.stream_keys.open_keys()] == [made.key.id]
