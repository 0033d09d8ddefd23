"""Whose running streams end when a right is withdrawn that names nobody."""

from collections.abc import Callable

import pytest

from doubles import FakeMedia
from people import SYSTEM, TownHall
from viewing import FakeCameras
from vms.admin import (
    ApiKeyDraft,
    Function,
    GrantDraft,
    GroupDraft,
    Principal,
    RoleDraft,
    RoleView,
    SignInDraft,
)
from vms.cameras import CameraPlace
from vms.common import CameraId, ManualClock, StreamRef, UnavailableError
from vms.database import PLATFORM, CityScope, Database, Unit, upgrade
from vms.engine import Revocation
from vms.outbox import emit
from vms.proto.events import CameraDeleted, CameraUpdated, CityUpdated, DomainEvent
from vms.streaming import (
    AddressKeys,
    AddressKind,
    StreamAddresses,
    StreamRevoker,
    StreamRights,
)

AT = {"city": "sp", "at_us": 1}
GATE, YARD = StreamRef(CameraId("gate")), StreamRef(CameraId("yard"))
WATCH = (Function.LIVE_VIEW, Function.CAMERA_READ)


class Gallery:
    """People who watch two cameras, and a media process that is told what ends."""

    def __init__(self, town: TownHall) -> None:
        self.town = town
        self.media = FakeMedia()
        self.cameras = FakeCameras()
        self.move("g1")
        self.keys = AddressKeys(town.database, town.vault, town.clock)
        self.addresses = StreamAddresses(town.database, self.keys, self.cameras, town.clock)
        rights = StreamRights(town.database, town.people.principals, self.cameras)
        self.revoker = StreamRevoker(self.media, rights)
        self._heard = 0

    def move(self, *groups: str) -> None:
        """Put the gate into these groups."""
        self.cameras.all["gate"] = CameraPlace(CameraId("gate"), "sp", frozenset(groups))

    async def open(self, who: Principal, *streams: StreamRef, renew: bool = False) -> None:
        self.town.people.principals.forget_all()
        now = await self.town.people.renewed(who)
        await self.addresses.sign(now, streams, AddressKind.WEBRTC, renew=renew)

    async def tell(self, event: DomainEvent) -> None:
        await self.town.database.run(lambda unit: emit(unit, event), PLATFORM)

    async def cut(self) -> list[Revocation]:
        """Hear what was told since; return what that cuts."""
        told = self.town.told()
        self.media.revoked.clear()
        for event in told[self._heard :]:
            await self.revoker.hear(event)
        self._heard = len(told)
        return self.media.revoked

    def kept(self) -> list[tuple[str, str]]:
        """Return which session watches what."""
        return self.town.database.run_sync(
            lambda unit: unit.rows("SELECT session, camera FROM stream_openings ORDER BY 1, 2"),
            PLATFORM,
            read=True,
        )  # type: ignore[return-value]

    async def role(self, *functions: Function) -> RoleView:
        draft = RoleDraft(name="guard", functions=functions, home="sp")
        return await self.town.people.roles.create(SYSTEM, draft)

    async def change(self, role: RoleView, *functions: Function) -> None:
        draft = RoleDraft(name="guard", functions=functions, home="sp")
        await self.town.people.roles.change(SYSTEM, role.id, None, draft)


@pytest.fixture
async def gallery(database: Database) -> Gallery:
    town = TownHall(database)
    await town.people.start()
    made = Gallery(town)
    await made.keys.ensure()
    town.clock.advance(60)
    return made


async def test_a_role_that_loses_the_right_ends_the_streams_of_who_had_it_alone(
    gallery: Gallery,
) -> None:
    role = await gallery.role(*WATCH, Function.EVENT_READ)
    await gallery.town.user("ana", role.id, "city:sp")
    await gallery.town.user("bruno", "visualizador", "city:sp")
    ana, bruno = await gallery.town.who("ana"), await gallery.town.who("bruno")
    await gallery.open(ana, GATE, YARD)
    await gallery.open(bruno, GATE)
    await gallery.cut()
    await gallery.change(role, *WATCH)
    assert await gallery.cut() == [], "nothing that watching needs"
    await gallery.change(role, Function.CAMERA_READ)
    assert await gallery.cut() == [Revocation(session=ana.session)]
    assert gallery.kept() == [(bruno.session, "gate")]


