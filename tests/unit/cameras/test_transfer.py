"""Import and export: row by row, twice without harm, passwords only to who may."""

import pytest
from hypothesis import HealthCheck, given, settings

from cameras import FakePlaces, FakeQuota, cameras_with_secrets
from vms.admin import Function
from vms.cameras import (
    Camera,
    Cameras,
    Filter,
    ImportReport,
    NewCamera,
    RowOutcome,
    Secrets,
    Transfer,
)
from vms.cameras.model import draft_of
from vms.common import ForbiddenError, InvalidError, ManualClock, NotFoundError, Page
from vms.database import Database

from .conftest import SYSTEM, VAULT, manager, person, platform_person, rows_of

SP = manager("sp")
CREATED, UPDATED, UNCHANGED, FAILED = RowOutcome
FILE = """\
name;maker;host;channel;user;password;groups;site
Gate;intelbras;192.0.2.1;1;ana;secret-1;North|g2;Praça
Yard;intelbras;192.0.2.1;2;ana;secret-2;;
"""


async def imported(
    transfer: Transfer, text: str, *, dry_run: bool = False, city: str = "sp"
) -> ImportReport:
    return await transfer.import_(SP, city, text.encode(), "csv", dry_run=dry_run)


def outcomes(report: ImportReport) -> list[RowOutcome]:
    return [row.outcome for row in report.rows]


async def test_a_file_makes_cameras_once_and_nothing_the_second_time(
    transfer: Transfer, cameras: Cameras, database: Database
) -> None:
    first = await imported(transfer, FILE)
    assert (outcomes(first), first.created) == ([CREATED, CREATED], 2)
    assert [(row.line, row.name) for row in first.rows] == [(2, "Gate"), (3, "Yard")]
    gate = await cameras.get(SP, first.rows[0].id or "")
    assert (gate.groups, gate.site) == (("g1", "g2"), "s1")
    before = await rows_of(database, "SELECT count(*) FROM audit_lines")
    second = await imported(transfer, FILE)
    assert outcomes(second) == [UNCHANGED, UNCHANGED]
    assert [row.id for row in second.rows] == [row.id for row in first.rows]
    assert await rows_of(database, "SELECT count(*) FROM audit_lines") == before
    assert await cameras.get(SP, gate.id) == gate


async def test_a_row_changes_only_the_columns_that_are_there(
    transfer: Transfer, cameras: Cameras
) -> None:
    made = (await imported(transfer, FILE)).rows[0].id or ""
    report = await imported(transfer, f"id,name,password\n{made},Front,\n")
    assert outcomes(report) == [UPDATED]
    changed = await cameras.get(SP, made)
    assert (changed.name, changed.channel, changed.has_password) == ("Front", 1, True)
    assert changed.groups == ("g1", "g2")


async def test_a_dry_run_reports_the_same_and_leaves_nothing(
    transfer: Transfer, cameras: Cameras, database: Database
) -> None:
    dry = await imported(transfer, FILE, dry_run=True)
    assert dry.dry_run
    assert (outcomes(dry), [row.id for row in dry.rows]) == ([CREATED, CREATED], [None, None])
    assert await rows_of(database, "SELECT count(*) FROM camera_ids") == [(0,)]
    assert await rows_of(database, "SELECT count(*) FROM outbox") == [(0,)]
    await imported(transfer, FILE)
    dry = await imported(transfer, FILE.replace("Gate", "Front"), dry_run=True)
    assert outcomes(dry) == [UPDATED, UNCHANGED]
    found = await cameras.list(SP, Filter(), Page())
    assert [item.name for item in found.items] == ["Gate", "Yard"]


