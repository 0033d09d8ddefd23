"""Listening Unix sockets that only this user may open."""

import os
import socket
from pathlib import Path

BACKLOG = 512


def listen_unix(path: Path) -> socket.socket:
    """Return a listening socket at ``path``; what an earlier process left is replaced."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(os.fspath(path))
    path.chmod(0o600)
    listener.listen(BACKLOG)
    return listener
