"""Addresses: who gets one, what is in it, and that the engine reads it."""

import base64
import json
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from people import TownHall
from viewing import FakeCameras
from vms.admin import CallerKind, Function, Held, Principal, Rights, Scope, system_principal
from vms.common import (
    CameraId,
    ForbiddenError,
    InvalidError,
    ManualClock,
    NotFoundError,
    StreamName,
    StreamRef,
)
from vms.database import PLATFORM, Database, Unit, Vault
from vms.engine import StreamKeyRule, StreamLimits
from vms.streaming import (
    LIFETIME_S,
    AddressKeys,
    AddressKind,
    AddressSigner,
    Claims,
    EngineAccess,
    PlayerKey,
    StreamAddresses,
    View,
)

VECTORS = Path(__file__).parents[2] / "vectors" / "addresses.json"
GATE = StreamRef(CameraId("gate"))
YARD = StreamRef(CameraId("yard"), StreamName.SUB)
PIER = StreamRef(CameraId("pier"))


def viewer(*held: tuple[str, set[Function]]) -> Principal:
    rights = Rights([Held(frozenset(functions), Scope.parse(scope)) for scope, functions in held])
    return Principal(
        kind=CallerKind.USER, id="ana", user="ana", session="s1", rights=(rights,), home="sp"
    )


WATCHES = {Function.LIVE_VIEW}


class House:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = ManualClock()
        self.vault = Vault([bytes(32)])
        self.keys = AddressKeys(database, self.vault, self.clock)
        self.addresses = StreamAddresses(database, self.keys, FakeCameras(), self.clock)

    async def sign(self, who: Principal, *streams: StreamRef) -> list[Claims]:
        signed = await self.addresses.sign(who, streams, AddressKind.WEBRTC)
        return [await self.read(one.address) for one in signed]

    async def read(self, address: str) -> Claims:
        """Check an address as the engine does, with the public keys alone."""
        signed, _dot, signature = address.rpartition(".")
        version, key, payload = signed.split(".")
        assert version == "v1"
        keys = await self.database.run(self.keys.verify_keys, PLATFORM, read=True)
        public = next(found.public for found in keys if found.id == key)
        verifier = Ed25519PublicKey.from_public_bytes(unbase(public))
        verifier.verify(unbase(signature), signed.encode())
        return msgspec.json.decode(unbase(payload), type=Claims)

    async def key_ids(self) -> list[str]:
        keys = await self.database.run(self.keys.verify_keys, PLATFORM, read=True)
        return [key.id for key in keys]

    def lines(self) -> list[tuple[object, ...]]:
        return self.database.run_sync(
            lambda unit: unit.rows("SELECT city, actor, action, object FROM audit_lines"), PLATFORM
        )


