"""Fixtures of tests that run the product with simulated cameras."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from product import MAIN, SUB, Farm, farm
from vms.transcode import ensure_scene


def need_engine(items: list[pytest.Item], folder: str) -> None:
    """Mark the tests of a folder, and leave them out where the engine is not built."""
    built = importlib.util.find_spec("vms._engine") is not None
    for item in items:
        if folder in Path(item.path).parts:
            item.add_marker(pytest.mark.engine)
            if not built:
                item.add_marker(pytest.mark.skip(reason="vms._engine is not built"))


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two small scenes."""
    folder = tmp_path_factory.mktemp("scenes")
    return ensure_scene(folder, MAIN), ensure_scene(folder, SUB)


@pytest.fixture(scope="session")
def cameras(scenes: tuple[Path, Path]) -> Iterator[Farm]:
    """A farm for all tests that do no harm to it."""
    with farm(scenes) as made:
        yield made
