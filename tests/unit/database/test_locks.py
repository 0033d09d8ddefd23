"""What other processes do to the file of SQLite while this one uses it."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from vms.database import PLATFORM, Database, Unit

LOOK = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute({sql!r}); c.close()"


def test_a_process_that_comes_and_goes_takes_nothing_along(
    tmp_path: Path, sqlite_template: Path, open_database: Callable[[str, int], Database]
) -> None:
    """The last one to close the file removes its log; it must see that we are still here.

    POSIX forgets a process's locks on a file as soon as it closes that file once, by
    whichever handle (https://www.sqlite.org/howtocorrupt.html, section 2.2).
    """
    path = tmp_path / "vms.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = open_database(f"sqlite:///{path}", 4)

    def write(unit: Unit) -> None:
        unit.connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS kept (n INTEGER)")
        unit.connection.exec_driver_sql("INSERT INTO kept VALUES (1)")

    # Each thread opens a connection of its own, the later ones beside those before.
    for _ in range(20):
        database.run_sync(write, PLATFORM)
    sql = "SELECT count(*) FROM sqlite_master"
    subprocess.run([sys.executable, "-c", LOOK.format(sql=sql), path], check=True, timeout=30)
    assert path.with_name("vms.db-wal").exists()
    database.run_sync(write, PLATFORM)
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT count(*) FROM kept").fetchone() == (21,)
    other.close()
