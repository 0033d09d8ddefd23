"""Tries, tickets, sessions with their refresh tokens, devices and recovery codes."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from sqlalchemy import RowMapping, and_, delete, insert, select, update

from vms.admin.lockout import NO_TRIES, Tries
from vms.admin.store import tables
from vms.admin.store.rows import by_id, visible
from vms.database import Unit

_tries, _tickets, _sessions = tables.sign_in_tries, tables.sign_in_tickets, tables.sessions
_refresh, _devices, _codes = tables.refresh_tokens, tables.devices, tables.recovery_codes

# The source that stands for an account as a whole.
WHOLE_ACCOUNT = ""


def find_tries(unit: Unit, account: str, source: str) -> Tries | None:
    """Return the failures of a source at an account."""
    row = unit.execute(
        select(_tries.c.failures, _tries.c.last_us).where(
            _tries.c.account == account, _tries.c.source == source
        )
    ).one_or_none()
    return None if row is None else Tries(row.failures, row.last_us)


def tries_of(unit: Unit, account: str, source: str) -> Tries:
    """Return the failures of a source, or that there are none."""
    return find_tries(unit, account, source) or NO_TRIES


def put_tries(unit: Unit, account: str, source: str, tries: Tries) -> None:
    """Write the failures of a source."""
    where = and_(_tries.c.account == account, _tries.c.source == source)
    values = asdict(tries)
    if not unit.execute(update(_tries).where(where).values(**values)).rowcount:
        unit.execute(insert(_tries).values(account=account, source=source, **values))


def forget_tries(unit: Unit, account: str, source: str) -> None:
    """Let a source begin anew."""
    unit.execute(delete(_tries).where(_tries.c.account == account, _tries.c.source == source))


@dataclass(frozen=True, slots=True)
class TicketRow:
    """A sign-in that waits for its second factor."""

    city: str
    hash: str
    user_id: str
    tries: int
    expires_us: int


def add_ticket(unit: Unit, ticket: TicketRow) -> None:
    """Write a ticket."""
    unit.execute(insert(_tickets).values(**asdict(ticket)))


def ticket(unit: Unit, ticket_hash: str) -> TicketRow | None:
    """Return a ticket."""
    where = and_(visible(unit, _tickets), _tickets.c.hash == ticket_hash)
    row = unit.execute(select(_tickets).where(where)).mappings().one_or_none()
    return None if row is None else TicketRow(**row)


def count_ticket_try(unit: Unit, found: TicketRow) -> None:
    """Count a try with a ticket."""
    where = and_(_tickets.c.city == found.city, _tickets.c.hash == found.hash)
    unit.execute(update(_tickets).where(where).values(tries=found.tries + 1))


def remove_tickets(unit: Unit, home: str, user_id: str) -> None:
    """Delete a user's tickets: one was used, or his password changed."""
    where = and_(_tickets.c.city == home, _tickets.c.user_id == user_id)
    unit.execute(delete(_tickets).where(visible(unit, _tickets), where))


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session as it is stored."""

    city: str
    id: str
    user_id: str
    device_id: str
    agent: str
    address: str
    second_factor: bool
    created_us: int
    used_us: int
    expires_us: int
    revoked_us: int | None = None


def _session(row: RowMapping) -> SessionRow:
    return SessionRow(**row)


def add_session(unit: Unit, session: SessionRow) -> None:
    """Write a session."""
    unit.execute(insert(_sessions).values(**asdict(session)))


def session(unit: Unit, session_id: str) -> SessionRow | None:
    """Return a session, ended ones too."""
    row = by_id(unit, _sessions, session_id)
    return None if row is None else _session(row)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a request must know of its session: read at least every second by each worker."""

    user_id: str
    # Whether the session's second factor was proved, and whether its user has one.
    proved: bool
    enrolled: bool


_STANDING = """
    SELECT s.user_id, s.second_factor, u.totp_enrolled FROM sessions s
    JOIN users u ON u.city = s.city AND u.id = s.user_id
    WHERE s.city = :city AND s.id = :id
    AND s.revoked_us IS NULL AND s.expires_us > :now_us AND u.enabled
"""


def standing(unit: Unit, home: str, session_id: str, now_us: int) -> Standing | None:
    """Return how a session stands; nothing where it has ended or its user is disabled."""
    if unit.scope.city not in {None, home}:
        return None
    rows = unit.rows(_STANDING, {"city": home, "id": session_id, "now_us": now_us})
    return Standing(rows[0][0], bool(rows[0][1]), bool(rows[0][2])) if rows else None


def sessions_of(unit: Unit, home: str, user_id: str, now_us: int) -> list[SessionRow]:
    """Return the sessions of a user that last, the newest first."""
    where = and_(
        _sessions.c.city == home,
        _sessions.c.user_id == user_id,
        _sessions.c.revoked_us.is_(None),
        _sessions.c.expires_us > now_us,
    )
    found = unit.execute(
        select(_sessions).where(visible(unit, _sessions), where).order_by(_sessions.c.id.desc())
    )
    return [_session(row) for row in found.mappings()]


