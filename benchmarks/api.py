"""Rows about the API: one worker, its load in a process of its own, over a Unix socket."""

import contextlib
import json
import re
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from product import Usage

HERE = Path(__file__).parent
LISTENERS, EVENTS_A_SECOND = 1000, 100
# A worker and its thousand listeners need a handle each.
HANDLES = 8192
WARM, REQUESTS = 300, 2000
LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
sys.path.append(str(HERE.parent / "tests"))


@dataclass(frozen=True)
class Worker:
    """A running API worker."""

    pid: int
    socket: Path
    said: str


@contextlib.contextmanager
def worker(program: str, *args: str) -> Iterator[Worker]:
    """An API worker in a folder of its own, with what it says when it is ready."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(HANDLES, most), most))
    with tempfile.TemporaryDirectory(prefix="vms-bench-") as folder:
        command = [sys.executable, str(HERE / program), folder, *args]
        with subprocess.Popen(
            [part.format(folder=folder) for part in command],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            try:
                lines = (line.split() for line in process.stdout or ())
                said = next(words for words in lines if words[:1] == ["ready"])
                yield Worker(process.pid, Path(folder) / "api.sock", said[-1])
            finally:
                process.kill()


def listeners(seconds: float) -> tuple[dict[str, Any], float]:
    """What a thousand listeners saw, and the worker's cores meanwhile."""
    with worker("api_worker.py", str(EVENTS_A_SECOND)) as running:
        command = [sys.executable, str(HERE / "listeners.py"), str(running.socket)]
        command += [str(LISTENERS), str(seconds)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
            lines = iter(client.stdout or ())
            next(lines)
            before = Usage.of(running.pid)
            report: dict[str, Any] = json.loads(next(lines))
            return report, Usage.of(running.pid).cores_since(before)


@dataclass(frozen=True)
class Cost:
    """What one request cost."""

    cpu_ms: float
    wall_ms: float
    body_bytes: int


def list_cameras(store: str) -> Cost:
    """The CPU of a worker for a list of 50 cameras, token and limits included."""
    if store == "sqlite":
        with worker("api_list.py", "sqlite:///{folder}/vms.db") as running:
            return _ask(running)
    from databases import running_server  # noqa: PLC0415 - the tests' own, found by the path above

    with running_server() as server, worker("api_list.py", server.new_database()) as running:
        return _ask(running)


def _ask(running: Worker) -> Cost:
    request = (
        f"GET /api/v1/cameras?limit=50 HTTP/1.1\r\nHost: bench\r\n"
        f"x-vms-client: 192.0.2.7\r\nAuthorization: Bearer {running.said}\r\n\r\n"
    ).encode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.connect(str(running.socket))
        for _ in range(WARM):
            _answer(line, request)
        before, begun = Usage.of(running.pid), time.monotonic()
        for _ in range(REQUESTS):
            size = _answer(line, request)
        took, after = time.monotonic() - begun, Usage.of(running.pid)
    cpu_ms = (after.cpu_s - before.cpu_s) / REQUESTS * 1000
    return Cost(cpu_ms, took / REQUESTS * 1000, size)


def _answer(line: socket.socket, request: bytes) -> int:
    """Asks once; the size of the body."""
    line.sendall(request)
    data = line.recv(1 << 16)
    if not data.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(data[:400].decode(errors="replace"))
    head, _, body = data.partition(b"\r\n\r\n")
    found = LENGTH.search(head)
    size = int(found[1]) if found else 0
    missing = size - len(body)
    while missing > 0:
        missing -= len(line.recv(1 << 16))
    return size
