"""The vectors for the tests: their folders, keys and parts."""

import json
import shutil
from functools import cache
from pathlib import Path
from typing import Any

from reference.recording.report import Report
from reference.recording.verify import verify
from reference.recording.writer import public

FOLDER = Path(__file__).parent / "vectors" / "recording"
DAY = "cameras/gate/2026-11-27"
LEDGER = "cameras/gate/ledger.vms-idx"


@cache
def folder(case: str) -> Path:
    """Return the folder of a case."""
    return next(path.parent for path in FOLDER.rglob("vector.json") if path.parent.name == case)


@cache
def vector(case: str) -> dict[str, Any]:
    """Return the inputs of a case."""
    found: dict[str, Any] = json.loads((folder(case) / "vector.json").read_text())
    return found


def root(case: str) -> Path:
    """Return the volume of a case."""
    return folder(case) / "root"


def copy(case: str, to: Path) -> Path:
    """Return a copy of the volume of a case."""
    return Path(shutil.copytree(root(case), to / case))


@cache
def pinned(case: str) -> bytes:
    """Return the public key that a caller trusts."""
    return public(vector(case)["keys"]["k1"])


def judge(case: str, volume: Path | dict[str, bytes] | None = None) -> Report:
    """Verify a case, or a copy of it, with its keys."""
    keys = {name: bytes.fromhex(key) for name, key in vector(case)["master_keys"].items()}
    return verify(volume or root(case), "gate", pinned(case), keys)


def flip(path: Path, at: int, bit: int = 1) -> None:
    """Change one bit of a file."""
    data = bytearray(path.read_bytes())
    data[at] ^= bit
    path.write_bytes(data)
