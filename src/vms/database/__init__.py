"""The database: units of work, scopes, sealed secrets, the schema's version.

Contexts declare tables of SQLAlchemy Core on ``metadata`` and take a ``Unit``
in every function of their store.
"""

from vms.database.database import Database, Work, database_url
from vms.database.losses import is_unique_violation
from vms.database.migrate import SchemaState, require_current, schema_state, upgrade
from vms.database.schema import metadata
from vms.database.scope import PLATFORM, CityScope, PlatformScope, Scope
from vms.database.unit import Rows, Unit
from vms.database.vault import Vault, Where, new_key
from vms.database.versioned import insert_unique, update_versioned, version_conflict

__all__ = [
    "PLATFORM",
    "CityScope",
    "Database",
    "PlatformScope",
    "Rows",
    "SchemaState",
    "Scope",
    "Unit",
    "Vault",
    "Where",
    "Work",
    "database_url",
    "insert_unique",
    "is_unique_violation",
    "metadata",
    "new_key",
    "require_current",
    "schema_state",
    "update_versioned",
    "upgrade",
    "version_conflict",
]
