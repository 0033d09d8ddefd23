"""Simulated cameras, and the product that shows them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from farms import cameras, need_engine, scenes
from product import Farm, Product, running

__all__ = ["cameras", "scenes"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all of these."""
    need_engine(items, "integration")


@pytest.fixture
def product(cameras: Farm, tmp_path: Path) -> Iterator[Product]:
    """``vms up --open`` with two cameras, live."""
    flags = ["up", "--open"]
    flags += ["--camera", cameras.camera("gate", 1, sub=True)]
    flags += ["--camera", cameras.camera("yard", 2)]
    with running(flags, tmp_path / "data", tmp_path / "log") as made:
        made.wait_live("gate/main", "gate/sub", "yard/main")
        yield made
