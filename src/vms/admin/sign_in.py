"""Signing in, the second factor, renewing and signing out.

Whoever fails gets one answer, and it costs the same, whether the login exists,
is disabled, or has another password.
"""

import hashlib
import secrets
from dataclasses import dataclass

from vms.admin import throttle
from vms.admin.codes import proves
from vms.admin.drafts import SignInDraft, Visit, is_login
from vms.admin.errors import second_factor_failed, session_ended, sign_in_failed
from vms.admin.guard import require_session
from vms.admin.keyring import KeyRing
from vms.admin.model import PLATFORM_HOME, Principal, is_city
from vms.admin.passwords import Passwords
from vms.admin.ports import Places
from vms.admin.principals import rights_of
from vms.admin.store import people
from vms.admin.store import sign_in as store
from vms.admin.store.people import Account
from vms.admin.store.sign_in import RefreshRow, SessionRow, TicketRow
from vms.admin.trace import Trace, thing_of
from vms.admin.views import Ticket, Tokens, User
from vms.common import Clock, ConflictError, UnauthenticatedError, VmsError, new_id
from vms.database import PLATFORM, Database, Unit, Vault

SECOND_US = 1_000_000
TICKET_LASTS_US = 300 * SECOND_US
TICKET_TRIES = 5
# A session that is not used ends after the first, any session after the second.
IDLE_US = 12 * 3600 * SECOND_US
LONGEST_US = 30 * 86_400 * SECOND_US
# Two tabs of a browser may renew at once: for so long the later one is no thief.
GRACE_US = 10 * SECOND_US
LONGEST_LOGIN = 64
LONGEST_AGENT = 200


@dataclass(frozen=True, slots=True)
class _Candidate:
    """Who may be signing in, and how the try is counted."""

    attempt: throttle.Attempt
    account: Account | None
    wait_s: float = 0


@dataclass(frozen=True, slots=True)
class _Opened:
    """A session that was just opened or renewed, with its refresh token."""

    session: SessionRow
    user: User
    refresh: str
    must_enrol: bool


