"""The step that makes the cameras' tables keeps what was there, and bounds each city."""

from collections.abc import Callable

import pytest

from cameras import FakePlaces, FakeQuota
from vms.cameras import Cameras, NewCamera
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
