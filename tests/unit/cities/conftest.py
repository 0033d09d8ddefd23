"""Cities over both stores."""

import pytest

from towns import Towns
from vms.database import Database


@pytest.fixture
def towns(database: Database) -> Towns:
    """No city yet, but the shipped plans."""
    return Towns(database)
