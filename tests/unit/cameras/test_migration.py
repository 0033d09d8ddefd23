"""The step that makes the cameras' tables keeps what was there, and bounds each city."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from cameras import FakePlaces, FakeQuota
from vms.cameras import Cameras, Change, NewCamera
from vms.common import ManualClock, NotFoundError
from vms.database import PLATFORM, CityScope, Database, Unit, schema_state, upgrade
from vms.outbox import emit
from vms.proto.events import CityCreated

from .conftest import SYSTEM, VAULT, manager

BEFORE = "0005"


async def test_the_step_keeps_what_was_there(
    empty_url: str, open_database: Callable[[str], Database]
) -> None:
    database = open_database(empty_url)
    upgrade(database, BEFORE)
    event = CityCreated(city="sp", at_us=1)
    await database.run(lambda unit: emit(unit, event), PLATFORM)
    upgrade(database)
    assert schema_state(database).is_current
    kept = await database.run(lambda unit: unit.rows("SELECT city FROM outbox"), PLATFORM)
    assert kept == [("sp",)]
    cameras = Cameras(database, VAULT, ManualClock(), FakeQuota(), FakePlaces())
    made = await cameras.create(SYSTEM, NewCamera(name="Gate", city="sp", url="rtsp://h/"))
    assert (await cameras.get(manager("sp"), made.id)).name == "Gate"


async def test_cameras_of_before_second_addresses_have_none_and_may_have_one(
    empty_url: str, open_database: Callable[[str], Database]
) -> None:
    database = open_database(empty_url)
    upgrade(database, "0012")
    sealed = VAULT.seal(b"secret", ("cameras", "password", "gate"))

    def put(unit: Unit) -> None:
        unit.execute(
            sa.text(
                "INSERT INTO cameras (city, id, name, name_key, maker, channel, sub_stream, url, "
                "username, password, enabled, tags, masks, zones, version, created_us, updated_us) "
                "VALUES ('sp', 'gate', 'Gate', 'gate', 'generic', 1, :yes, 'rtsp://h/a', 'ana', "
                ":sealed, :yes, '[]', '[]', '[]', 7, 1, 1)"
            ),
            {"yes": True, "sealed": sealed},
        )
        unit.execute(
            sa.text(
                "INSERT INTO camera_group_members (city, camera, group_id) "
                "VALUES ('sp', 'gate', 'g1')"
            )
        )

    await database.run(put, PLATFORM)
    upgrade(database)
    cameras = Cameras(database, VAULT, ManualClock(), FakeQuota(), FakePlaces())
    found = await cameras.get(manager("sp"), "gate")
    assert (found.version, found.groups, found.has_password) == (7, ("g1",), True)
    assert (found.backup_url, found.backup_user, found.has_backup_password) == (None, None, False)
    assert found.on_demand is None
    change = Change(backup_url="rtsp://bruno:x@h2/a", on_demand=True)
    changed = await cameras.update(manager("sp"), "gate", 7, change)
    assert changed.on_demand is True
    target = "srt://h3:9000"
    pushed = await cameras.update(
        manager("sp"), "gate", 8, Change(push=(f"{target}?passphrase=seven%20bicycles",))
    )
    assert (pushed.push, pushed.has_push_passphrases) == ((target,), True)
    assert (changed.backup_url, changed.backup_user) == ("rtsp://h2/a", "bruno")


@pytest.mark.parametrize(
    "table", ["cameras", "camera_group_members", "camera_status", "camera_history"]
)
async def test_a_city_sees_no_row_of_another_even_by_plain_sql(
    database: Database, cameras: Cameras, table: str
) -> None:
    """On PostgreSQL, where the second lock is; on SQLite every statement of ours names the city."""
    made = await cameras.create(
        SYSTEM, NewCamera(name="Gate", city="rj", url="rtsp://h/", groups=("g1",))
    )
    spoil = {
        "camera_status": "(city, camera, stream, state, since_us) "
        "VALUES ('rj', :id, 'main', 'x', 1)",
        "camera_history": "(city, camera, stream, state, at_us) VALUES ('rj', :id, 'main', 'x', 1)",
    }

    def put(unit: Unit) -> None:
        if table in spoil:
            sql = f"INSERT INTO {table} {spoil[table]} RETURNING city"
            unit.rows(sql, {"id": made.id})

    def count(unit: Unit) -> int:
        return int(unit.rows(f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608

    await database.run(put, PLATFORM)
    assert await database.run(count, PLATFORM, read=True) == 1
    assert await database.run(count, CityScope("rj"), read=True) == 1
    if database.store.name == "postgresql":
        assert await database.run(count, CityScope("sp"), read=True) == 0
    with pytest.raises(NotFoundError):
        await cameras.get(manager("sp"), made.id)
