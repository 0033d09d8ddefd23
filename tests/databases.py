"""Databases for tests: files of SQLite, and one server of PostgreSQL a run.

A test that takes ``database`` runs twice, on each with every table and no rows.
The server listens on a Unix socket in a folder of its own and nowhere else. The
product signs in as a role that is no superuser, so row-level security binds it.
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg
import pytest

from vms.database import Database, upgrade

# PostgreSQL refuses to run as root; Debian's package makes this user.
SERVER_USER = "postgres"
SUPERUSER = "postgres"
ROLE = "vms"
TEMPLATE = "vms_template"
START_LIMIT_S = 60.0
# Tests ask for speed, not for what is left after a power cut.
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "autovacuum": "off",
    "dynamic_shared_memory_type": "mmap",
}
# Keeps a server until it is told to stop. Where whoever started it was killed, the
# pipe ends without a word: then the files go too. INT is PostgreSQL's "fast" shutdown.
_KEEPER = """
"$@" & server=$!
read -r word
kill -INT $server
wait $server
[ -n "$word" ] || rm -rf "$0"
"""
# Room for the server's files in memory, where a new database takes a tenth of the time.
MEMORY = Path("/dev/shm")  # noqa: S108
MEMORY_BYTES = 512 << 20


def programs() -> Path:
    """Return the folder of PostgreSQL's programs."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not folders:
        raise RuntimeError("PostgreSQL is missing: make postgresql")
    return folders[-1].parent


def _user() -> str | None:
    return SERVER_USER if os.getuid() == 0 else None


@dataclass(slots=True)
class Server:
    """One server of PostgreSQL."""

    folder: Path
    _process: subprocess.Popen[bytes] | None = None
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _made: list[str] = field(default_factory=list)

    def make(self) -> None:
        """Write the files of a new server."""
        if _user() is not None:
            shutil.chown(self.folder, SERVER_USER, SERVER_USER)
        command = [programs() / "initdb", "-D", self.data, "-U", SUPERUSER, "-A", "trust"]
        command += ["-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run(
            command, user=_user(), cwd=self.folder, check=True, stdout=subprocess.DEVNULL
        )

    @property
    def data(self) -> Path:
        """Where the server keeps its files."""
        return self.folder / "data"

    def start(self) -> None:
        """Start the server; returns when it takes connections."""
        options = [part for key, value in SETTINGS.items() for part in ("-c", f"{key}={value}")]
        with (self.folder / "log").open("ab") as log:
            server = [programs() / "postgres", "-D", self.data, "-k", self.folder, *options]
            self._process = subprocess.Popen(
                ["sh", "-c", _KEEPER, self.folder, *server],
                user=_user(),
                cwd=self.folder,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_LIMIT_S
        while True:
            try:
                psycopg.connect(self.dsn("postgres")).close()
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self.folder / "log").read_text()) from None
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        """End the server, cutting every connection."""
        if self._process is not None:
            self._process.communicate(b"stop\n", timeout=30)
            self._process = None

    def dsn(self, database: str, user: str = SUPERUSER) -> str:
        """Return how the driver connects."""
        return f"host={self.folder} dbname={database} user={user}"

    def url(self, database: str) -> str:
        """Return how the product connects: as a role without privileges."""
        return f"postgresql+psycopg://{ROLE}@/{database}?host={self.folder}"

    def admin(self, *statements: str, database: str = "postgres") -> None:
        """Run statements as the superuser."""
        with psycopg.connect(self.dsn(database), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def new_database(self, template: str | None = None) -> str:
        """Make a database, empty or a copy of ``template``, and return its address."""
        name = f"vms_{next(self._numbers)}"
        copied = f" TEMPLATE {template} STRATEGY file_copy" if template else ""
        self.admin(f"CREATE DATABASE {name} OWNER {ROLE}{copied}")
        self._made.append(name)
        return self.url(name)

    def drop_made(self) -> None:
        """Remove the databases that were made so far."""
        made, self._made = self._made, []
        self.admin(*(f"DROP DATABASE {name} WITH (FORCE)" for name in made))


@contextmanager
def running_server() -> Iterator[Server]:
    """A new server with the product's role, ended and removed afterwards."""
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_BYTES
    with tempfile.TemporaryDirectory(prefix="vms-pg-", dir=MEMORY if roomy else None) as folder:
        server = Server(Path(folder))
        server.make()
        server.start()
        try:
            server.admin(f"CREATE ROLE {ROLE} LOGIN")
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """The run's server, with a template that has every table."""
    with running_server() as server:
        server.admin(f"CREATE DATABASE {TEMPLATE} OWNER {ROLE}")
        with_tables(server.url(TEMPLATE))
        yield server


@pytest.fixture
def new_postgres(postgres: Server) -> Iterator[Callable[..., str]]:
    """Makes databases on the run's server that last as long as the test."""
    yield postgres.new_database
    postgres.drop_made()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that has every table."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    with_tables(f"sqlite:///{path}")
    return path


def with_tables(url: str) -> None:
    """Make every table in an empty database."""
    database = Database.open(url, threads=1)
    upgrade(database)
    database.close()


STORES = ("sqlite", "postgresql")


@pytest.fixture(params=STORES)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'vms.db'}"
    made: str = request.getfixturevalue("new_postgres")()
    return made


@pytest.fixture(params=STORES)
def database_address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database with every table and no rows."""
    if request.param == "sqlite":
        path = tmp_path / "vms.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        return f"sqlite:///{path}"
    made: str = request.getfixturevalue("new_postgres")(TEMPLATE)
    return made


@pytest.fixture
def open_database() -> Iterator[Callable[[str], Database]]:
    """Opens databases that are closed after the test."""
    opened: list[Database] = []

    def open_(url: str, threads: int = 2) -> Database:
        opened.append(Database.open(url, threads=threads))
        return opened[-1]

    yield open_
    for database in opened:
        database.close()


@pytest.fixture
def database(database_address: str, open_database: Callable[[str], Database]) -> Database:
    """A database with every table and no rows: on SQLite, then on PostgreSQL."""
    return open_database(database_address)