async def test_rows_stand_alone_and_say_what_is_wrong(transfer: Transfer, quota: FakeQuota) -> None:
    quota.most = 3
    report = await imported(
        transfer,
        "id,name,maker,host,channel,groups\n"
        ",Gate,intelbras,192.0.2.1,1,\n"
        ",Gate,intelbras,192.0.2.1,x,\n"
        ",,intelbras,192.0.2.1,2,\n"
        ",Twice,intelbras,192.0.2.1,1,\n"
        "nobody,Ghost,intelbras,192.0.2.1,3,\n"
        ",Grouped,intelbras,192.0.2.1,4,South\n"
        ",Yard,dahua,192.0.2.2,1,North\n"
        ",Roof,dahua,192.0.2.3,1,g3\n"
        ",One too many,dahua,192.0.2.4,1,\n",
    )
    assert [(row.line, row.code) for row in report.rows] == [
        (2, None),
        (3, "import_cell"),
        (4, "camera_name_missing"),
        (5, "import_twice"),
        (6, "camera_unknown"),
        # Two groups are called South: only their ids tell them apart.
        (7, "camera_groups_unknown"),
        (8, None),
        (9, None),
        (10, "quota_cameras"),
    ]
    assert (report.created, report.failed) == (3, 6)
    assert all(row.message for row in report.rows if row.outcome is FAILED)
    assert report.rows[3].values == {"line": 2}


async def test_an_address_that_several_cameras_have_names_none(
    transfer: Transfer, cameras: Cameras
) -> None:
    for name in ("one", "two"):
        await cameras.create(SP, NewCamera(name=name, url="rtsp://192.0.2.1/a"))
    report = await imported(transfer, "name,url\nthree,rtsp://192.0.2.1:554/a\n")
    assert [row.code for row in report.rows] == ["import_ambiguous"]


async def test_cameras_that_call_us_are_told_apart_by_their_names(
    transfer: Transfer, cameras: Cameras
) -> None:
    text = "name,url,tags\nGate,publish:,a\nYard,publish:,b\n"
    assert outcomes(await imported(transfer, text)) == [CREATED, CREATED]
    again = await imported(transfer, text.replace(":,b", ":replace,c"))
    assert outcomes(again) == [UNCHANGED, UPDATED]
    found = await cameras.list(SP, Filter(), Page())
    assert [(item.name, item.tags) for item in found.items] == [("Gate", ("a",)), ("Yard", ("c",))]
    twice = await imported(transfer, "name,url\nGate,publish:\nGate,publish:replace\n")
    assert [row.code for row in twice.rows] == [None, "import_twice"]


async def test_a_city_cannot_choose_ids_nor_learn_of_others(
    transfer: Transfer, cameras: Cameras
) -> None:
    await cameras.create(SYSTEM, NewCamera(id="gate", city="rj", name="G", url="rtsp://h/"))
    report = await imported(
        transfer, "id,name,url\ngate,a,rtsp://192.0.2.1/\nfree,b,rtsp://192.0.2.2/\n"
    )
    told = [(row.code, (row.message or "").replace("gate", "free")) for row in report.rows]
    assert told[0] == told[1]
    assert told[0][0] == "camera_unknown"
    with pytest.raises(NotFoundError):
        await imported(transfer, FILE, city="rj")
    with pytest.raises(NotFoundError):
        await transfer.export(SP, "rj", "csv")


async def test_the_platform_keeps_ids_of_an_export(transfer: Transfer, cameras: Cameras) -> None:
    made = (await imported(transfer, FILE)).rows[0].id or ""
    data = await transfer.export(SYSTEM, "sp", "json", passwords=True)
    taken = await transfer.import_(SYSTEM, "rj", data, "json")
    assert [row.code for row in taken.rows] == ["camera_id_taken", "camera_id_taken"]
    again = await transfer.import_(SYSTEM, "sp", data, "json")
    assert outcomes(again) == [UNCHANGED, UNCHANGED]
    fresh = data.replace(made.encode(), b"fresh")
    report = await transfer.import_(SYSTEM, "sp", fresh, "json")
    assert (report.rows[0].id, report.created) == ("fresh", 1)
    assert (await cameras.get(SP, "fresh")).city == "sp"


async def test_passwords_leave_only_for_who_may_change_and_are_noted(
    transfer: Transfer, database: Database
) -> None:
    await imported(transfer, FILE)
    viewer = person((Function.CAMERA_READ, "city:sp"))
    assert b"secret" not in await transfer.export(viewer, "sp", "csv")
    with pytest.raises(ForbiddenError):
        await transfer.export(viewer, "sp", "csv", passwords=True)
    count = "SELECT details FROM audit_lines WHERE action = 'camera.export'"
    assert await rows_of(database, count) == []
    assert b";ana;secret-1;" in await transfer.export(
        SP, "sp", "csv", passwords=True, separator=";"
    )
    assert await rows_of(database, count) == [('{"count":2,"passwords":true}',)]


