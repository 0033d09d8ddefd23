"""What an installation knows of itself: so far, that its secret key is the right one."""

from sqlalchemy import Column, LargeBinary, String, Table, insert, select, update

from vms.database.database import Database
from vms.database.schema import metadata
from vms.database.scope import PLATFORM
from vms.database.unit import Unit
from vms.database.vault import Vault

installation = Table(
    "installation",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

_NAME = "vault"
_PLAIN = b"vms"
_WHERE = (installation.name, "value", _NAME)


def check_vault(database: Database, vault: Vault) -> None:
    """Refuse, before anything is sealed or opened, a secret key that is not this database's."""
    database.run_sync(lambda unit: _check(unit, vault), PLATFORM)


def _check(unit: Unit, vault: Vault) -> None:
    row = installation.c.name == _NAME
    sealed = unit.execute(select(installation.c.value).where(row)).scalar_one_or_none()
    if sealed is None:
        unit.execute(insert(installation).values(name=_NAME, value=vault.seal(_PLAIN, _WHERE)))
        return
    vault.open(bytes(sealed), _WHERE)
    if not vault.is_current(bytes(sealed)):
        unit.execute(update(installation).where(row).values(value=vault.seal(_PLAIN, _WHERE)))
