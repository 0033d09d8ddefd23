"""Cameras kept: made, read, changed, deleted, by who may."""

import asyncio
from typing import Any

import pytest

from cameras import FakePlaces, FakeQuota
from vms.admin import Function, Principal
from vms.cameras import Area, Camera, Cameras, Change, Filter, NewCamera, store
from vms.common import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    ManualClock,
    NotFoundError,
    Page,
    StreamName,
    TooManyError,
    VmsError,
)
from vms.database import PLATFORM, CityScope, Database, PlatformScope, Vault
from vms.proto import CameraEntry

from .conftest import SYSTEM, VAULT, manager, person, platform_person, rows_of

SP, RJ = manager("sp"), manager("rj")
AREA = Area("door", ((0.0, 0.0), (1.0, 0.0), (0.5, 1.0)))


def new(name: str = "Gate", **fields: object) -> NewCamera:
    base = {"maker": "intelbras", "host": "192.0.2.1", "user": "ana", "password": "secret"}
    return NewCamera(**({"name": name} | base | fields))


async def test_a_camera_is_kept_whole(cameras: Cameras, clock: ManualClock) -> None:
    made = await cameras.create(
        SP,
        new(
            site="s1", groups=("g2", "g1"), tags=("door", "north"), latitude=-23.5,
            longitude=-46.6, masks=(AREA,), zones=(AREA,), transport="udp", port=8554, channel=3,
        ),
    )  # fmt: skip
    assert await cameras.get(SP, made.id) == made
    assert (made.city, made.version, made.groups) == ("sp", 1, ("g1", "g2"))
    assert (made.masks, made.zones, made.masked) == ((AREA,), (AREA,), True)
    assert (made.created_us, made.updated_us) == (clock.utc_us(), clock.utc_us())
    assert made.has_password
    assert made.addresses()[StreamName.SUB] == (
        "rtsp://192.0.2.1:8554/cam/realmonitor?channel=3&subtype=1"
    )


async def test_a_password_is_sealed_and_never_comes_back(
    cameras: Cameras, database: Database
) -> None:
    made = await cameras.create(SP, new())
    ((password,),) = await rows_of(database, "SELECT password FROM cameras")
    assert isinstance(password, bytes)
    assert b"secret" not in password
    assert VAULT.open(password, ("cameras", "password", made.id)) == b"secret"
    assert "secret" not in repr(made)
    (wish,) = await cameras.wishes()
    assert wish.streams[StreamName.MAIN].url.startswith("rtsp://ana:secret@192.0.2.1:554/")


async def test_a_passphrase_is_sealed_and_put_back_for_the_engine(
    cameras: Cameras, database: Database
) -> None:
    made = await cameras.create(
        SP, NewCamera(name="Gate", url="srt://192.0.2.1:9000?passphrase=seven%20bicycles")
    )
    assert (made.url, made.user, made.has_password) == ("srt://192.0.2.1:9000", None, True)
    ((url, sealed),) = await rows_of(database, "SELECT url, password FROM cameras")
    assert "bicycles" not in str(url) + repr(made)
    assert b"bicycles" not in bytes(sealed)  # type: ignore[call-overload]

    async def called() -> str:
        (wish,) = await cameras.wishes()
        return wish.streams[StreamName.MAIN].url

    assert await called() == "srt://192.0.2.1:9000?passphrase=seven%20bicycles"
    renamed = await cameras.update(SP, made.id, None, Change(name="Yard"))
    assert renamed.has_password
    assert await called() == "srt://192.0.2.1:9000?passphrase=seven%20bicycles"
    changed = await cameras.update(SP, made.id, None, Change(url="rtsp://192.0.2.1/a", user="ana"))
    assert not changed.has_password
    assert await called() == "rtsp://ana:@192.0.2.1/a"