async def test_sound_alone_is_withdrawn_by_opening_anew(gallery: Gallery) -> None:
    role = await gallery.role(*WATCH, Function.AUDIO_LISTEN)
    await gallery.town.user("ana", role.id, "city:sp")
    ana = await gallery.town.who("ana")
    await gallery.open(ana, GATE)
    await gallery.cut()
    await gallery.change(role, *WATCH)
    assert await gallery.cut() == [Revocation(session=ana.session)]
    await gallery.open(ana, GATE)
    await gallery.change(role, *WATCH, Function.EVENT_READ)
    assert await gallery.cut() == []


async def test_what_a_group_loses_its_members_lose(gallery: Gallery) -> None:
    town = gallery.town
    ana_user = await town.user("ana", "", "", home="sp")
    draft = GroupDraft(name="guards", members=(ana_user.id,), home="sp")
    group = await town.people.groups.create(SYSTEM, draft)
    give = GrantDraft(role="visualizador", scope="city:sp")
    grant = await town.people.grants.give(SYSTEM, "group", group.id, give)
    ana = await town.who("ana")
    await gallery.open(ana, GATE)
    await gallery.cut()
    await town.people.grants.take(SYSTEM, grant.id)
    assert await gallery.cut() == [Revocation(session=ana.session)]

    await town.people.grants.give(SYSTEM, "group", group.id, give)
    await gallery.open(ana, GATE)
    assert await gallery.cut() == []
    empty = GroupDraft(name="guards", members=(), home="sp")
    await town.people.groups.change(SYSTEM, group.id, None, empty)
    assert await gallery.cut() == [Revocation(session=ana.session)]


async def test_an_api_key_loses_what_its_owner_loses_through_a_role(gallery: Gallery) -> None:
    role = await gallery.role(*WATCH)
    await gallery.town.user("ana", role.id, "city:sp")
    ana = await gallery.town.who("ana")
    draft = ApiKeyDraft(name="wall", role="visualizador", scope="camera:sp/gate")
    made = await gallery.town.people.api_keys.create(ana, draft)
    key = await gallery.town.people.principal(made.token)
    await gallery.open(key, GATE)
    await gallery.cut()
    await gallery.change(role, Function.CAMERA_READ)
    assert await gallery.cut() == [Revocation(session=made.key.id)]


async def test_people_of_a_suspended_city_are_cut(gallery: Gallery) -> None:
    await gallery.town.user("ana", "visualizador", "city:sp")
    await gallery.town.user("rita", "visualizador", "city:rj")
    ana, rita = await gallery.town.who("ana"), await gallery.town.who("rita")
    await gallery.open(ana, GATE)
    await gallery.open(rita, StreamRef(CameraId("pier")))
    await gallery.cut()
    gallery.town.places.suspended.update({"sp", "rj"})
    await gallery.tell(CityUpdated(**AT))
    assert await gallery.cut() == [Revocation(session=ana.session)]
    assert gallery.kept() == [(rita.session, "pier")]


async def test_a_camera_that_leaves_a_group_ends_for_who_saw_it_by_that(gallery: Gallery) -> None:
    await gallery.town.user("ana", "visualizador", "group:sp/g1")
    await gallery.town.user("bruno", "visualizador", "city:sp")
    ana, bruno = await gallery.town.who("ana"), await gallery.town.who("bruno")
    await gallery.open(ana, GATE)
    await gallery.open(bruno, GATE, YARD)
    await gallery.cut()
    await gallery.tell(CameraUpdated(camera="gate", **AT))
    assert await gallery.cut() == []
    gallery.move("g2")
    await gallery.tell(CameraUpdated(camera="yard", **AT))
    assert await gallery.cut() == []
    await gallery.tell(CameraUpdated(camera="gate", **AT))
    assert await gallery.cut() == [Revocation(session=ana.session, camera="gate")]
    assert gallery.kept() == [(bruno.session, "gate"), (bruno.session, "yard")]


async def test_a_camera_that_is_switched_off_or_gone_ends_for_everybody(gallery: Gallery) -> None:
    await gallery.town.user("ana", "visualizador", "city:sp")
    ana = await gallery.town.who("ana")
    await gallery.open(ana, GATE, YARD)
    await gallery.cut()
    gallery.cameras.off.add("gate")
    await gallery.tell(CameraUpdated(camera="gate", **AT))
    assert await gallery.cut() == [Revocation(camera="gate")]
    del gallery.cameras.all["yard"]
    await gallery.tell(CameraDeleted(camera="yard", **AT))
    assert set(await gallery.cut()) == {Revocation(camera="yard")}
    assert gallery.kept() == []


