"""What the audit costs: CPU of this process for recording, sealing and verifying lines.

On PostgreSQL, a server of our own for the run, its work is not in the figures.

    benchmarks/audit_seal.py [LINES]     default 10000
"""

import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

from audits import ROOT, Audit
from databases import Server, with_tables
from vms.database import Database

LINES = 10_000


@dataclass(frozen=True)
class Cost:
    """CPU in microseconds for each line, and how long the sealing took."""

    lines: int
    record_us: float
    seal_us: float
    verify_us: float
    seals: int
    sealed_s: float

    def __str__(self) -> str:
        return (
            f"seal {self.seal_us:.0f}, record {self.record_us:.0f}, verify {self.verify_us:.0f} us "
            f"of CPU a line; {self.lines} lines sealed in {self.sealed_s:.2f} s, {self.seals} seals"
        )


async def _cpu_s(work: Callable[[], Awaitable[object]]) -> float:
    begun = time.process_time()
    await work()
    return time.process_time() - begun


async def _measure(url: str, lines: int) -> Cost:
    database = Database.open(url, threads=1)
    audit = Audit(database)
    try:
        recorded = await _cpu_s(lambda: audit.write(lines))
        begun = time.monotonic()
        sealed = await _cpu_s(audit.sealer.seal_waiting)
        sealed_s = time.monotonic() - begun
        verified = await _cpu_s(lambda: audit.trail.verify(ROOT, "sp"))
        report = await audit.verify()
    finally:
        database.close()
    if not report.intact or report.lines != lines:
        raise RuntimeError(f"{report.fault_count} faults in {report.lines} lines")
    each = 1_000_000 / lines
    return Cost(lines, recorded * each, sealed * each, verified * each, report.seals, sealed_s)


@contextlib.contextmanager
def _sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="vms-bench-") as folder:
        yield f"sqlite:///{folder}/vms.db"


@contextlib.contextmanager
def _postgresql() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="vms-pg-") as folder:
        server = Server(Path(folder))
        server.make()
        server.start()
        try:
            server.admin("CREATE ROLE vms LOGIN")
            yield server.new_database()
        finally:
            server.stop()


STORES = {"sqlite": _sqlite, "postgresql": _postgresql}


def measure(store: str, lines: int = LINES) -> Cost:
    """Record, seal and verify lines in an empty database."""
    # The making of a key is a warning; the table is printed to the same place.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with STORES[store]() as url:
        with_tables(url)
        return asyncio.run(_measure(url, lines))


if __name__ == "__main__":
    for name in STORES:
        print(f"{name}: {measure(name, int(sys.argv[1]) if len(sys.argv) > 1 else LINES)}")