async def test_the_password_of_a_second_address_is_sealed_apart(
    cameras: Cameras, database: Database
) -> None:
    made = await cameras.create(SP, new(backup_url="rtsp://bruno:hidden@192.0.2.2/a"))
    assert (made.backup_url, made.backup_user) == ("rtsp://192.0.2.2/a", "bruno")
    assert (made.has_password, made.has_backup_password) == (True, True)
    ((sealed,),) = await rows_of(database, "SELECT backup_password FROM cameras")
    assert isinstance(sealed, bytes)
    assert VAULT.open(sealed, ("cameras", "backup_password", made.id)) == b"hidden"
    renamed = await cameras.update(SP, made.id, None, Change(name="Yard", password="other"))
    assert renamed.has_backup_password
    assert await rows_of(database, "SELECT backup_password FROM cameras") == [(sealed,)]
    gone = await cameras.update(SP, made.id, None, Change(backup_url=None))
    assert (gone.backup_url, gone.backup_user, gone.has_backup_password) == (None, None, False)
    lines = await rows_of(database, "SELECT details FROM audit_lines ORDER BY id")
    assert lines[-1][0] == '{"fields":["backup_password","backup_url","backup_user"]}'
    assert "hidden" not in str(lines)


async def test_a_file_is_played_where_there_is_a_folder_for_files(
    cameras: Cameras, database: Database, clock: ManualClock, quota: FakeQuota, places: FakePlaces
) -> None:
    file = NewCamera(name="Demo", url="file:gate.mp4")
    with pytest.raises(InvalidError, match="media_dir") as refused:
        await cameras.create(SP, file)
    assert (refused.value.code, refused.value.values) == ("camera_files_off", {"field": "url"})
    made = await cameras.create(SP, new())
    with pytest.raises(InvalidError, match="backup_url: the settings"):
        await cameras.update(SP, made.id, None, Change(backup_url="file:still.mp4"))
    with_folder = Cameras(database, VAULT, clock, quota, places, files=True)
    kept = await with_folder.create(SP, file)
    assert kept.addresses() == {StreamName.MAIN: "file:gate.mp4"}
    # The folder was taken out of the settings: the camera can still be renamed.
    assert (await cameras.update(SP, kept.id, None, Change(name="Hall"))).name == "Hall"


async def test_a_change_names_the_version_it_saw(cameras: Cameras, clock: ManualClock) -> None:
    made = await cameras.create(SP, new())
    clock.advance(5)
    changed = await cameras.update(SP, made.id, 1, Change(name="Yard", groups=("g1",)))
    assert (changed.name, changed.version, changed.groups) == ("Yard", 2, ("g1",))
    assert (changed.created_us, changed.updated_us) == (made.created_us, clock.utc_us())
    for stale in (1, 3):
        with pytest.raises(ConflictError) as caught:
            await cameras.update(SP, made.id, stale, Change(name="Other"))
        assert caught.value.code == "version_conflict"
        with pytest.raises(ConflictError):
            await cameras.delete(SP, made.id, stale)
    assert await cameras.get(SP, made.id) == changed


async def test_of_two_changes_at_once_one_is_refused(cameras: Cameras) -> None:
    made = await cameras.create(SP, new())
    done = await asyncio.gather(
        *(cameras.update(SP, made.id, 1, Change(name=f"Gate {n}")) for n in range(4)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, Camera) for one in done) == 1
    assert sum(isinstance(one, ConflictError) for one in done) == 3


async def test_a_change_of_nothing_leaves_nothing_behind(
    cameras: Cameras, database: Database
) -> None:
    made = await cameras.create(SP, new())
    same = await cameras.update(SP, made.id, 1, Change(name="Gate", password="secret"))
    assert same == made
    assert await rows_of(database, "SELECT count(*) FROM outbox") == [(1,)]
    assert await rows_of(database, "SELECT count(*) FROM audit_lines") == [(1,)]


