"""The schema's version, and what the steps make."""

import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

import vms
from vms.cli.db import STORES, load_tables
from vms.common import ConflictError
from vms.database import (
    PLATFORM,
    Database,
    check,
    ensure_current,
    metadata,
    migrations,
    require_current,
    schema_state,
    upgrade,
)
from vms.outbox import emit
from vms.proto.events import CameraCreated

Open = Callable[..., Database]
Make = Callable[..., str]


def set_version(database: Database, version: str) -> None:
    database.run_sync(
        lambda unit: unit.connection.exec_driver_sql(
            f"UPDATE alembic_version SET version_num = '{version}'"  # noqa: S608
        ),
        PLATFORM,
    )


def test_an_empty_database_becomes_current(empty_url: str, open_database: Open) -> None:
    database = open_database(empty_url)
    assert schema_state(database).current is None
    with pytest.raises(ConflictError) as refused:
        require_current(database)
    assert refused.value.code == "schema_older"
    upgrade(database)
    require_current(database)
    upgrade(database)
    assert schema_state(database).is_current


def test_the_steps_make_what_the_contexts_declare(database: Database) -> None:
    """Types, keys, indexes and constraints too; and on PostgreSQL the security of rows."""
    load_tables()
    assert metadata.tables
    assert check(database) == []


def test_every_module_with_tables_is_in_the_list() -> None:
    """Else a check would call its tables strangers."""
    sources = Path(vms.__file__).parent
    declaring = {
        ".".join(("vms", *path.relative_to(sources).with_suffix("").parts))
        for path in sources.rglob("*.py")
        if re.search(r"= Table\(\s*[^,]+,\s*metadata,", path.read_text(encoding="utf-8"))
    }
    assert declaring - {"vms.database.installation"} == set(STORES)


def test_the_steps_keep_what_is_there(empty_url: str, open_database: Open) -> None:
    database = open_database(empty_url)
    upgrade(database, "0001")
    assert schema_state(database).current == "0001"
    event = CameraCreated(city="sp", at_us=1, camera="a")
    database.run_sync(lambda unit: emit(unit, event), PLATFORM)
    upgrade(database)
    require_current(database)
    found = database.run_sync(lambda unit: unit.rows("SELECT city, name FROM outbox"), PLATFORM)
    assert found == [("sp", "camera.created")]


def test_cases_of_before_stills_keep_their_notes_and_may_have_stills(
    empty_url: str, open_database: Open
) -> None:
    database = open_database(empty_url)
    upgrade(database, "0011")
    name = "0" * 23
    note = (
        "INSERT INTO recording_case_notes (city, id, case_id, text, made_by, at_us) "
        "VALUES ('sp', :id, :id, 'seen', 'user:ana', 1)"
    )
    still = (
        "INSERT INTO recording_case_stills (city, id, case_id, camera, stream, at_us, width, "
        "height, bytes, sha256, text, made_by, created_us) VALUES ('sp', :id, :id, 'gate', "
        "'main', 1, 640, 360, 7, '', '', 'user:ana', 1)"
    )

    def rows(table: str) -> list[tuple[str, ...]]:
        found = database.run_sync(
            lambda unit: unit.rows(f"SELECT city, id FROM {table}"),  # noqa: S608
            PLATFORM,
        )
        return [tuple(row) for row in found]

    database.run_sync(lambda unit: unit.execute(sa.text(note), {"id": name}), PLATFORM)
    upgrade(database)
    require_current(database)
    database.run_sync(lambda unit: unit.execute(sa.text(still), {"id": name}), PLATFORM)
    assert rows("recording_case_notes") == rows("recording_case_stills") == [("sp", name)]


def test_stream_keys_of_before_view_and_publish_nothing(
    empty_url: str, open_database: Open
) -> None:
    database = open_database(empty_url)
    upgrade(database, "0012")
    key = sa.text(
        "INSERT INTO stream_keys (city, id, secret, name, user_id, scope, audio, created_us, "
        "expires_us) VALUES ('sp', 'k1', :secret, 'vlc', 'ana', 'city:sp', :yes, 1, 2)"
    )
    database.run_sync(lambda unit: unit.execute(key, {"secret": b"sealed", "yes": True}), PLATFORM)
    upgrade(database)
    require_current(database)
    found = database.run_sync(
        lambda unit: unit.rows("SELECT id, name, audio, publish, playback FROM stream_keys"),
        PLATFORM,
    )
    assert [tuple(row) for row in found] == [("k1", "vlc", True, False, False)]


