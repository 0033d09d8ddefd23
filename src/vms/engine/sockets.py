"""Where the media process of a data folder answers, for whoever asks it."""

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from vms.common import ForbiddenError, InternalError

# A Unix socket's path has 108 bytes on Linux and 104 elsewhere, its end included.
MAX_SOCKET_PATH = 100
LONGEST_NAME = "frames.sock"


def runtime_folder(data: Path) -> Path:
    """Return the folder of the sockets, made so that only this user may open it.

    It is ``DATA/run``. Where that path is too long for a socket, a short one
    that follows from it is used instead.
    """
    folder = data / "run"
    if len(os.fsencode(folder / LONGEST_NAME)) > MAX_SOCKET_PATH:
        name = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
        base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
        folder = Path(base) / f"vms-{os.getuid()}-{name}"
    if len(os.fsencode(folder / LONGEST_NAME)) > MAX_SOCKET_PATH:
        raise InternalError(f"{folder} is too long for a Unix socket; choose a shorter --data")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _own(folder)
    return folder


def _own(folder: Path) -> None:
    """Refuse a folder that somebody else put there; close ours to others."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise ForbiddenError(
            f"{folder} is not a folder of this user; remove it or choose another --data",
            code="runtime_folder_foreign",
            values={"folder": str(folder)},
        )
    folder.chmod(0o700)


def media_socket(data: Path) -> Path:
    """Return where the media process answers gRPC."""
    return runtime_folder(data) / "media.sock"