async def test_a_password_changes_only_when_it_is_given(cameras: Cameras) -> None:
    made = await cameras.create(SP, new())

    async def url() -> str:
        (wish,) = await cameras.wishes()
        return wish.streams[StreamName.MAIN].url.partition("@")[0]

    await cameras.update(SP, made.id, None, Change(name="Yard"))
    assert await url() == "rtsp://ana:secret"
    await cameras.update(SP, made.id, None, Change(password="other"))
    assert await url() == "rtsp://ana:other"
    removed = await cameras.update(SP, made.id, None, Change(password=None))
    assert not removed.has_password
    assert await url() == "rtsp://ana:"
    await cameras.update(SP, made.id, None, Change(user=None))
    assert "@" not in await url()


async def test_every_change_has_its_line_and_its_event(
    cameras: Cameras, database: Database
) -> None:
    made = await cameras.create(SP, new())
    await cameras.update(SP, made.id, 1, Change(name="Yard", password="other"))
    await cameras.delete(SP, made.id, 2)
    events = await rows_of(database, "SELECT name, city, body FROM outbox ORDER BY seq")
    assert [event[:2] for event in events] == [
        ("camera.created", "sp"),
        ("camera.updated", "sp"),
        ("camera.deleted", "sp"),
    ]
    assert all(made.id in str(event[2]) for event in events)
    lines = await rows_of(
        database, "SELECT action, actor, object, city, details FROM audit_lines ORDER BY id"
    )
    assert [line[0] for line in lines] == ["camera.create", "camera.update", "camera.delete"]
    assert {line[1:4] for line in lines} == {("user:of-sp", f"camera:{made.id}", "sp")}
    assert lines[1][4] == '{"fields":["name","password"]}'
    assert "other" not in str(lines) + str(events)


async def test_a_refused_change_leaves_nothing_behind(
    cameras: Cameras, database: Database, quota: FakeQuota
) -> None:
    quota.most = 0
    with pytest.raises(TooManyError) as caught:
        await cameras.create(SP, new())
    assert caught.value.values == {"limit": 0, "used": 0}
    for table in ("cameras", "camera_ids", "outbox", "audit_lines"):
        assert await rows_of(database, f"SELECT count(*) FROM {table}") == [(0,)]  # noqa: S608


async def test_an_id_is_never_used_again(cameras: Cameras) -> None:
    await cameras.create(SYSTEM, new(id="gate", city="sp"))
    await cameras.delete(SYSTEM, "gate", None)
    with pytest.raises(ConflictError) as caught:
        await cameras.create(SYSTEM, new(id="gate", city="rj"))
    assert caught.value.code == "camera_id_taken"
    assert "sp" not in caught.value.message


@pytest.mark.parametrize("chosen", ["gate", "free"])
async def test_a_city_learns_nothing_of_ids_by_choosing_one(cameras: Cameras, chosen: str) -> None:
    await cameras.create(SYSTEM, new(id="gate", city="rj"))
    with pytest.raises(ForbiddenError) as caught:
        await cameras.create(SP, new(id=chosen))
    assert caught.value.code == "permission_missing"


async def test_another_citys_camera_does_not_exist(cameras: Cameras) -> None:
    theirs = await cameras.create(RJ, new())
    both = platform_person((Function.CAMERA_READ, "city:sp"))
    for who in (SP, both):
        for call in (
            cameras.get(who, theirs.id),
            cameras.update(who, theirs.id, 1, Change(name="Mine")),
            cameras.delete(who, theirs.id, 1),
        ):
            with pytest.raises(NotFoundError) as caught:
                await call
            assert caught.value.code == "camera_unknown"
    with pytest.raises(NotFoundError) as caught:
        await cameras.create(SP, new(city="rj"))
    assert caught.value.code == "city_unknown"
    assert (await cameras.get(RJ, theirs.id)).version == 1