def revoke_sessions(unit: Unit, home: str, ids: Iterable[str], now_us: int) -> None:
    """End sessions and forget their refresh tokens."""
    for session_id in ids:
        where = and_(_sessions.c.city == home, _sessions.c.id == session_id)
        unit.execute(
            update(_sessions).where(visible(unit, _sessions), where).values(revoked_us=now_us)
        )
        of_it = and_(_refresh.c.city == home, _refresh.c.session_id == session_id)
        unit.execute(delete(_refresh).where(visible(unit, _refresh), of_it))


def prove_second_factor(unit: Unit, home: str, session_id: str) -> None:
    """Note that a session's second factor was proved."""
    where = and_(_sessions.c.city == home, _sessions.c.id == session_id)
    unit.execute(
        update(_sessions).where(visible(unit, _sessions), where).values(second_factor=True)
    )


@dataclass(frozen=True, slots=True)
class RefreshRow:
    """A refresh token as it is stored."""

    city: str
    hash: str
    session_id: str
    created_us: int
    used_us: int | None = None


def add_refresh(unit: Unit, token: RefreshRow) -> None:
    """Write a refresh token."""
    unit.execute(insert(_refresh).values(**asdict(token)))


def refresh(unit: Unit, token_hash: str) -> RefreshRow | None:
    """Return a refresh token, used or not."""
    where = and_(visible(unit, _refresh), _refresh.c.hash == token_hash)
    row = unit.execute(select(_refresh).where(where)).mappings().one_or_none()
    return None if row is None else RefreshRow(**row)


def use_refresh(unit: Unit, token: RefreshRow, now_us: int) -> bool:
    """Use a refresh token up; of two who try at once, one wins."""
    where = and_(
        _refresh.c.city == token.city,
        _refresh.c.hash == token.hash,
        _refresh.c.used_us.is_(None),
    )
    return unit.execute(update(_refresh).where(where).values(used_us=now_us)).rowcount == 1


def touch_session(
    unit: Unit, found: SessionRow, now_us: int, expires_us: int, address: str
) -> None:
    """Note that a session was used, and from where."""
    where = and_(_sessions.c.city == found.city, _sessions.c.id == found.id)
    unit.execute(
        update(_sessions)
        .where(where)
        .values(used_us=now_us, expires_us=expires_us, address=address)
    )


def knows_device(unit: Unit, home: str, user_id: str, device: str) -> bool:
    """Tell whether a user has signed in from a device before."""
    where = and_(
        _devices.c.city == home, _devices.c.user_id == user_id, _devices.c.device_id == device
    )
    return unit.execute(select(_devices.c.first_us).where(where)).one_or_none() is not None


def note_device(unit: Unit, home: str, user_id: str, device: str, now_us: int) -> bool:
    """Note that a user signed in from a device; tell whether for the first time."""
    where = and_(
        _devices.c.city == home, _devices.c.user_id == user_id, _devices.c.device_id == device
    )
    if unit.execute(update(_devices).where(where).values(last_us=now_us)).rowcount:
        return False
    values = {"city": home, "user_id": user_id, "device_id": device}
    unit.execute(insert(_devices).values(**values, first_us=now_us, last_us=now_us))
    return True


def forget_devices(unit: Unit, home: str, user_id: str, keep: str | None) -> None:
    """Forget a user's devices but one."""
    where = and_(_devices.c.city == home, _devices.c.user_id == user_id)
    other = and_(where, _devices.c.device_id != (keep or ""))
    unit.execute(delete(_devices).where(visible(unit, _devices), other))


def put_recovery_codes(unit: Unit, home: str, user_id: str, hashes: Iterable[str]) -> None:
    """Replace a user's recovery codes."""
    where = and_(_codes.c.city == home, _codes.c.user_id == user_id)
    unit.execute(delete(_codes).where(visible(unit, _codes), where))
    rows = [{"city": home, "user_id": user_id, "hash": one, "used_us": None} for one in hashes]
    if rows:
        unit.execute(insert(_codes), rows)


def use_recovery_code(unit: Unit, home: str, user_id: str, code_hash: str, now_us: int) -> bool:
    """Use a recovery code up; tell whether it was good."""
    where = and_(
        _codes.c.city == home,
        _codes.c.user_id == user_id,
        _codes.c.hash == code_hash,
        _codes.c.used_us.is_(None),
    )
    return unit.execute(update(_codes).where(where).values(used_us=now_us)).rowcount == 1


def tidy(unit: Unit, now_us: int, *, refresh_us: int, tries_us: int, sessions_us: int) -> int:
    """Delete what is of no use any more; return how many rows."""
    gone = [
        delete(_tickets).where(_tickets.c.expires_us <= now_us),
        delete(_refresh).where(_refresh.c.used_us <= now_us - refresh_us),
        delete(_tries).where(_tries.c.last_us <= now_us - tries_us),
        delete(_sessions).where(_sessions.c.expires_us <= now_us - sessions_us),
    ]
    return sum(unit.execute(statement).rowcount for statement in gone)
