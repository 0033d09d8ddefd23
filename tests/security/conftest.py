"""Installations to attack."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sites import Site, site_over


@pytest.fixture
async def site(database_address: str, tmp_path: Path) -> AsyncIterator[Site]:
    """An installation on SQLite, then on PostgreSQL."""
    async with site_over(database_address, tmp_path / "data") as made:
        yield made


@pytest.fixture
async def small_site(sqlite_template: Path, tmp_path: Path) -> AsyncIterator[Site]:
    """An installation on SQLite, for what no database tells apart."""
    shutil.copyfile(sqlite_template, tmp_path / "vms.db")
    async with site_over(f"sqlite:///{tmp_path / 'vms.db'}", tmp_path / "data") as made:
        yield made
