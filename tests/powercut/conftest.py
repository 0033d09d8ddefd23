"""The product under kills and full disks; the farm that cuts power is in the engine's own tests."""

import pytest

from farms import cameras, need_engine, scenes

__all__ = ["cameras", "scenes"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all of these."""
    need_engine(items, "powercut")