async def test_who_may_only_look_changes_nothing(cameras: Cameras) -> None:
    made = await cameras.create(SP, new())
    viewer = person((Function.CAMERA_READ, "city:sp"))
    assert await cameras.get(viewer, made.id) == made
    for call in (
        cameras.create(viewer, new()),
        cameras.update(viewer, made.id, 1, Change(name="Mine")),
        cameras.delete(viewer, made.id, 1),
    ):
        with pytest.raises(ForbiddenError):
            await call


async def test_who_manages_a_group_manages_its_cameras_and_puts_none_elsewhere(
    cameras: Cameras,
) -> None:
    one = person((Function.CAMERA_READ, "group:sp/g1"), (Function.CAMERA_MANAGE, "group:sp/g1"))
    mine = await cameras.create(one, new(groups=("g1",)))
    await cameras.update(one, mine.id, 1, Change(name="Yard"))
    with pytest.raises(ForbiddenError):
        await cameras.create(one, new())
    with pytest.raises(ForbiddenError):
        await cameras.create(one, new(groups=("g1", "g2")))
    with pytest.raises(ForbiddenError):
        await cameras.update(one, mine.id, 2, Change(groups=("g1", "g2")))
    both = await cameras.create(SP, new(groups=("g1", "g2")))
    with pytest.raises(ForbiddenError):
        await cameras.update(one, both.id, 1, Change(groups=("g1",)))
    await cameras.delete(one, mine.id, 2)


async def test_the_platform_names_the_city(cameras: Cameras, places: FakePlaces) -> None:
    with pytest.raises(InvalidError) as caught:
        await cameras.create(SYSTEM, new())
    assert caught.value.code == "camera_city_missing"
    with pytest.raises(NotFoundError):
        await cameras.create(SYSTEM, new(city="xx"))
    assert (await cameras.create(SYSTEM, new(city="rj"))).city == "rj"
    assert "xx" not in places.cities


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"site": "nowhere"}, "camera_site_unknown"),
        ({"groups": ("g1", "none")}, "camera_groups_unknown"),
        ({"host": None}, "camera_host_missing"),
    ],
)
async def test_what_cannot_be_is_refused(
    cameras: Cameras, fields: dict[str, Any], code: str
) -> None:
    made = await cameras.create(SP, new())
    for call in (
        cameras.create(SP, new(**fields)),
        cameras.update(SP, made.id, 1, Change(**fields)),
    ):
        with pytest.raises(InvalidError) as caught:
            await call
        assert caught.value.code == code


# --- lists


async def _names(cameras: Cameras, who: Principal, **wanted: object) -> list[str]:
    found = await cameras.list(who, Filter(**wanted), Page())
    return [item.name for item in found.items]


async def test_a_list_is_in_the_order_of_names_whatever_their_case(cameras: Cameras) -> None:
    for name in ("b", "Á", "C", "a"):
        await cameras.create(SP, new(name))
    assert [n.casefold() for n in await _names(cameras, SP)][2:] == ["b", "c"]


async def test_pages_show_each_camera_once(cameras: Cameras) -> None:
    made = [await cameras.create(SP, new(name)) for name in ("a", "a", "b", "a%", "c")]
    seen, after = [], None
    while True:
        found = await cameras.list(SP, Filter(), Page(2, after))
        seen += [item.id for item in found.items]
        after = found.next
        if after is None:
            break
    assert sorted(seen) == sorted(camera.id for camera in made)
    assert len(seen) == 5


