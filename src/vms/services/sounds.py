"""The steward of the processes that transcode sound: starts one where the engine wants it.

The engine decides who may hear, when a worker is wanted and when it is let go; here only
processes are started and their ends are read. It stands here and not beside the workers because
the media process, which runs it, decodes nothing and loads nothing that does.
"""

import asyncio
import contextlib
import os
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path

from vms.telemetry import get_logger

log = get_logger(__name__)

RETRY_S = 1.0
# A worker that was let go has ended by then, or is ended.
END_S = 3.0


@dataclass(slots=True)
class SoundSteward:
    """At most one process a stream; the engine lets go of those that nobody needs."""

    # Where the engine hands out frames and sound.
    frames: Path
    _works: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def run(self) -> None:
        """Start workers as long as the engine asks; never returns."""
        try:
            while True:
                try:
                    await self._serve()
                except OSError as error:
                    log.warning("sound_unasked", detail=str(error))
                await asyncio.sleep(RETRY_S)
        finally:
            works = list(self._works.values())
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)

    async def _serve(self) -> None:
        reader, writer = await asyncio.open_unix_connection(str(self.frames))
        try:
            writer.write(b"sound\n")
            await writer.drain()
            while line := await reader.readline():
                self._start(line.decode().strip())
        finally:
            writer.close()

    def _start(self, stream: str) -> None:
        before = self._works.get(stream)
        work = asyncio.get_running_loop().create_task(self._work(stream, before))
        self._works[stream] = work
        work.add_done_callback(lambda _: self._forget(stream, work))

    def _forget(self, stream: str, work: asyncio.Task[None]) -> None:
        if self._works.get(stream) is work:
            del self._works[stream]

    async def _work(self, stream: str, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            # The engine has let go of it and it is about to end.
            await asyncio.wait({before}, timeout=END_S)
            before.cancel()
        try:
            process = await self._worker(stream)
        except OSError as error:
            log.error("sound_worker_not_started", stream=stream, detail=str(error))  # noqa: TRY400
            return
        log.info("sound_worker_started", stream=stream, pid=process.pid)
        try:
            code = await process.wait()
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        ended = log.info if code == 0 else log.error
        ended("sound_worker_ended", stream=stream, pid=process.pid, code=code)

    async def _worker(self, stream: str) -> asyncio.subprocess.Process:
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_UNIX) as engine:
            engine.setblocking(False)
            await loop.sock_connect(engine, str(self.frames))
            await loop.sock_sendall(engine, f"sound {stream}\n".encode())
            engine.setblocking(True)
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "vms.transcode.sound",
                str(os.getpid()),
                str(engine.fileno()),
                pass_fds=[engine.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
                cwd="/",
                # Where our modules lie, and nothing of what this process was told.
                env={"PYTHONPATH": os.pathsep.join(sys.path)},
            )
