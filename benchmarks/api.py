"""Rows about the API: one worker, its load in a process of its own, over a Unix socket."""

import contextlib
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from product import Usage

HERE = Path(__file__).parent
LISTENERS, EVENTS_A_SECOND = 1000, 100
# A worker and its thousand listeners need a handle each.
HANDLES = 8192


@dataclass(frozen=True)
class Worker:
    """A running API worker."""

    pid: int
    socket: Path


@contextlib.contextmanager
def worker(*args: str) -> Iterator[Worker]:
    """An API worker on a database of its own."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(HANDLES, most), most))
    with tempfile.TemporaryDirectory(prefix="vms-bench-") as folder:
        command = [sys.executable, str(HERE / "api_worker.py"), folder, *args]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                for line in process.stdout or ():
                    if line.strip() == "ready":
                        break
                yield Worker(process.pid, Path(folder) / "api.sock")
            finally:
                process.kill()


def listeners(seconds: float) -> tuple[dict[str, Any], float]:
    """What a thousand listeners saw, and the worker's cores meanwhile."""
    with worker(str(EVENTS_A_SECOND)) as running:
        command = [sys.executable, str(HERE / "listeners.py"), str(running.socket)]
        command += [str(LISTENERS), str(seconds)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
            lines = iter(client.stdout or ())
            next(lines)
            before = Usage.of(running.pid)
            report: dict[str, Any] = json.loads(next(lines))
            return report, Usage.of(running.pid).cores_since(before)


if __name__ == "__main__":
    print(listeners(10))
