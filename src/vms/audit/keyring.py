"""The sealing keys of an installation: kept in the database, opened by the vault alone."""

from vms.audit import store
from vms.audit.keys import PublicKey, SigningKey
from vms.audit.model import SYSTEM, AuditEntry, line_of
from vms.audit.store import StoredKey
from vms.common import Clock, InternalError, new_id
from vms.database import Unit, Vault, Where
from vms.telemetry import get_logger

log = get_logger(__name__)

KEY_MADE = "audit.key_made"


def signing_key(unit: Unit, vault: Vault, clock: Clock) -> SigningKey:
    """Return the newest key that the vault can open; make one where there is none."""
    for stored in store.stored_keys(unit):
        key = _opened(stored, vault)
        if key is not None:
            return key
    return _make(unit, vault, clock)


def own_keys(unit: Unit, vault: Vault) -> dict[str, PublicKey]:
    """Return the public keys by fingerprint.

    A key counts only when its private half opens and fits: whoever can write to
    the database but has not the vault's key cannot add one of his own.
    """
    opened = (_opened(stored, vault) for stored in store.stored_keys(unit))
    return {key.fingerprint: key.public for key in opened if key is not None}


def _make(unit: Unit, vault: Vault, clock: Clock) -> SigningKey:
    key = SigningKey.new()
    now_us = clock.utc_us()
    sealed = vault.seal(key.private_bytes(), _where(key.fingerprint))
    store.write_key(unit, StoredKey(key.fingerprint, key.public.hex, sealed), now_us)
    entry = AuditEntry(actor=SYSTEM, action=KEY_MADE, object=f"audit_key:{key.fingerprint}")
    store.insert_line(unit, line_of(entry, new_id(), now_us))
    log.warning("audit_key_made", fingerprint=key.fingerprint)
    return key


def _opened(stored: StoredKey, vault: Vault) -> SigningKey | None:
    try:
        key = SigningKey.from_private(vault.open(stored.private, _where(stored.fingerprint)))
    except (InternalError, ValueError) as error:
        log.warning("audit_key_unusable", fingerprint=stored.fingerprint, reason=str(error))
        return None
    return key if (key.fingerprint, key.public.hex) == (stored.fingerprint, stored.public) else None


def _where(fingerprint: str) -> Where:
    return ("audit_keys", "private", fingerprint)
