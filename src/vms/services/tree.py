"""A process that is watched, and started again when it ends."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from vms.common import Clock, InternalError, UnavailableError, VmsError, error_of_kind
from vms.proto import Failed, Ready, Report
from vms.services.restart import RestartPolicy
from vms.telemetry import get_logger

log = get_logger(__name__)

START_LIMIT_S = 30.0
_reports: msgspec.json.Decoder[Report] = msgspec.json.Decoder(Report)


@dataclass(slots=True)
class Role:
    """What is started, and with which orders; orders are asked for at each start."""

    name: str
    module: str
    orders: Callable[[], msgspec.Struct]
    socket: int | None = None


@dataclass(slots=True)
class Child:
    """One process of the tree."""

    role: Role
    clock: Clock
    _policy: RestartPolicy = field(default_factory=RestartPolicy)
    _process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """The process's id."""
        if self._process is None:
            raise InternalError(f"{self.role.name} was asked for its id before it was started")
        return self._process.pid

    async def start(self) -> Ready:
        """Start the process; returns when it says it is ready."""
        read, write = os.pipe()
        handles = (write,) if self.role.socket is None else (write, self.role.socket)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *_command(self.role, write),
                stdin=asyncio.subprocess.PIPE,
                pass_fds=handles,
                # A terminal's Ctrl-C goes to the supervisor alone, which stops all in order.
                start_new_session=True,
            )
        finally:
            os.close(write)
        self._policy.started(self.clock.monotonic())
        log.info("process_started", role=self.role.name, pid=self._process.pid)
        await self._give_orders(self._process)
        return await self._hear(read)

    async def _give_orders(self, process: asyncio.subprocess.Process) -> None:
        if process.stdin is None:
            raise InternalError(f"{self.role.name} was started without a standard input")
        # A process that ended at once is noticed by its report, which is then missing.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            process.stdin.write(msgspec.json.encode(self.role.orders()))
            await process.stdin.drain()
            process.stdin.close()
            await process.stdin.wait_closed()

    async def _hear(self, read: int) -> Ready:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        pipe = os.fdopen(read, "rb", buffering=0)
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        try:
            async with asyncio.timeout(START_LIMIT_S):
                line = await reader.readline()
        except TimeoutError:
            raise UnavailableError(
                f"{self.role.name} was not ready within {START_LIMIT_S:.0f} s; its log says more",
                code="process_late",
            ) from None
        finally:
            transport.close()
        return self._understand(line)

    def _understand(self, line: bytes) -> Ready:
        if not line:
            raise InternalError(
                f"{self.role.name} ended before it was ready; its log says why",
                code="process_ended",
                values={"role": self.role.name},
            )
        report = _reports.decode(line)
        if isinstance(report, Failed):
            raise error_of_kind(report.kind, report.message, code=report.code, values=report.values)
        return report

    async def keep(self, on_ready: Callable[[Ready], None]) -> None:
        """Start the process again whenever it ends, for ever."""
        while True:
            code = await self._ended()
            pause = self._policy.pause(self.clock.monotonic())
            log.error("process_ended", role=self.role.name, code=code, pause_s=pause)
            await asyncio.sleep(pause)
            try:
                on_ready(await self.start())
            except VmsError as error:
                log.error("process_not_restarted", role=self.role.name, detail=error.message)  # noqa: TRY400
                self.kill()

    async def _ended(self) -> int:
        return await self._process.wait() if self._process is not None else 0

    def terminate(self) -> None:
        """Ask the process to stop."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the process without asking."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def wait(self) -> None:
        """Return when the process has ended."""
        await self._ended()


def _command(role: Role, ready: int) -> list[str]:
    command = [sys.executable, "-m", role.module, "--ready-fd", str(ready)]
    if role.socket is not None:
        command += ["--socket-fd", str(role.socket)]
    return command


async def stop_all(children: list[Child], limit_s: float) -> None:
    """Stop every process, and end those that take longer than ``limit_s``."""
    for child in children:
        child.terminate()
    waits = [asyncio.create_task(child.wait()) for child in children]
    if not waits:
        return
    _, late = await asyncio.wait(waits, timeout=limit_s)
    if late:
        for child in children:
            child.kill()
        await asyncio.wait(late)
