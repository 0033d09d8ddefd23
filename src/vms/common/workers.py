"""How a process is begun that decodes what cameras send: told nothing but where its modules lie."""

import os
import sys
from typing import TypedDict


class Surroundings(TypedDict):
    """What such a process finds."""

    cwd: str
    env: dict[str, str]


def worker_command(module: str, *words: str) -> list[str]:
    """Return the command; the worker ends with this process, whose number it is told first."""
    return [sys.executable, "-m", module, str(os.getpid()), *words]


def bare() -> Surroundings:
    """Return the surroundings: nothing of what this process was told."""
    return {"cwd": "/", "env": {"PYTHONPATH": os.pathsep.join(sys.path)}}
