"""What one database thread does: run work in transactions on a connection it keeps."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from vms.database.losses import Loss, error_of
from vms.database.scope import Scope
from vms.database.unit import Line, Store, Unit
from vms.telemetry import get_logger, redact_text

log = get_logger(__name__)

# A lost race is run again so often; PostgreSQL's second try is alone and wins.
ATTEMPTS = 5
# After a call that the server did not answer, others are told so at once for a moment.
REST_S = 0.5

Listeners = dict[str, list[Callable[[], None]]]


@dataclass(slots=True, eq=False)
class Job:
    """Work that waits for a thread."""

    work: Callable[[Unit], Any]
    scope: Scope
    read: bool
    done: Callable[[Any, BaseException | None], None]
    is_wanted: Callable[[], bool]


class Outage:
    """What the threads of one database know together: since when it does not answer."""

    def __init__(self) -> None:
        self._until = 0.0
        self._lock = threading.Lock()

    def check(self) -> None:
        """Refuse at once while a call has just gone unanswered."""
        if time.monotonic() < self._until:
            raise error_of(Loss.GONE, "a call has just failed")

    def begin(self) -> None:
        """Note a call that went unanswered."""
        with self._lock:
            self._until = time.monotonic() + REST_S


class _Phase(Enum):
    CONNECT = auto()
    WORK = auto()
    COMMIT = auto()


class Worker:
    """One thread's share: a connection, and work on it one after the other."""

    def __init__(self, store: Store, outage: Outage, listeners: Listeners) -> None:
        self._store = store
        self._outage = outage
        self._listeners = listeners
        self._line: Line | None = None
        self._phase = _Phase.CONNECT

    def do(self, job: Job) -> Any:  # noqa: ANN401 - whatever the work returns
        """Run a job until it is done or its failure is final."""
        loss: Loss | None = None
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._once(job, repeat=loss is Loss.RACE)
            except BaseException as error:
                self._undo()
                loss = self._store.loss(error)
                if loss is None:
                    raise
                detail = redact_text(str(error).partition("\n")[0])
                if attempt == ATTEMPTS or not self._may_repeat(loss):
                    raise error_of(loss, detail) from error
                log.info("database_repeat", loss=loss.name.lower(), attempt=attempt, detail=detail)
        raise AssertionError("the last attempt returns or raises")

    def _once(self, job: Job, *, repeat: bool) -> Any:  # noqa: ANN401
        self._phase = _Phase.CONNECT
        line = self._line = self._line or self._connect()
        self._phase = _Phase.WORK
        line.begin(job.scope, read=job.read, repeat=repeat)
        unit = Unit(line, job.scope)
        try:
            value = job.work(unit)
        finally:
            unit.end()
        self._phase = _Phase.COMMIT
        line.commit()
        self._tell(unit.marks)
        return value

    def _connect(self) -> Line:
        self._outage.check()
        try:
            return self._store.connect()
        except BaseException as error:
            if self._store.loss(error) is Loss.GONE:
                self._outage.begin()
            raise

    def _may_repeat(self, loss: Loss) -> bool:
        """A race always; a broken connection unless it may have committed."""
        return loss is Loss.RACE or (loss is Loss.GONE and self._phase is _Phase.WORK)

    def _undo(self) -> None:
        if self._line is None:
            return
        try:
            self._line.rollback()
        except Exception as error:  # noqa: BLE001 - a connection that cannot roll back is of no use
            log.info("database_connection_dropped", detail=redact_text(str(error)))
            self.close()

    def _tell(self, marks: set[str]) -> None:
        for mark in marks:
            for listener in self._listeners.get(mark, ()):
                try:
                    listener()
                except Exception:  # what is committed stays committed
                    log.exception("commit_listener_failed", mark=mark)

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._line is not None:
            line, self._line = self._line, None
            line.close()