async def test_a_list_is_narrowed(cameras: Cameras) -> None:
    await cameras.create(SP, new("Praça da Sé", groups=("g1",), site="s1"))
    await cameras.create(SP, new("Ponte 100%", enabled=False))
    await cameras.create(RJ, new("Praça"))
    assert await _names(cameras, SP, name="PRACA") == ["Praça da Sé"]
    assert await _names(cameras, SP, name="0%") == ["Ponte 100%"]
    assert await _names(cameras, SP, name="_") == []
    assert await _names(cameras, SP, group="g1") == ["Praça da Sé"]
    assert await _names(cameras, SP, group="g2") == []
    assert await _names(cameras, SP, site="s1") == ["Praça da Sé"]
    assert await _names(cameras, SP, enabled=False) == ["Ponte 100%"]
    assert await _names(cameras, SP, enabled=True) == ["Praça da Sé"]
    assert await _names(cameras, SP, state="off") == ["Ponte 100%"]
    assert await _names(cameras, SP, state="unknown") == ["Praça da Sé"]
    assert await _names(cameras, SYSTEM, city="rj") == ["Praça"]
    assert len(await _names(cameras, SYSTEM)) == 3


async def test_a_list_shows_what_one_may_see(cameras: Cameras) -> None:
    one = await cameras.create(SP, new("one", groups=("g1",)))
    await cameras.create(SP, new("two", groups=("g1", "g2")))
    three = await cameras.create(SP, new("three"))
    await cameras.create(RJ, new("four", groups=("g1",)))
    read = Function.CAMERA_READ
    assert await _names(cameras, person((read, "group:sp/g1"))) == ["one", "two"]
    assert await _names(cameras, person((read, f"camera:sp/{three.id}"))) == ["three"]
    some = person((read, "group:sp/g2"), (read, f"camera:sp/{one.id}"))
    assert await _names(cameras, some) == ["one", "two"]
    wide = platform_person((read, "city:rj"), (read, "group:sp/g2"))
    assert await _names(cameras, wide) == ["four", "two"]
    assert await _names(cameras, wide, city="sp") == ["two"]


async def test_who_sees_nothing_is_told_so(cameras: Cameras) -> None:
    with pytest.raises(ForbiddenError):
        await _names(cameras, person((Function.LIVE_VIEW, "city:sp")))
    with pytest.raises(NotFoundError):
        await _names(cameras, SP, city="rj")
    with pytest.raises(ForbiddenError):
        await _names(
            cameras, platform_person((Function.CAMERA_READ, "city:sp"),
                                     (Function.LIVE_VIEW, "city:rj")), city="rj"
        )  # fmt: skip


async def test_a_key_sees_no_more_than_its_owner(cameras: Cameras) -> None:
    await cameras.create(SP, new("one", groups=("g1",)))
    await cameras.create(SP, new("two", groups=("g2",)))
    await cameras.create(SP, new("both", groups=("g1", "g2")))
    key = person((Function.CAMERA_READ, "group:sp/g1"))
    owner = person((Function.CAMERA_READ, "group:sp/g2"))
    limited = Principal(kind=key.kind, id="key", rights=(*key.rights, *owner.rights), home="sp")
    assert await _names(cameras, limited) == ["both"]


async def test_an_item_of_a_list_holds_what_a_screen_needs(cameras: Cameras) -> None:
    made = await cameras.create(
        SP, new(groups=("g1",), tags=("a",), masks=(AREA,), latitude=1.0, longitude=2.0)
    )
    (item,) = (await cameras.list(SP, Filter(), Page())).items
    assert (item.id, item.city, item.maker, item.enabled) == (made.id, "sp", "intelbras", True)
    assert (item.groups, item.tags, item.masked) == (("g1",), ("a",), True)
    assert (item.latitude, item.longitude, item.version) == (1.0, 2.0, 1)


# --- for the engine


async def test_the_engine_is_told_all_cameras_and_only_needed_passwords(cameras: Cameras) -> None:
    on = await cameras.create(SP, new("on"))
    off = await cameras.create(RJ, new("off", enabled=False))
    wishes = {wish.id: wish for wish in await cameras.wishes()}
    assert wishes[on.id].enabled
    assert not wishes[off.id].enabled
    assert "secret" not in wishes[off.id].streams[StreamName.MAIN].url
    roster = await cameras.roster()
    assert {(entry.id, entry.city, entry.enabled) for entry in roster.values()} == {
        (on.id, "sp", True),
        (off.id, "rj", False),
    }
    assert roster[on.id].streams == (StreamName.MAIN, StreamName.SUB)


