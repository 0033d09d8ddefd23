"""What sealing the audit costs: prints one row for each store.

    benchmarks/audit_seal.py [LINES]     default 10000

CPU seconds of this process for recording, sealing and verifying; on PostgreSQL
the server's own work is not in them. PostgreSQL is started for the run when it
is installed.
"""

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from audits import ROOT, Audit
from databases import Server, with_tables
from vms.database import Database

LINES = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000


async def cpu_us(work: Callable[[], Awaitable[object]]) -> float:
    """Return the CPU time of a piece of work for each line, in microseconds."""
    begun = time.process_time()
    await work()
    return (time.process_time() - begun) / LINES * 1_000_000


async def measure(name: str, url: str) -> None:
    """Record, seal and verify, and print what each cost."""
    database = Database.open(url, threads=1)
    audit = Audit(database)
    try:
        recorded = await cpu_us(lambda: audit.write(LINES))
        begun = time.monotonic()
        sealed = await cpu_us(audit.sealer.seal_waiting)
        took = time.monotonic() - begun
        verified = await cpu_us(lambda: audit.trail.verify(ROOT, "sp"))
        report = await audit.verify()
        assert report.intact  # noqa: S101
        assert report.lines == LINES  # noqa: S101
        print(
            f"| audit, {LINES} lines, {name} | seal {sealed:.0f}, record {recorded:.0f}, "
            f"verify {verified:.0f} us of CPU a line; sealed in {took:.2f} s, "
            f"{report.seals} seals | |"
        )
    finally:
        database.close()


@contextmanager
def sqlite() -> Iterator[str]:
    """An empty database in a file."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/vms.db"
        with_tables(url)
        yield url


@contextmanager
def postgresql() -> Iterator[str]:
    """An empty database of a server of our own."""
    with tempfile.TemporaryDirectory(prefix="vms-pg-") as folder:
        server = Server(Path(folder))
        server.make()
        server.start()
        try:
            server.admin("CREATE ROLE vms LOGIN")
            url = server.new_database()
            with_tables(url)
            yield url
        finally:
            server.stop()


def main() -> None:
    """Measure each store there is."""
    print("| work | measured | |\n|---|---|---|")
    with sqlite() as url:
        asyncio.run(measure("SQLite", url))
    if shutil.which("initdb") or list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        with postgresql() as url:
            asyncio.run(measure("PostgreSQL", url))


if __name__ == "__main__":
    main()
