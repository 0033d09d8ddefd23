"""A bounded pool of worker processes: a job at a time each, none where there is nothing to do."""

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass, field

from vms.common import Clock, InvalidError, UnavailableError, bare, worker_command
from vms.telemetry import get_logger
from vms.transcode.jobs import LENGTH, MAX_MESSAGE, Answer, Job, Refused, Still, pack, read_answer

log = get_logger(__name__)

JOB_LIMIT_S = 10.0
IDLE_S = 60.0
# So many workers may die in a minute before no new one is started.
DEATHS, DEATHS_S = 10, 60.0


@dataclass(slots=True)
class _Worker:
    process: asyncio.subprocess.Process

    async def do(self, message: bytes) -> Answer:
        jobs, answers = self.process.stdin, self.process.stdout
        if jobs is None or answers is None:
            raise UnavailableError("a picture worker was started without its pipes")
        jobs.write(message)
        await jobs.drain()
        (size,) = LENGTH.unpack(await answers.readexactly(LENGTH.size))
        return read_answer(await answers.readexactly(size))

    async def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()


@dataclass(slots=True)
class WorkerPool:
    """Workers of one process: started when needed, ended when idle or stuck."""

    size: int
    clock: Clock
    job_limit_s: float = JOB_LIMIT_S
    idle_s: float = IDLE_S
    # They have the processor only while nobody else wants it.
    lowly: bool = False
    _free: list[_Worker] = field(default_factory=list)
    _turns: asyncio.Semaphore = field(init=False)
    _deaths: deque[float] = field(default_factory=deque)
    _reaper: asyncio.TimerHandle | None = None
    _tasks: set[asyncio.Task[Answer]] = field(default_factory=set)
    _ends: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        if self.size < 1:
            raise InvalidError(f"a pool of {self.size} workers: at least 1 is needed")
        self._turns = asyncio.Semaphore(self.size)

    async def run(self, job: Job) -> Still:
        """Have a job done. Who is cancelled while he waits costs nothing."""
        message = pack(job)
        if len(message) > MAX_MESSAGE:
            raise InvalidError(f"a job of {len(message)} bytes: {MAX_MESSAGE} are allowed")
        await self._turns.acquire()
        task = asyncio.get_running_loop().create_task(self._do(message))
        self._tasks.add(task)
        task.add_done_callback(self._done)
        # A job that runs is ended by nobody who asked: its worker is soon free again.
        answer = await asyncio.shield(task)
        if isinstance(answer, Refused):
            raise InvalidError(answer.message, code=answer.code)
        return answer

    def _done(self, task: asyncio.Task[Answer]) -> None:
        self._tasks.discard(task)
        self._turns.release()
        if not task.cancelled():
            # Whoever asked may be gone: an error nobody reads was logged already.
            task.exception()

    async def _do(self, message: bytes) -> Answer:
        worker = self._free.pop() if self._free else await self._start()
        try:
            async with asyncio.timeout(self.job_limit_s):
                answer = await worker.do(message)
        except (TimeoutError, asyncio.IncompleteReadError, OSError):
            await self._lost(worker)
            raise UnavailableError(
                "a worker that decodes video ended or took too long over a picture;"
                " others go on, ask again",
                code="picture_worker_lost",
            ) from None
        except asyncio.CancelledError:
            await worker.end()
            raise
        self._free.append(worker)
        self._look_later()
        return answer

    async def close(self) -> None:
        """End every worker."""
        if self._reaper is not None:
            self._reaper.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._end_idle()
        await asyncio.gather(*self._ends)

    async def _start(self) -> _Worker:
        now = self.clock.monotonic()
        while self._deaths and now - self._deaths[0] > DEATHS_S:
            self._deaths.popleft()
        if len(self._deaths) >= DEATHS:
            raise UnavailableError(
                f"{DEATHS} workers that decode video ended within a minute; the log of the API"
                " says why, the next try is possible in a minute",
                code="picture_workers_lost",
            )
        process = await asyncio.create_subprocess_exec(
            *worker_command("vms.transcode.worker", *(["lowly"] if self.lowly else [])),
            **bare(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        return _Worker(process)

    async def _lost(self, worker: _Worker) -> None:
        await worker.end()
        self._deaths.append(self.clock.monotonic())
        log.error("picture_worker_lost", pid=worker.process.pid, code=worker.process.returncode)

    def _look_later(self) -> None:
        if self._reaper is not None:
            self._reaper.cancel()
        self._reaper = asyncio.get_running_loop().call_later(self.idle_s, self._end_idle)

    def _end_idle(self) -> None:
        free, self._free = self._free, []
        for worker in free:
            task = asyncio.get_running_loop().create_task(worker.end())
            self._ends.add(task)
            task.add_done_callback(self._ends.discard)