def test_steps_are_one_chain_named_by_number() -> None:
    scripts = ScriptDirectory(str(Path(migrations.__file__).parent))
    steps = list(scripts.walk_revisions())[::-1]
    assert [step.revision for step in steps] == [f"{n:04}" for n in range(1, len(steps) + 1)]
    for step in steps:
        assert Path(step.path).name.startswith(f"{step.revision}_")
        text = Path(step.path).read_text(encoding="utf-8")
        assert "vms." not in text.replace("vms.database.migrations", ""), (
            "a step imports no context"
        )


def test_who_only_uses_sqlite_loads_neither_alembic_nor_psycopg(tmp_path: Path) -> None:
    script = (
        "import sys; from vms.database import Database, schema_state; import vms.outbox; "
        "print(schema_state(Database.open(sys.argv[1])).current); "
        "print({'alembic', 'psycopg'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, f"sqlite:///{tmp_path / 'vms.db'}"],
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"None\nset()\n"


def test_a_newer_schema_is_refused_everywhere(database: Database, tmp_path: Path) -> None:
    set_version(database, "9999")
    for attempt in (
        lambda: require_current(database),
        lambda: upgrade(database),
        lambda: ensure_current(database, tmp_path),
        lambda: check(database),
    ):
        with pytest.raises(ConflictError) as refused:
            attempt()
        assert refused.value.code == "schema_newer"
        assert refused.value.values["current"] == "9999"


def test_a_step_that_fails_leaves_nothing(
    empty_url: str, open_database: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = open_database(empty_url)

    def fail(*_: object) -> None:
        raise RuntimeError("half way")

    with monkeypatch.context() as patched:
        patched.setattr("vms.database.migrate._refuse_broken_references", fail)
        with pytest.raises(RuntimeError, match="half way"):
            upgrade(database)
    assert schema_state(database).current is None
    upgrade(database)
    require_current(database)


def test_who_comes_second_finds_the_work_done(empty_url: str, open_database: Open) -> None:
    """Two processes that start at once both upgrade."""
    errors: list[BaseException] = []

    def one() -> None:
        try:
            upgrade(open_database(empty_url, threads=1))
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    require_current(open_database(empty_url))


def test_an_older_file_is_copied_before_the_upgrade(
    tmp_path: Path, open_database: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what was in it."""
    database = open_database(f"sqlite:///{tmp_path / 'vms.db'}")
    backups = tmp_path / "backups"
    assert ensure_current(database, backups).current is None
    assert not backups.exists(), "nothing was there to copy"
    assert ensure_current(database, backups).is_current
    monkeypatch.setattr("vms.database.backups.schema_state", older)
    ensure_current(database, backups)
    [copy] = backups.iterdir()
    assert copy.name.startswith("before-9999-")
    assert schema_state(open_database(f"sqlite:///{copy}")).is_current


def older(database: Database) -> object:
    state = schema_state(database)
    return type(state)(current=state.current, newest="9999", known=state.known | {"9999"})


def test_faults_are_found_in_tables(database: Database) -> None:
    load_tables()

    def spoil(unit: object) -> None:
        run = unit.connection.exec_driver_sql  # type: ignore[attr-defined]
        run("DROP INDEX ix_outbox_at_us")
        run("CREATE TABLE stranger (id INTEGER PRIMARY KEY, city VARCHAR(63))")

    database.run_sync(spoil, PLATFORM)
    faults = check(database)
    codes = {fault.code for fault in faults}
    text = " ".join(fault.detail for fault in faults)
    assert "schema_differs" in codes
    assert "ix_outbox_at_us" in text
    assert "stranger" in text
    assert ("table_unsecured" in codes) == (database.store.name == "postgresql")


def test_broken_references_are_found(tmp_path: Path, open_database: Open) -> None:
    path = tmp_path / "vms.db"
    database = open_database(f"sqlite:///{path}")
    upgrade(database)
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE a (id INTEGER PRIMARY KEY)")
        raw.execute("CREATE TABLE b (a INTEGER REFERENCES a (id))")
        raw.execute("INSERT INTO b VALUES (7)")
    raw.close()
    assert "reference_broken" in {fault.code for fault in check(database)}


def test_a_role_above_security_is_found(new_postgres: Make, open_database: Open) -> None:
    url = new_postgres("vms_template").replace("//vms@", "//postgres@")
    assert "role_above_security" in {fault.code for fault in check(open_database(url))}
