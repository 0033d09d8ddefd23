"""The data folder belongs to one process at a time: the supervisor, or a restore."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from vms.common import ConflictError

LOCK_NAME = "vms.lock"


@contextlib.contextmanager
def hold_folder(data: Path) -> Iterator[None]:
    """Hold the data folder; refused while another process does. A killed one lets go."""
    with (data / LOCK_NAME).open("w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConflictError(
                f"another vms up runs on {data}; stop it or choose another --data",
                code="data_in_use",
                values={"data": str(data)},
            ) from None
        yield
