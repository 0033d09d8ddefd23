"""The steward of the processes that transcode: starts one where the engine wants it.

The engine decides who may see and hear, when a worker is wanted and when it is let go; here only
processes are started and their ends are read. It stands here and not beside the workers because
the media process, which runs it, decodes nothing and loads nothing that does.
"""

import asyncio
import contextlib
import socket
from dataclasses import dataclass, field
from pathlib import Path

from vms.common import bare, worker_command
from vms.telemetry import get_logger

log = get_logger(__name__)

RETRY_S = 1.0
# A worker that was let go has ended by then, or is ended.
END_S = 3.0
# By the kind that the engine names.
MODULES = {"sound": "vms.transcode.sound", "picture": "vms.transcode.video"}


@dataclass(slots=True)
class TranscodeSteward:
    """At most one process of a kind a stream; the engine lets go of those that nobody needs."""

    # Where the engine hands out frames.
    frames: Path
    # By what the engine asks for: the kind and the stream.
    _works: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def run(self) -> None:
        """Start workers as long as the engine asks; never returns."""
        try:
            while True:
                try:
                    await self._serve()
                except OSError as error:
                    log.warning("transcodes_unasked", detail=str(error))
                await asyncio.sleep(RETRY_S)
        finally:
            works = list(self._works.values())
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)

    async def _serve(self) -> None:
        reader, writer = await asyncio.open_unix_connection(str(self.frames))
        try:
            writer.write(b"transcode\n")
            await writer.drain()
            while line := await reader.readline():
                self._start(line.decode().strip())
        finally:
            writer.close()

    def _start(self, wanted: str) -> None:
        before = self._works.get(wanted)
        work = asyncio.get_running_loop().create_task(self._work(wanted, before))
        self._works[wanted] = work
        work.add_done_callback(lambda _: self._forget(wanted, work))

    def _forget(self, wanted: str, work: asyncio.Task[None]) -> None:
        if self._works.get(wanted) is work:
            del self._works[wanted]

    async def _work(self, wanted: str, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            # The engine has let go of it and it is about to end.
            await asyncio.wait({before}, timeout=END_S)
            before.cancel()
        kind, _, stream = wanted.partition(" ")
        try:
            process = await self._worker(kind, stream)
        except OSError as error:
            log.error(  # noqa: TRY400
                "transcode_worker_not_started", kind=kind, stream=stream, detail=str(error)
            )
            return
        log.info("transcode_worker_started", kind=kind, stream=stream, pid=process.pid)
        try:
            code = await process.wait()
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        ended = log.info if code == 0 else log.error
        ended("transcode_worker_ended", kind=kind, stream=stream, pid=process.pid, code=code)

    async def _worker(self, kind: str, stream: str) -> asyncio.subprocess.Process:
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_UNIX) as engine:
            engine.setblocking(False)
            await loop.sock_connect(engine, str(self.frames))
            await loop.sock_sendall(engine, f"{kind} {stream}\n".encode())
            engine.setblocking(True)
            return await asyncio.create_subprocess_exec(
                *worker_command(MODULES[kind], str(engine.fileno())),
                **bare(),
                pass_fds=[engine.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
            )