class SignIn:
    """Opens, renews and ends sessions."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        clock: Clock,
        keyring: KeyRing,
        passwords: Passwords,
        places: Places,
    ) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._keyring = keyring
        self._passwords = passwords
        self._places = places
        self._trace = Trace(clock)

    async def sign_in(self, draft: SignInDraft, visit: Visit) -> Tokens | Ticket:
        """Check a password; open a session, or ask for the second factor."""
        login = draft.login.strip().lower()[: LONGEST_LOGIN + 1]
        candidate = await self._database.run(
            lambda unit: self._candidate(unit, login, draft.city, visit), PLATFORM
        )
        if candidate.wait_s:
            raise throttle.refuse(candidate.wait_s)
        account = candidate.account
        hashed = None if account is None else account.password
        good = await self._passwords.matches(
            draft.password, hashed, known=candidate.attempt.known_device
        )
        if not good or account is None or hashed is None or not account.user.enabled:
            await self._database.run(
                lambda unit: self._note_refusal(unit, account, visit), PLATFORM
            )
            raise sign_in_failed()
        fresh = None
        if self._passwords.is_outdated(hashed):
            fresh = await self._passwords.hash(draft.password)
        outcome = await self._database.run(
            lambda unit: self._after_password(unit, candidate, hashed, fresh, visit), PLATFORM
        )
        return outcome if isinstance(outcome, Ticket) else await self._tokens(outcome)

    async def second_factor(self, ticket: str, code: str, visit: Visit) -> Tokens:
        """Check a one-time code or a recovery code, and open the session."""
        outcome = await self._database.run(
            lambda unit: self._check_code(unit, ticket, code, visit), PLATFORM
        )
        if isinstance(outcome, VmsError):
            raise outcome
        return await self._tokens(outcome)

    async def refresh(self, token: str, visit: Visit) -> Tokens:
        """Exchange a refresh token for new tokens. A used one ends the session."""
        outcome = await self._database.run(lambda unit: self._renew(unit, token, visit), PLATFORM)
        if isinstance(outcome, VmsError):
            raise outcome
        return await self._tokens(outcome)

    async def sign_out(self, who: Principal) -> None:
        """End the session that asks."""
        session = require_session(who, enrolling=True)

        def work(unit: Unit) -> None:
            now_us = self._clock.utc_us()
            store.revoke_sessions(unit, who.home, [session], now_us)
            self._trace.line(unit, who, "session.end", f"session:{session}", who.home)
            self._trace.session_revoked(unit, who.home, who.id, session)

        await self._database.run(work, who.scope)

    def _candidate(self, unit: Unit, login: str, city: str, visit: Visit) -> _Candidate:
        possible = is_login(login) and (not city or is_city(city))
        found = people.accounts_of_login(unit, login, city or None) if possible else []
        account = _chosen(found)
        device = self._known_device(unit, account, visit)
        attempt = throttle.password_attempt(login, visit.address, device)
        wait = throttle.begin(unit, attempt, self._clock.utc_us())
        return _Candidate(attempt, account, wait)

    def _known_device(self, unit: Unit, account: Account | None, visit: Visit) -> str | None:
        device = self._keyring.device_of(visit.device)
        if device is None or account is None:
            return None
        user = account.user
        return device if store.knows_device(unit, user.home, user.id, device) else None

    def _note_refusal(self, unit: Unit, account: Account | None, visit: Visit) -> None:
        # Never what was typed: people type their password into the wrong field.
        home = PLATFORM_HOME if account is None else account.user.home
        thing = "user" if account is None else thing_of(account.user.id)
        self._trace.line(unit, visit, "session.refuse", thing, home, outcome="denied")

    def _after_password(
        self, unit: Unit, candidate: _Candidate, hashed: str, fresh: str | None, visit: Visit
    ) -> _Opened | Ticket:
        account = candidate.account
        assert account is not None  # noqa: S101 - the password matched
        account = people.account(unit, account.user.id)
        user = account.user
        if account.password != hashed or not user.enabled:
            # Changed since it was checked.
            raise sign_in_failed()
        if user.home != PLATFORM_HOME:
            self._places.check_active(unit, user.home)
        if fresh is not None:
            people.set_secrets(unit, user.home, user.id, {"password": fresh})
        if user.second_factor:
            return self._ask_second_factor(unit, user)
        throttle.succeed(unit, candidate.attempt)
        return self._open(unit, user, visit, proved=False)

    def _ask_second_factor(self, unit: Unit, user: User) -> Ticket:
        ticket = secrets.token_urlsafe(32)
        expires_us = self._clock.utc_us() + TICKET_LASTS_US
        row = TicketRow(user.home, _hash("ticket", ticket), user.id, 0, expires_us)
        store.add_ticket(unit, row)
        return Ticket(ticket=ticket, expires_us=expires_us)

    def _check_code(self, unit: Unit, ticket: str, code: str, visit: Visit) -> _Opened | VmsError:
        now_us = self._clock.utc_us()
        row = store.ticket(unit, _hash("ticket", ticket))
        if row is None or row.expires_us <= now_us or row.tries >= TICKET_TRIES:
            return UnauthenticatedError("sign in again", code="ticket_invalid")
        account = people.account(unit, row.user_id)
        user = account.user
        device = self._known_device(unit, account, visit)
        attempt = throttle.code_attempt(user.id, device)
        wait = throttle.begin(unit, attempt, now_us)
        if wait:
            return throttle.refuse(wait)
        if not user.enabled or not proves(unit, self._vault, account, code, now_us):
            store.count_ticket_try(unit, row)
            thing = thing_of(user.id)
            self._trace.line(
                unit, visit, "second_factor.refuse", thing, user.home, outcome="denied"
            )
            return second_factor_failed()
        store.remove_tickets(unit, user.home, user.id)
        throttle.succeed(unit, attempt)
        throttle.succeed(unit, throttle.password_attempt(user.login, visit.address, device))
        return self._open(unit, user, visit, proved=True)

    def _open(self, unit: Unit, user: User, visit: Visit, *, proved: bool) -> _Opened:
        """Write a new session with its first refresh token."""
        now_us = self._clock.utc_us()
        device = self._keyring.device_of(visit.device) or new_id()
        session = SessionRow(
            city=user.home,
            id=new_id(),
            user_id=user.id,
            device_id=device,
            agent=_printable(visit.agent)[:LONGEST_AGENT],
            address=visit.address[:100],
            second_factor=proved,
            created_us=now_us,
            used_us=now_us,
            expires_us=now_us + IDLE_US,
        )
        store.add_session(unit, session)
        people.set_secrets(unit, user.home, user.id, {"signed_in_us": now_us})
        new_device = store.note_device(unit, user.home, user.id, device, now_us)
        if new_device:
            self._trace.new_device(unit, user.home, user.id, session.id)
        self._trace.line(
            unit,
            visit,
            "session.begin",
            f"session:{session.id}",
            user.home,
            actor=thing_of(user.id),
            second_factor=proved,
            new_device=new_device,
        )
        return self._with_refresh(unit, session, user)

    def _with_refresh(self, unit: Unit, session: SessionRow, user: User) -> _Opened:
        token = secrets.token_urlsafe(32)
        now_us = self._clock.utc_us()
        store.add_refresh(
            unit, RefreshRow(session.city, _hash("refresh", token), session.id, now_us)
        )
        held = people.held_by_user(unit, user.home, user.id)
        _, must_enrol = rights_of(held, enrolled=user.second_factor, proved=session.second_factor)
        return _Opened(session, user, token, must_enrol)

    def _renew(self, unit: Unit, token: str, visit: Visit) -> _Opened | VmsError:
        now_us = self._clock.utc_us()
        row = store.refresh(unit, _hash("refresh", token))
        session = None if row is None else store.session(unit, row.session_id)
        if row is None or session is None or not _lasts(session, now_us):
            return session_ended()
        if not store.use_refresh(unit, row, now_us):
            return self._reused(unit, row, session, visit)
        user = people.user(unit, session.user_id)
        if not user.enabled:
            return session_ended()
        expires_us = min(now_us + IDLE_US, session.created_us + LONGEST_US)
        store.touch_session(unit, session, now_us, expires_us, visit.address[:100])
        renewed = store.session(unit, session.id)
        assert renewed is not None  # noqa: S101 - it was read in this transaction
        return self._with_refresh(unit, renewed, user)

    def _reused(self, unit: Unit, row: RefreshRow, session: SessionRow, visit: Visit) -> VmsError:
        """A token comes a second time: two tabs, or one of two who carry it stole it."""
        now_us = self._clock.utc_us()
        if now_us - (row.used_us or 0) <= GRACE_US:
            return ConflictError(
                "the session was renewed a moment ago; use the newer token",
                code="refresh_superseded",
            )
        store.revoke_sessions(unit, session.city, [session.id], now_us)
        self._trace.line(
            unit,
            visit,
            "session.reuse",
            f"session:{session.id}",
            session.city,
            outcome="denied",
            user=session.user_id,
        )
        self._trace.session_revoked(unit, session.city, session.user_id, session.id)
        return session_ended()

    async def _tokens(self, opened: _Opened) -> Tokens:
        session, user = opened.session, opened.user
        access, access_expires_us = await self._keyring.issue(user.id, session.id, user.home)
        return Tokens(
            access=access,
            access_expires_us=access_expires_us,
            refresh=opened.refresh,
            refresh_expires_us=session.expires_us,
            device=self._keyring.device_cookie(session.device_id),
            session=session.id,
            user=user,
            must_enrol=opened.must_enrol,
        )


def _chosen(accounts: list[Account]) -> Account | None:
    """Of several who share a login, the platform's; else the only one. Others name their city."""
    platform = [one for one in accounts if one.user.home == PLATFORM_HOME]
    if platform:
        return platform[0]
    return accounts[0] if len(accounts) == 1 else None


def _lasts(session: SessionRow, now_us: int) -> bool:
    return session.revoked_us is None and session.expires_us > now_us


def _printable(text: str) -> str:
    return "".join(char for char in text if char.isprintable())


def _hash(kind: str, token: str) -> str:
    """Return what is stored of 256 random bits."""
    return hashlib.sha256(f"{kind}\n{token}".encode("utf-8", "surrogatepass")).hexdigest()
