"""Whether a code proves a user's second factor, and that none proves it twice."""

from vms.admin import totp
from vms.admin.store import people
from vms.admin.store import sign_in as store
from vms.admin.store.people import Account
from vms.database import Unit, Vault


def where(user_id: str) -> tuple[str, ...]:
    """Return the place that a user's secret is sealed for."""
    return ("users", "totp_secret", user_id)


def proves(unit: Unit, vault: Vault, account: Account, code: str, now_us: int) -> bool:
    """Use a one-time code or a recovery code up; tell whether it was good."""
    user = account.user
    if totp.is_recovery_code(code):
        hashed = totp.recovery_hash(code)
        return store.use_recovery_code(unit, user.home, user.id, hashed, now_us)
    return proves_step(unit, vault, account, code, now_us)


def proves_step(unit: Unit, vault: Vault, account: Account, code: str, now_us: int) -> bool:
    """Use a one-time code up; tell whether it was good."""
    user = account.user
    if account.totp_secret is None:
        return False
    secret = vault.open(account.totp_secret, where(user.id))
    step = totp.matching_step(secret, code, now_us, account.totp_step)
    return step is not None and people.use_totp_step(unit, user.home, user.id, step)
