"""The tables of people: what is there stays, and a city's rows are its own."""

from collections.abc import Callable

import pytest
from sqlalchemy.exc import DBAPIError

from people import SYSTEM, TownHall
from vms.admin.store import tables
from vms.audit import AuditEntry, record
from vms.database import PLATFORM, CityScope, Database, Unit, metadata, upgrade

OURS = [table for table in vars(tables).values() if table in metadata.tables.values()]


def test_the_step_keeps_what_is_there(
    empty_url: str, open_database: Callable[..., Database]
) -> None:
    database = open_database(empty_url)
    upgrade(database, "0004")
    entry = AuditEntry(actor="system:test", action="camera.create", object="camera:a", city="sp")
    database.run_sync(lambda unit: record(unit, entry), PLATFORM)
    upgrade(database)
    kept = database.run_sync(lambda unit: unit.rows("SELECT object FROM audit_lines"), PLATFORM)
    assert kept == [("camera:a",)]
    none = database.run_sync(lambda unit: unit.rows("SELECT count(*) FROM users"), PLATFORM)
    assert none == [(0,)]


def test_tables_of_a_city_lead_with_it() -> None:
    of_a_city = [table for table in OURS if "city" in table.c]
    assert len(of_a_city) == 13
    for table in of_a_city:
        assert next(iter(table.primary_key.columns)).name == "city", table.name


async def test_on_postgresql_a_unit_of_a_city_reads_and_writes_no_other(town: TownHall) -> None:
    """The second lock: statements that forget their condition meet the server's policy."""
    if town.database.run_sync(lambda unit: unit.store, PLATFORM) != "postgresql":
        pytest.skip("SQLite has the first lock alone")
    await town.user("ana", "operador", "city:rj")
    await town.sign_in("ana")
    await town.people.invitations.create_reset(SYSTEM, (await town.sign_in("ana")).user.id)
    sp = CityScope("sp")
    for table in OURS:
        if "city" not in table.c:
            continue
        sql = f"SELECT count(*) FROM {table.name}"  # noqa: S608 - our own names
        [(seen,)] = await town.database.run(lambda unit, sql=sql: unit.rows(sql), sp)
        assert seen == 0, table.name

    def write(unit: Unit) -> None:
        unit.connection.exec_driver_sql(
            "INSERT INTO user_groups (city, id, name, created_us, version) "
            "VALUES ('rj', 'x', 'x', 0, 1)"
        )

    with pytest.raises(DBAPIError, match="row-level security"):
        await town.database.run(write, sp)