def unbase(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.fixture
async def house(database: Database) -> House:
    made = House(database)
    await made.keys.ensure()
    return made


async def test_who_may_watch_gets_an_address_for_five_minutes(house: House) -> None:
    (claims,) = await house.sign(viewer(("city:sp", WATCHES)), GATE)
    assert claims.ref == GATE
    assert (claims.city, claims.viewer, claims.session) == ("sp", "ana", "s1")
    assert (claims.view, claims.audio) == (View.MASKED, 0)
    assert claims.expires_s == house.clock.utc_us() // 1_000_000 + LIFETIME_S
    assert house.lines() == [("sp", "user:ana", "stream.open", "camera:gate")]


async def test_each_address_has_a_nonce_of_its_own(house: House) -> None:
    who = viewer(("city:sp", WATCHES))
    claims = await house.sign(who, GATE, YARD) + await house.sign(who, GATE)
    assert len({one.nonce for one in claims}) == 3


async def test_hearing_is_a_right_of_its_own(house: House) -> None:
    who = viewer(("city:sp", WATCHES), ("camera:sp/yard", {Function.AUDIO_LISTEN}))
    gate, yard = await house.sign(who, GATE, YARD)
    assert (gate.audio, yard.audio) == (0, 1)


async def test_a_camera_of_another_city_does_not_exist(house: House) -> None:
    who = viewer(("city:sp", WATCHES))
    for stream in (PIER, StreamRef(CameraId("nowhere"))):
        with pytest.raises(NotFoundError) as caught:
            await house.sign(who, stream)
        assert caught.value.code == "camera_unknown"


async def test_a_camera_one_sees_but_may_not_watch_is_refused_by_name(house: House) -> None:
    who = viewer(("city:sp", {Function.CAMERA_READ}))
    with pytest.raises(ForbiddenError) as caught:
        await house.sign(who, GATE)
    assert caught.value.values["function"] == "live.view"


async def test_a_group_holds_its_cameras_alone(house: House) -> None:
    who = viewer(("group:sp/north", WATCHES))
    await house.sign(who, GATE)
    with pytest.raises(NotFoundError):
        await house.sign(who, YARD)


async def test_of_many_addresses_all_are_given_or_none(house: House) -> None:
    with pytest.raises(NotFoundError):
        await house.sign(viewer(("city:sp", WATCHES)), GATE, PIER)
    assert house.lines() == []


async def test_going_on_watching_is_no_new_line(house: House) -> None:
    who = viewer(("city:sp", WATCHES))
    await house.sign(who, GATE)
    await house.addresses.sign(who, [GATE], AddressKind.WEBRTC, renew=True)
    assert len(house.lines()) == 1


async def test_a_retired_key_verifies_until_its_last_address_ran_out(house: House) -> None:
    who = viewer(("city:sp", WATCHES))
    (old,) = await house.addresses.sign(who, [GATE], AddressKind.WEBRTC)
    house.clock.advance(60)
    (old,) = await house.addresses.sign(who, [GATE], AddressKind.WEBRTC)
    await house.keys.rotate(system_principal("test"))
    (still,) = await house.addresses.sign(who, [GATE], AddressKind.WEBRTC)
    assert still.address.split(".")[1] == old.address.split(".")[1], "the engine may not know it"
    house.clock.advance(10)
    (new,) = await house.addresses.sign(who, [GATE], AddressKind.WEBRTC)
    assert old.address.split(".")[1] != new.address.split(".")[1]
    house.clock.advance(LIFETIME_S)
    assert (await house.read(old.address)).ref == GATE
    house.clock.advance(61)
    assert old.address.split(".")[1] not in await house.key_ids()
    assert (await house.read(new.address)).ref == GATE


async def test_a_key_is_changed_after_thirty_days(house: House) -> None:
    (first,) = await house.key_ids()
    assert await house.keys.maintain() is False
    house.clock.advance(30 * 86_400)
    assert await house.keys.maintain() is True
    assert await house.keys.maintain() is False
    now = await house.key_ids()
    assert (len(now), now[1]) == (2, first)


async def test_the_private_half_is_sealed(house: House) -> None:
    rows = house.database.run_sync(
        lambda unit: unit.rows("SELECT private FROM stream_signing_keys"), PLATFORM
    )
    assert len(bytes(rows[0][0])) > 32
    with pytest.raises(Exception, match="sealed with another secret key"):
        Vault([b"\1" * 32]).open(bytes(rows[0][0]), ("stream_signing_keys", "private", "x"))


def test_the_form_is_that_of_the_vectors() -> None:
    vectors = json.loads(VECTORS.read_text())
    claims = msgspec.convert(vectors["payload"], Claims)
    signer = AddressSigner("k1", bytes.fromhex(vectors["seed"]))
    assert signer.public == vectors["public"]
    good = next(one["address"] for one in vectors["addresses"] if one["name"] == "good")
    assert signer.sign(claims) == good


class Players:
    def __init__(self, *keys: PlayerKey) -> None:
        self._keys = keys

    async def open_keys(self) -> tuple[PlayerKey, ...]:
        return self._keys


class Quotas:
    def concurrent_streams(self, _unit: Unit) -> dict[str, int]:
        return {"sp": 16}


async def test_the_engine_is_told_keys_limits_and_what_each_player_may(house: House) -> None:
    def key(name: str, scope: str, *, publish: bool = False, playback: bool = False) -> PlayerKey:
        return PlayerKey(
            name,
            "secret",
            Scope.parse(scope),
            audio=True,
            publish=publish,
            playback=playback,
            expires_us=1_700_000_000_000_001,
        )

    players = Players(
        key("all", "platform"),
        key("city", "city:sp", playback=True),
        key("group", "group:sp/north"),
        key("camera", "camera:rj/pier"),
        key("empty", "group:sp/none"),
        key("encoder", "camera:sp/gate", publish=True),
    )
    limits = StreamLimits(viewer=32, machine=1000)
    access = EngineAccess(house.database, house.keys, FakeCameras(), players, Quotas(), limits)
    rules = await access.rules()
    assert len(rules.keys) == 1
    assert rules.playback_keys == ("city",)
    assert (rules.limits, rules.city_limits) == (limits, {"sp": 16})

    def rule(
        name: str, city: str | None, cameras: tuple[str, ...] | None, *, publish: bool = False
    ) -> StreamKeyRule:
        return StreamKeyRule(
            name, "secret", city, cameras, 1_700_000_000, audio=True, publish=publish
        )

    assert rules.stream_keys == (
        rule("all", None, None),
        rule("city", "sp", None),
        rule("group", "sp", ("gate",)),
        rule("camera", "rj", ("pier",)),
        rule("empty", "sp", ()),
        rule("encoder", "sp", ("gate",), publish=True),
    )


PLAYS = {Function.PLAYBACK_VIEW}


async def test_recorded_video_opens_for_its_time_and_is_a_line_of_the_audit(
    house: House,
) -> None:
    who = viewer(("city:sp", PLAYS))
    signed = await house.addresses.sign_playback(who, YARD, 1000, 2000)
    claims = await house.read(signed.address)
    assert (claims.kind, claims.from_us, claims.until_us) == (AddressKind.PLAYBACK, 1000, 2000)
    assert (claims.camera, claims.stream, claims.city) == ("yard", StreamName.SUB, "sp")
    await house.addresses.sign_playback(who, YARD, 1000, 2000, renew=True)
    assert house.lines() == [("sp", "user:ana", "playback.open", "camera:yard")]


async def test_who_may_watch_live_alone_plays_nothing(house: House) -> None:
    live = viewer(("city:sp", WATCHES))
    with pytest.raises(ForbiddenError):
        await house.addresses.sign_playback(live, GATE, 1, 2)
    with pytest.raises(NotFoundError):
        await house.addresses.sign_playback(viewer(("city:sp", PLAYS)), PIER, 1, 2)
    with pytest.raises(InvalidError):
        await house.addresses.sign_playback(viewer(("city:sp", PLAYS)), GATE, 2, 2)
    assert house.lines() == []


async def test_no_address_of_a_live_stream_is_one_of_recorded_video(house: House) -> None:
    """It would have no time range: everything could be played."""
    with pytest.raises(InvalidError) as refused:
        await house.addresses.sign(viewer(("city:sp", WATCHES)), [GATE], AddressKind.PLAYBACK)
    assert refused.value.code == "address_kind"


async def test_another_time_than_was_opened_is_opened_anew(house: House) -> None:
    """Else whoever renews would look at what no line tells of."""
    who = viewer(("city:sp", PLAYS))
    sign = house.addresses.sign_playback
    await sign(who, GATE, 1000, 2000, renew=True)
    await sign(who, GATE, 1200, 1900, renew=True)
    assert len(house.lines()) == 1
    await sign(who, GATE, 1200, 2001, renew=True)
    assert len(house.lines()) == 2


TALKS = {Function.LIVE_VIEW, Function.AUDIO_TALK}


async def test_talking_is_a_right_of_its_own_and_a_line_of_the_audit(house: House) -> None:
    who = viewer(("city:sp", WATCHES), ("camera:sp/yard", TALKS))
    signed = await house.addresses.sign_talk(who, CameraId("yard"))
    claims = await house.read(signed.address)
    assert (claims.kind, claims.camera, claims.audio) == (AddressKind.TALK, "yard", 0)
    assert (claims.viewer, claims.session, claims.city) == ("ana", "s1", "sp")
    assert claims.actor == "user:ana"
    assert claims.expires_s == house.clock.utc_us() // 1_000_000 + LIFETIME_S
    assert house.lines() == [("sp", "user:ana", "talk.open", "camera:yard")]
    with pytest.raises(ForbiddenError) as refused:
        await house.addresses.sign_talk(who, CameraId("gate"))
    assert refused.value.values["function"] == "audio.talk"
    with pytest.raises(NotFoundError):
        await house.addresses.sign_talk(who, CameraId("pier"))
    assert len(house.lines()) == 1


async def test_who_talks_opens_nothing_to_watch_and_no_watcher_talks(house: House) -> None:
    who = viewer(("city:sp", TALKS))
    with pytest.raises(InvalidError) as refused:
        await house.addresses.sign(who, [GATE], AddressKind.TALK)
    assert refused.value.code == "address_kind"
    await house.addresses.sign_talk(who, CameraId("gate"))
    await house.addresses.sign(who, [GATE], AddressKind.WEBRTC, renew=True)
    actions = [line[2] for line in house.lines()]
    assert actions == ["talk.open", "stream.open"], "to watch is opened anew"


async def test_who_talks_is_known_by_name_in_his_own_city_alone(house: House) -> None:
    town = TownHall(house.database)
    await town.people.start()
    bia = await town.user("bia", "operador", "city:sp")
    await town.user("root", "operador", "city:sp", home="")
    told = []
    for login in ("bia", "root"):
        signed = await house.addresses.sign_talk(await town.who(login), CameraId("gate"))
        told.append((await house.read(signed.address)).called)
    assert told == [bia.name, msgspec.UNSET]
