"""The database: work runs in threads of its own, one transaction a call."""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from vms.common import InternalError, InvalidError, UnavailableError
from vms.database.losses import Loss, error_of
from vms.database.scope import Scope
from vms.database.sqlite import SqliteStore
from vms.database.unit import Store, Unit
from vms.database.worker import Job, Listeners, Outage, Worker
from vms.telemetry import redact_text

T = TypeVar("T")
Work = Callable[[Unit], T]

FILE_NAME = "vms.db"
# More waiting work than this is refused: it would be answered too late to matter.
LONGEST_QUEUE = 1_000


def database_url(configured: str, data: Path) -> str:
    """Return the address of an installation's database: SQLite where none is configured."""
    return configured or f"sqlite:///{data.absolute() / FILE_NAME}"


class Database:
    """Runs work in transactions; made by ``open``, ended by ``close``."""

    def __init__(self, store: Store, threads: int) -> None:
        self.store = store
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._listeners: Listeners = {}
        self._closed = False
        outage = Outage()
        self._threads = [
            threading.Thread(
                target=self._serve,
                args=(Worker(store, outage, self._listeners),),
                name=f"database-{number}",
                daemon=True,
            )
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    @classmethod
    def open(cls, url: str, *, threads: int = 4) -> "Database":
        """Return the database at ``url``; nothing is connected before the first work."""
        return cls(store_of(url), threads)

    async def run(self, work: Work[T], scope: Scope, *, read: bool = False) -> T:
        """Run ``work`` in one transaction and return what it returns.

        ``read`` promises that it changes nothing; it then never waits for writers.
        The work has no effect but through its unit, because it may run several
        times. Who stops waiting does not stop work that has begun.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def done(value: T, error: BaseException | None) -> None:
            # A loop that has ended has nobody left who waits.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_settle, future, value, error)

        self._submit(Job(work, scope, read, done, lambda: not future.cancelled()))
        return await future

    def run_sync(self, work: Work[T], scope: Scope, *, read: bool = False) -> T:
        """Run ``work`` as ``run`` does and wait: for commands, never inside an event loop."""
        if threading.current_thread() in self._threads:
            raise InternalError("work must use its unit, not begin another one")
        answers: queue.SimpleQueue[tuple[T, BaseException | None]] = queue.SimpleQueue()
        self._submit(
            Job(work, scope, read, lambda value, error: answers.put((value, error)), lambda: True)
        )
        value, error = answers.get()
        if error is not None:
            raise error
        return value

    def on_commit(self, mark: str, listener: Callable[[], None]) -> None:
        """Call ``listener``, in a database thread, after each commit that carries ``mark``."""
        self._listeners.setdefault(mark, []).append(listener)

    def close(self) -> None:
        """Finish the work that waits and close every connection."""
        if self._closed:
            return
        self._closed = True
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def _submit(self, job: Job) -> None:
        if self._closed:
            raise UnavailableError("the database is closed", code="database_unavailable")
        if self._jobs.qsize() >= LONGEST_QUEUE:
            raise error_of(Loss.RACE, f"{LONGEST_QUEUE} units of work are waiting")
        self._jobs.put(job)

    def _serve(self, worker: Worker) -> None:
        """Be one of the threads."""
        while (job := self._jobs.get()) is not None:
            if not job.is_wanted():
                continue
            try:
                value = worker.do(job)
            except BaseException as error:  # noqa: BLE001 - it belongs to who asked
                job.done(None, error)
            else:
                job.done(value, None)
        worker.close()


def _settle(future: "asyncio.Future[T]", value: T, error: BaseException | None) -> None:
    if future.cancelled():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(value)


def store_of(url: str) -> Store:
    """Return what runs work at ``url``, or say what an address looks like."""
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == SqliteStore.name:
            return SqliteStore(parsed)
        if parsed.get_backend_name() == "postgresql":
            # Its driver is loaded where it is used: 7 MB of each process.
            from vms.database.postgres import PostgresStore  # noqa: PLC0415

            return PostgresStore(parsed.set(drivername="postgresql+psycopg"))
    except (ArgumentError, ValueError) as error:
        raise _refused(url, redact_text(str(error))) from None
    raise _refused(url, "it must begin with sqlite:/// or postgresql+psycopg://")


def _refused(url: str, why: str) -> InvalidError:
    shown = redact_text(url)
    return InvalidError(
        f"database.url = {shown!r} is refused: {why}",
        code="database_url",
        values={"url": shown, "why": why},
    )
