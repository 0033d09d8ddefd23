"""The product under those who mean it harm."""

import pytest

from farms import cameras, need_engine, scenes

__all__ = ["cameras", "scenes"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all of these."""
    need_engine(items, "hostile")
