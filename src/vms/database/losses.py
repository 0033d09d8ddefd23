"""What a driver's error means to us, whichever driver it was."""

from enum import Enum, auto

from sqlalchemy.exc import DBAPIError, IntegrityError

from vms.common import UnavailableError, VmsError


class Loss(Enum):
    """Why a transaction could not be done, where the work itself is not to blame."""

    RACE = auto()
    GONE = auto()
    FULL = auto()
    SLOW = auto()
    DAMAGED = auto()


_WORDS = {
    Loss.RACE: ("database_busy", "the database was busy with other changes for too long"),
    Loss.GONE: ("database_unavailable", "the database does not answer"),
    Loss.FULL: ("disk_full", "the disk of the database is full"),
    Loss.SLOW: ("database_timeout", "the database took too long for one statement"),
    Loss.DAMAGED: ("database_damaged", "the database file is damaged; restore a backup"),
}


def error_of(loss: Loss, detail: str) -> VmsError:
    """Return what callers get to see; nothing of it is the caller's fault."""
    code, words = _WORDS[loss]
    return UnavailableError(f"{words}: {detail}", code=code)


def driver_error(error: BaseException) -> BaseException:
    """Return the driver's own error, out of SQLAlchemy's wrapping."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return error.orig
    return error


# SQLSTATE of PostgreSQL, extended result codes of SQLite (UNIQUE, PRIMARYKEY, ROWID).
_UNIQUE_SQLSTATE = "23505"
_UNIQUE_SQLITE = frozenset({2067, 1555, 2579})


def is_unique_violation(error: IntegrityError) -> bool:
    """Say whether a row with this key was there already."""
    original = driver_error(error)
    return (
        getattr(original, "sqlstate", None) == _UNIQUE_SQLSTATE
        or getattr(original, "sqlite_errorcode", None) in _UNIQUE_SQLITE
    )
