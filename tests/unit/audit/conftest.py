"""The audit over both stores, and over SQLite alone where the store makes no difference."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from audits import Audit
from vms.database import Database


@pytest.fixture
def audit(database: Database) -> Audit:
    """An audit without lines, on both stores."""
    return Audit(database)


@pytest.fixture
def lite(sqlite_template: Path, tmp_path: Path, open_database: Callable[[str], Database]) -> Audit:
    """An audit without lines, on SQLite."""
    shutil.copyfile(sqlite_template, tmp_path / "vms.db")
    return Audit(open_database(f"sqlite:///{tmp_path / 'vms.db'}"))
