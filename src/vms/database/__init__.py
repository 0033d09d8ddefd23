"""The database: units of work, scopes, sealed secrets, the schema's version.

Contexts declare tables of SQLAlchemy Core on ``metadata`` and take a ``Unit``
in every function of their store.
"""

from vms.database.backups import (
    FOLDER as BACKUPS,
)
from vms.database.backups import (
    backup,
    backup_name,
    ensure_current,
    file_of,
    restore,
    suffix_of,
)
from vms.database.checks import Fault, check
from vms.database.database import Database, Work, database_url
from vms.database.folder import hold_folder
from vms.database.installation import check_vault
from vms.database.losses import is_unique_violation
from vms.database.migrate import SchemaState, require_current, schema_state, upgrade
from vms.database.schema import metadata
from vms.database.scope import PLATFORM, CityScope, PlatformScope, Scope
from vms.database.unit import Rows, Unit
from vms.database.vault import Vault, Where, new_key
from vms.database.versioned import insert_unique, update_versioned, version_conflict

__all__ = [
    "BACKUPS",
    "PLATFORM",
    "CityScope",
    "Database",
    "Fault",
    "PlatformScope",
    "Rows",
    "SchemaState",
    "Scope",
    "Unit",
    "Vault",
    "Where",
    "Work",
    "backup",
    "backup_name",
    "check",
    "check_vault",
    "database_url",
    "ensure_current",
    "file_of",
    "hold_folder",
    "insert_unique",
    "is_unique_violation",
    "metadata",
    "new_key",
    "require_current",
    "restore",
    "schema_state",
    "suffix_of",
    "update_versioned",
    "upgrade",
    "version_conflict",
]
