"""Somebody must always be able to manage the platform."""

from vms.admin.model import EVERY_FUNCTION, PLATFORM_HOME, Held, Rights
from vms.admin.store import people
from vms.admin.views import User
from vms.common import ConflictError
from vms.database import Unit


def admins(unit: Unit) -> list[User]:
    """Return who can sign in and holds everything on the platform."""
    return [
        account.user
        for account in people.users_of_home(unit, PLATFORM_HOME)
        if account.user.enabled
        and account.password is not None
        and _holds_all(people.held_by_user(unit, PLATFORM_HOME, account.user.id))
    ]


def require_one(unit: Unit, changed_home: str) -> None:
    """Refuse a change of a home's people after which nobody could manage the platform.

    Called after the change, in its transaction: it is undone by what this raises.
    """
    if changed_home == PLATFORM_HOME and not admins(unit):
        raise ConflictError(
            "this would leave the platform without anybody who can manage it; "
            "make another admin first",
            code="last_admin",
        )


def _holds_all(held: list[Held]) -> bool:
    rights = Rights(held)
    return all(rights.allow(function, None, None, ()) for function in EVERY_FUNCTION)
