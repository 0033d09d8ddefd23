"""Sessions: see them, end them."""

from vms.admin import guard
from vms.admin.errors import session_unknown
from vms.admin.model import Function, Principal
from vms.admin.store import sign_in as store
from vms.admin.store.sign_in import SessionRow
from vms.admin.trace import Trace, thing_of
from vms.admin.views import Session
from vms.common import Clock
from vms.database import Database, Unit


class Sessions:
    """Lists and revokes sessions."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._trace = Trace(clock)

    async def list(self, who: Principal, user_id: str | None = None) -> tuple[Session, ...]:
        """Return one's own sessions, or those of another whom one may see."""

        own = user_id is None or guard.is_self(who, user_id)

        def work(unit: Unit) -> tuple[Session, ...]:
            home, of_user = who.home, user_id or guard.require_user(who)
            if own:
                guard.require_user(who)
            else:
                home = guard.visible_user(unit, who, of_user).home
                self._trace.line(unit, who, "session.list", thing_of(of_user), home)
            rows = store.sessions_of(unit, home, of_user, self._clock.utc_us())
            return tuple(_shown(row, who.session) for row in rows)

        return await self._database.run(work, who.scope, read=own)

    async def revoke(self, who: Principal, session_id: str) -> None:
        """End a session: one's own, or of another whom one manages."""

        def work(unit: Unit) -> None:
            row = store.session(unit, session_id)
            if row is None or row.revoked_us is not None:
                raise session_unknown(session_id)
            if guard.is_self(who, row.user_id):
                guard.require_user(who)
            else:
                guard.require_for(
                    who, Function.USER_MANAGE, row.city, lambda: session_unknown(session_id)
                )
                guard.manageable(unit, who, row.user_id)
            self._end(unit, who, row.city, row.user_id, session_id)

        await self._database.run(work, who.scope)

    async def revoke_all(self, who: Principal, user_id: str | None = None) -> int:
        """End all sessions of a user; of one's own, all but the one that asks."""

        def work(unit: Unit) -> int:
            home, of_user = who.home, user_id or guard.require_user(who)
            if guard.is_self(who, of_user):
                guard.require_user(who)
            else:
                home = guard.manageable(unit, who, of_user).home
            return end_sessions(
                unit, self._trace, who, home, of_user, self._clock.utc_us(), keep=who.session
            )

        return await self._database.run(work, who.scope)

    def _end(self, unit: Unit, who: Principal, home: str, user: str, session_id: str) -> None:
        store.revoke_sessions(unit, home, [session_id], self._clock.utc_us())
        self._trace.line(unit, who, "session.revoke", f"session:{session_id}", home, user=user)
        self._trace.session_revoked(unit, home, user, session_id)


def end_sessions(
    unit: Unit,
    trace: Trace,
    who: Principal,
    home: str,
    user_id: str,
    now_us: int,
    *,
    keep: str | None = None,
) -> int:
    """End a user's sessions but one, and his half-done sign-ins; return how many ended."""
    rows = store.sessions_of(unit, home, user_id, now_us)
    ids = [row.id for row in rows if row.id != keep]
    store.revoke_sessions(unit, home, ids, now_us)
    store.remove_tickets(unit, home, user_id)
    for session_id in ids:
        trace.line(unit, who, "session.revoke", f"session:{session_id}", home, user=user_id)
        trace.session_revoked(unit, home, user_id, session_id)
    return len(ids)


def _shown(row: SessionRow, current: str | None) -> Session:
    return Session(
        id=row.id,
        user=row.user_id,
        agent=row.agent,
        address=row.address,
        second_factor=row.second_factor,
        created_us=row.created_us,
        used_us=row.used_us,
        expires_us=row.expires_us,
        current=row.id == current,
    )