async def test_an_export_shows_what_one_may_see(transfer: Transfer) -> None:
    await imported(transfer, FILE)
    some = person((Function.CAMERA_READ, "group:sp/g1"))
    text = (await transfer.export(some, "sp", "csv")).decode()
    assert "Gate" in text
    assert "Yard" not in text


async def test_who_may_only_look_imports_nothing(transfer: Transfer) -> None:
    viewer = person((Function.CAMERA_READ, "city:sp"))
    with pytest.raises(ForbiddenError):
        await transfer.import_(viewer, "sp", FILE.encode(), "csv")


async def test_who_manages_a_group_imports_into_it(transfer: Transfer) -> None:
    one = person((Function.CAMERA_READ, "group:sp/g1"), (Function.CAMERA_MANAGE, "group:sp/g1"))
    text = "name,url,groups\nin,rtsp://192.0.2.1/,g1\nout,rtsp://192.0.2.2/,\n"
    report = await transfer.import_(one, "sp", text.encode(), "csv")
    assert [row.code for row in report.rows] == [None, "permission_missing"]


async def test_a_file_that_is_none_changes_nothing(transfer: Transfer, database: Database) -> None:
    with pytest.raises(InvalidError):
        await imported(transfer, FILE + '"open')
    assert await rows_of(database, "SELECT count(*) FROM cameras") == [(0,)]


async def test_an_unknown_city_is_told(transfer: Transfer) -> None:
    for call in (
        transfer.import_(SYSTEM, "xx", FILE.encode(), "csv"),
        transfer.export(SYSTEM, "xx", "csv"),
        transfer.import_(
            platform_person((Function.CAMERA_MANAGE, "city:sp")), "xx", FILE.encode(), "csv"
        ),
    ):
        with pytest.raises(NotFoundError) as caught:
            await call
        assert caught.value.code == "city_unknown"


class AnyPlaces(FakePlaces):
    """Every site and group exists, and is called by its id."""

    class _All(dict[str, str]):
        def __missing__(self, key: str) -> str:
            return key

        def __contains__(self, _key: object) -> bool:
            return True

    def __init__(self) -> None:
        super().__init__(named_sites=self._All(), named_groups=self._All())


@pytest.mark.parametrize("database_address", ["sqlite"], indirect=True)
@pytest.mark.parametrize("kind", ["csv", "json"])
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=cameras_with_secrets())
async def test_an_exported_city_imported_elsewhere_has_the_same_cameras(
    database: Database,
    clock: ManualClock,
    quota: FakeQuota,
    kind: str,
    drawn: list[tuple[Camera, Secrets]],
) -> None:
    places = AnyPlaces()
    cameras = Cameras(database, VAULT, clock, quota, places)
    transfer = Transfer(database, VAULT, clock, quota, places)
    await _empty(cameras)
    for camera, secrets in drawn:
        fields = {
            name: getattr(draft_of(camera), name) for name in draft_of(camera).__struct_fields__
        }
        hidden = {"password": secrets.password, "push_passphrases": secrets.passphrases()}
        await cameras.create(SYSTEM, NewCamera(**(fields | hidden | {"city": "sp"})))
    before = await cameras.wishes()
    data = await transfer.export(SYSTEM, "sp", kind, passwords=True)
    assert outcomes(await transfer.import_(SYSTEM, "sp", data, kind)) == [UNCHANGED] * len(drawn)
    await _empty(cameras)
    for wish in before:
        data = data.replace(wish.id.encode(), wish.id.replace("0", "z", 1).encode())
    report = await transfer.import_(SYSTEM, "sp", data, kind)
    assert [(row.outcome, row.message) for row in report.rows] == [(CREATED, None)] * len(drawn)
    after = await cameras.wishes()
    assert sorted((w.name, w.enabled, str(w.streams)) for w in after) == sorted(
        (w.name, w.enabled, str(w.streams)) for w in before
    )
    assert await transfer.export(SYSTEM, "sp", kind, passwords=True) == data


async def _empty(cameras: Cameras) -> None:
    for camera in await cameras.roster():
        await cameras.delete(SYSTEM, camera, None)
