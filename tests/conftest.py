"""Fixtures for every test."""

from databases import (
    database,
    database_address,
    empty_url,
    new_postgres,
    open_database,
    postgres,
    sqlite_template,
)

__all__ = [
    "database",
    "database_address",
    "empty_url",
    "new_postgres",
    "open_database",
    "postgres",
    "sqlite_template",
]
