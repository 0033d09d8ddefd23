"""Simulated cameras, and the product that shows them."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from product import MAIN, SUB, Farm, Product, farm, running
from vms.transcode import ensure_scene


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all of these, and leave them out where the engine is not built."""
    built = importlib.util.find_spec("vms._engine") is not None
    for item in items:
        if "integration" in Path(item.path).parts:
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


@pytest.fixture
def product(cameras: Farm, tmp_path: Path) -> Iterator[Product]:
    """``vms up --open`` with two cameras, live."""
    flags = ["up", "--open"]
    flags += ["--camera", cameras.camera("gate", 1, sub=True)]
    flags += ["--camera", cameras.camera("yard", 2)]
    with running(flags, tmp_path / "data", tmp_path / "log") as made:
        made.wait_live("gate/main", "gate/sub", "yard/main")
        yield made
