"""Fixtures of the tests about people."""

from collections.abc import AsyncIterator

import pytest

from people import TownHall
from vms.database import Database


@pytest.fixture
async def town(database: Database) -> AsyncIterator[TownHall]:
    """The services over an empty database: on SQLite, then on PostgreSQL."""
    town = TownHall(database)
    await town.people.start()
    yield town
    town.people.close()
