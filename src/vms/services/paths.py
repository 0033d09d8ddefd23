"""Where processes of one installation meet: sockets, ``run.json``."""

import os
from pathlib import Path

from vms.common import InvalidError
from vms.engine import MAX_SOCKET_PATH, media_socket, runtime_folder

__all__ = [
    "MAX_SOCKET_PATH",
    "api_socket",
    "bus_socket",
    "far_socket",
    "frames_socket",
    "make_data_folder",
    "media_socket",
    "nodes_socket",
    "runtime_folder",
    "write_atomic",
]


def make_data_folder(path: str) -> Path:
    """Return the data folder, made where it is missing."""
    folder = Path(path)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidError(
            f"the data folder {folder} cannot be made: {error.strerror}",
            code="data_folder",
            values={"data": str(folder)},
        ) from None
    return folder


def frames_socket(data: Path) -> Path:
    """Return where the media process gives frames to workers that decode."""
    return runtime_folder(data) / "frames.sock"


def api_socket(data: Path) -> Path:
    """Return where the API workers answer the front."""
    return runtime_folder(data) / "api.sock"


def far_socket(data: Path) -> Path:
    """Return where the media process answers other nodes that have proved who they are."""
    return runtime_folder(data) / "far.sock"


def nodes_socket(data: Path) -> Path:
    """Return where the first API worker answers nodes that have proved who they are."""
    return runtime_folder(data) / "nodes.sock"


def bus_socket(data: Path) -> Path:
    """Return where the supervisor carries messages between processes."""
    return runtime_folder(data) / "bus.sock"


def write_atomic(path: Path, text: str) -> None:
    """Replace ``path``: a reader sees the old content or the new, never a part.

    It is for this user alone.
    """
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.touch(mode=0o600)
    new.write_text(text, encoding="utf-8")
    new.replace(path)
