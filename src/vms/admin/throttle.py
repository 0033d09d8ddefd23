"""Failed tries in the database: who must wait, and what a try costs.

A try is counted as failed before it is checked, and taken back when it was
good: so a hundred at the same time are a hundred tries, not one.
"""

import hashlib
import math
from dataclasses import dataclass

from vms.admin import lockout
from vms.admin.lockout import ATTACK_FORGET_S, FORGET_S, NO_TRIES, Tries
from vms.admin.store import sign_in as store
from vms.admin.store.sign_in import WHOLE_ACCOUNT
from vms.common import TooManyError
from vms.database import Unit


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: which account, from which source."""

    account: str
    source: str
    known_device: bool


def password_attempt(login: str, address: str, device: str | None) -> Attempt:
    """A try to sign in by password; ``device`` is one that the account knows."""
    source = lockout.source_of(address, device)
    return Attempt(_digest("login", login), source, device is not None)


def code_attempt(user_id: str, device: str | None) -> Attempt:
    """A try of a second factor.

    Only who has the password comes so far, so here all devices that the account
    does not know share one count: no number of networks helps a thief.
    """
    source = WHOLE_ACCOUNT if device is None else f"device:{device}"
    return Attempt(_digest("second factor", user_id), source, device is not None)


def own_password_attempt(user_id: str, session: str) -> Attempt:
    """A try of one's own password by who is signed in already."""
    return Attempt(_digest("own password", user_id), f"session:{session}", known_device=True)


def begin(unit: Unit, attempt: Attempt, now_us: int) -> float:
    """Count a try, or return how many seconds it must wait."""
    found = store.find_tries(unit, attempt.account, attempt.source)
    whole = store.tries_of(unit, attempt.account, WHOLE_ACCOUNT)
    source = found or Tries(0, now_us)
    wait = lockout.wait_s(source, whole, now_us, known_device=attempt.known_device)
    if wait > 0:
        if found is None:
            # From here on its wait runs, whatever others do.
            store.put_tries(unit, attempt.account, attempt.source, source)
        return wait
    failed = lockout.failed_again(source, now_us, FORGET_S)
    store.put_tries(unit, attempt.account, attempt.source, failed)
    if attempt.source != WHOLE_ACCOUNT:
        whole = lockout.failed_again(whole, now_us, ATTACK_FORGET_S)
        store.put_tries(unit, attempt.account, WHOLE_ACCOUNT, whole)
    return 0


def succeed(unit: Unit, attempt: Attempt) -> None:
    """Take a try back: it was good."""
    store.forget_tries(unit, attempt.account, attempt.source)
    whole = store.tries_of(unit, attempt.account, WHOLE_ACCOUNT)
    if whole != NO_TRIES:
        less = Tries(max(0, whole.failures - 1), whole.last_us)
        store.put_tries(unit, attempt.account, WHOLE_ACCOUNT, less)


def refuse(wait_s: float) -> TooManyError:
    """Say how long to wait."""
    seconds = math.ceil(wait_s)
    return TooManyError(
        f"too many failed tries; wait {seconds} s",
        code="sign_in_slowed",
        values={"wait_s": seconds},
    )


def _digest(kind: str, name: str) -> str:
    return hashlib.sha256(f"{kind}\n{name}".encode("utf-8", "surrogatepass")).hexdigest()