async def test_what_could_not_be_cut_is_found_again(gallery: Gallery) -> None:
    role = await gallery.role(*WATCH)
    await gallery.town.user("ana", role.id, "city:sp")
    ana = await gallery.town.who("ana")
    await gallery.open(ana, GATE)
    await gallery.cut()
    await gallery.change(role, Function.CAMERA_READ)
    gallery.media.away = True
    with pytest.raises(UnavailableError):
        await gallery.cut()
    gallery.media.away = False
    assert await gallery.cut() == [Revocation(session=ana.session)]


async def test_a_look_at_everything_finds_what_no_event_told(gallery: Gallery) -> None:
    town = gallery.town
    await town.user("ana", "visualizador", "city:sp")
    tokens = await town.people.sign_in.sign_in(
        SignInDraft(login="ana", password="seven green bicycles"),
        town.here,
    )
    ana = await town.of(tokens)
    await gallery.open(ana, GATE)
    await gallery.revoker.look()
    assert gallery.media.revoked == []
    town.clock.advance(400 * 86_400)
    await gallery.revoker.look()
    assert gallery.media.revoked == [Revocation(session=ana.session)]
    assert gallery.kept() == []


async def test_what_is_opened_as_a_renewal_is_known_too(gallery: Gallery) -> None:
    await gallery.town.user("ana", "operador", "city:sp")
    ana = await gallery.town.who("ana")
    await gallery.open(ana, GATE, renew=True)
    assert gallery.kept() == [(ana.session, "gate")]
    assert len(gallery.town.lines("stream.open")) == 1
    await gallery.open(ana, GATE, renew=True)
    assert len(gallery.town.lines("stream.open")) == 1
    await gallery.open(ana, GATE, YARD, renew=True)
    assert gallery.kept() == [(ana.session, "gate"), (ana.session, "yard")]


async def test_a_city_sees_no_opening_of_another(gallery: Gallery) -> None:
    """On PostgreSQL, by the server's policy."""
    database = gallery.town.database
    await gallery.town.user("ana", "visualizador", "city:sp")
    await gallery.open(await gallery.town.who("ana"), GATE)

    def count(unit: Unit) -> int:
        return int(unit.rows("SELECT count(*) FROM stream_openings")[0][0])

    assert await database.run(count, CityScope("sp"), read=True) == 1
    if database.store.name == "postgresql":
        assert await database.run(count, CityScope("rj"), read=True) == 0


async def test_the_step_keeps_what_was_there(
    empty_url: str, open_database: Callable[[str], Database]
) -> None:
    database = open_database(empty_url)
    upgrade(database, "0007")
    keys = AddressKeys(database, TownHall(database).vault, ManualClock())
    await keys.ensure()
    upgrade(database)

    def left(unit: Unit) -> tuple[int, int]:
        return len(keys.verify_keys(unit)), unit.rows("SELECT count(*) FROM stream_openings")[0][0]

    assert await database.run(left, PLATFORM, read=True) == (1, 0)


async def test_recorded_video_ends_with_the_right_to_it_alone(gallery: Gallery) -> None:
    role = await gallery.role(*WATCH, Function.PLAYBACK_VIEW)
    await gallery.town.user("ana", role.id, "city:sp")
    ana = await gallery.town.who("ana")
    await gallery.open(ana, GATE)
    await gallery.addresses.sign_playback(ana, YARD, 1, 2)
    await gallery.cut()
    await gallery.change(role, *WATCH)
    assert await gallery.cut() == [Revocation(session=ana.session, camera="yard")]
    await gallery.change(role, Function.CAMERA_READ, Function.PLAYBACK_VIEW)
    assert await gallery.cut() == [Revocation(session=ana.session)]


async def test_who_may_talk_no_more_is_cut_off(gallery: Gallery) -> None:
    role = await gallery.role(*WATCH, Function.AUDIO_TALK)
    await gallery.town.user("ana", role.id, "city:sp")
    ana = await gallery.town.who("ana")
    await gallery.addresses.sign_talk(ana, CameraId("gate"))
    await gallery.open(ana, YARD)
    await gallery.cut()
    await gallery.change(role, *WATCH, Function.EVENT_READ)
    assert await gallery.cut() == [Revocation(session=ana.session, camera="gate")]
    assert gallery.kept() == [(ana.session, "yard")]