async def test_a_password_under_a_lost_key_darkens_one_camera(
    cameras: Cameras, database: Database, clock: ManualClock, quota: FakeQuota, places: FakePlaces
) -> None:
    await cameras.create(SYSTEM, new("old", id="old", city="sp"))
    later = Cameras(database, Vault([b"n" * 32]), clock, quota, places)
    await later.create(SYSTEM, new("young", id="young", city="sp"))
    wishes = {wish.id: wish.streams[StreamName.MAIN].url for wish in await later.wishes()}
    assert "@" in wishes["young"]
    assert "secret" not in wishes["old"]
    with pytest.raises(VmsError) as caught:
        await later.update(SP, "old", 1, Change(name="New"))
    assert caught.value.code == "secret_key_unknown"


async def test_others_ask_where_a_camera_belongs(cameras: Cameras, database: Database) -> None:
    made = await cameras.create(SP, new(groups=("g1", "g2")))
    theirs = await cameras.create(RJ, new(groups=("g1",)))

    async def place(camera: str, scope: PlatformScope | CityScope) -> object:
        return await database.run(lambda unit: store.place(unit, camera), scope, read=True)

    assert await place(made.id, PLATFORM) == ("sp", frozenset({"g1", "g2"}))
    assert await place(theirs.id, CityScope("sp")) is None
    assert await place("none", PLATFORM) is None
    found = await database.run(lambda unit: store.in_group(unit, "sp", "g1"), PLATFORM, read=True)
    assert found == (made.id,)


# --- the settings


ENTRIES = (
    CameraEntry(id="gate", url="rtsp://u:p@192.0.2.1/1", name="Gate"),
    CameraEntry(id="yard", url="rtsp://192.0.2.1/2", sub_url="rtsp://b:q@192.0.2.1/3"),
)


async def test_cameras_of_the_settings_are_imported_once(cameras: Cameras) -> None:
    first = await cameras.seed(SYSTEM, ENTRIES)
    assert (first.created, first.known, first.refused) == (("gate", "yard"), (), ())
    await cameras.update(SYSTEM, "gate", 1, Change(name="Front"))
    await cameras.delete(SYSTEM, "yard", None)
    third = CameraEntry(id="roof", url="rtsp://192.0.2.1/4")
    again = await cameras.seed(SYSTEM, (*ENTRIES, third))
    assert (again.created, again.known) == (("roof",), ("gate", "yard"))
    assert (await cameras.get(SYSTEM, "gate")).name == "Front"
    with pytest.raises(NotFoundError):
        await cameras.get(SYSTEM, "yard")


async def test_a_seeded_camera_runs_as_the_settings_said(cameras: Cameras) -> None:
    await cameras.seed(SYSTEM, ENTRIES)
    wishes = {wish.id: wish.streams for wish in await cameras.wishes()}
    assert wishes["gate"][StreamName.MAIN].url == "rtsp://u:p@192.0.2.1/1"
    assert wishes["yard"][StreamName.SUB].url == "rtsp://b:q@192.0.2.1/3"
    assert (await cameras.get(SYSTEM, "gate")).city == "local"


async def test_one_that_cannot_be_kept_does_not_hold_up_the_others(
    cameras: Cameras, quota: FakeQuota
) -> None:
    bad = CameraEntry(id="bad", url=f"rtsp://{'u' * 200}:p@192.0.2.1/1")
    seeded = await cameras.seed(SYSTEM, (bad, *ENTRIES))
    assert (seeded.created, seeded.refused) == (("gate", "yard"), ("bad",))
    quota.most = 2
    more = await cameras.seed(SYSTEM, (CameraEntry(id="roof", url="rtsp://h/"),))
    assert more.refused == ("roof",)
