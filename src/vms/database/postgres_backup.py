"""Backups of PostgreSQL by its own programs, which must be installed."""

import os
import shutil
import subprocess
from pathlib import Path

from sqlalchemy.engine import URL

from vms.common import ConflictError, InvalidError, UnavailableError
from vms.database.scope import EVERY_CITY
from vms.telemetry import redact_text

# The name that ``postgres`` connects with.
_RUNNING = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND application_name = 'vms'"
)
# In the transaction of the restore, before anything else.
_EMPTY = """
DO $$ DECLARE t text; BEGIN
  FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema() LOOP
    EXECUTE format('DROP TABLE %I CASCADE', t);
  END LOOP;
END $$;
"""


def dump(url: URL, target: Path) -> None:
    """Write the whole database to ``target``, as it is at one moment."""
    arguments = ["--format=custom", "--no-owner", "--no-privileges", "--enable-row-security"]
    _run(url, "pg_dump", *arguments, f"--file={target}")


def version_of(source: Path) -> str | None:
    """Return the schema's version in a backup."""
    arguments = ["--data-only", "--table=alembic_version", "--file=-", str(source)]
    lines = _run(None, "pg_restore", *arguments).decode().splitlines()
    found = [
        lines[number + 1] for number, line in enumerate(lines) if line.startswith("COPY public.")
    ]
    return found[0] if found else None


def refuse_running(url: URL) -> None:
    """Raise while the product is connected, from whatever machine."""
    arguments = ["--no-psqlrc", "--tuples-only", "--no-align", "--command", _RUNNING]
    if int(_run(url, "psql", *arguments)) > 0:
        raise ConflictError(
            "the product is running on this database; stop every vms up first",
            code="database_in_use",
        )


def restore(url: URL, source: Path) -> None:
    """Replace everything by a backup, in one transaction."""
    script = _run(None, "pg_restore", "--no-owner", "--no-privileges", "--file=-", str(source))
    arguments = ["--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1"]
    _run(url, "psql", *arguments, given=_EMPTY.encode() + script)


def _run(url: URL | None, program: str, *arguments: str, given: bytes | None = None) -> bytes:
    """Run a program of PostgreSQL and return what it printed."""
    path = shutil.which(program)
    if path is None:
        raise UnavailableError(
            f"{program} is needed and is not installed (Debian: apt install postgresql-client)",
            code="program_missing",
            values={"program": program, "package": "postgresql-client"},
        )
    done = subprocess.run(
        [path, *arguments],
        input=given,
        stdin=subprocess.DEVNULL if given is None else None,
        capture_output=True,
        check=False,
        env={**os.environ, **(_environment(url) if url is not None else {})},
    )
    if done.returncode:
        why = redact_text(done.stderr.decode(errors="replace").strip())
        raise InvalidError(
            f"{program} failed: {why}",
            code="program_failed",
            values={"program": program, "why": why},
        )
    return done.stdout


def _environment(url: URL) -> dict[str, str]:
    """Return how the programs connect; a password must not stand on a command line."""
    query = {key: value for key, value in url.query.items() if isinstance(value, str)}
    given = {
        "PGHOST": url.host or query.get("host"),
        "PGPORT": str(url.port) if url.port else query.get("port"),
        "PGUSER": url.username or query.get("user"),
        "PGPASSWORD": url.password or query.get("password"),
        "PGDATABASE": url.database,
        "PGSSLMODE": query.get("sslmode"),
        "PGSSLROOTCERT": query.get("sslrootcert"),
        "PGSSLCERT": query.get("sslcert"),
        "PGSSLKEY": query.get("sslkey"),
        # All rows, of every city.
        "PGOPTIONS": f"-c vms.city={EVERY_CITY}",
    }
    return {key: value for key, value in given.items() if value is not None}
