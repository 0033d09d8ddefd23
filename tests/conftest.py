"""Fixtures for every test."""

from hypothesis import settings

from databases import (
    database,
    database_address,
    empty_url,
    new_postgres,
    open_database,
    postgres,
    sqlite_template,
)
from signing_keys import spare_keys
from undisturbed import pytest_runtest_protocol, pytest_terminal_summary

__all__ = [
    "database",
    "database_address",
    "empty_url",
    "new_postgres",
    "open_database",
    "postgres",
    "pytest_runtest_protocol",
    "pytest_terminal_summary",
    "spare_keys",
    "sqlite_template",
]

# A busy machine is no fault of the example.
settings.register_profile("vms", deadline=None)
settings.load_profile("vms")
