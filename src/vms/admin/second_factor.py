"""The second factor: enrol it, renew recovery codes, remove it, reset another's."""

from vms.admin import guard, throttle, totp
from vms.admin.codes import proves, proves_step, where
from vms.admin.errors import second_factor_failed
from vms.admin.model import Principal
from vms.admin.principals import Principals
from vms.admin.sessions import end_sessions
from vms.admin.store import people
from vms.admin.store import sign_in as store
from vms.admin.store.people import Account
from vms.admin.trace import Trace, thing_of
from vms.admin.views import Enrolment, RecoveryCodes
from vms.common import Clock, ConflictError, VmsError
from vms.database import Database, Unit, Vault

ISSUER = "VMS Enterprise"


class SecondFactor:
    """What a user does with his second factor."""

    def __init__(
        self, database: Database, vault: Vault, clock: Clock, principals: Principals
    ) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._principals = principals
        self._trace = Trace(clock)

    async def begin(self, who: Principal) -> Enrolment:
        """Make a secret for an authenticator app; it counts once a code proves it."""
        guard.require_session(who, enrolling=True)

        def work(unit: Unit) -> Enrolment:
            account = people.account(unit, who.id)
            if account.user.second_factor:
                raise ConflictError(
                    "a second factor is enrolled already; remove it first",
                    code="second_factor_enrolled",
                )
            return put_secret(unit, self._vault, account, enrolled=False)

        return await self._database.run(work, who.scope)

    async def confirm(self, who: Principal, code: str) -> RecoveryCodes:
        """Enrol the second factor that a code proves; every other session ends."""
        session = guard.require_session(who, enrolling=True)

        def work(unit: Unit) -> RecoveryCodes | VmsError:
            account = people.account(unit, who.id)
            if account.user.second_factor or account.totp_secret is None:
                raise ConflictError(
                    "there is no enrolment to confirm; begin one", code="second_factor_not_begun"
                )
            refusal = self._refusal(unit, who, account, code, recovery=False)
            if refusal is not None:
                return refusal
            user = account.user
            people.set_secrets(unit, user.home, user.id, {"totp_enrolled": True})
            store.prove_second_factor(unit, user.home, session)
            end_sessions(
                unit, self._trace, who, user.home, user.id, self._clock.utc_us(), keep=session
            )
            self._note(unit, who, "second_factor.enrol", account)
            return put_codes(unit, account)

        codes = _given(await self._database.run(work, who.scope))
        # What he asks next is asked by somebody who has proved it.
        self._principals.forget_user(who.id)
        return codes

    async def renew_codes(self, who: Principal, code: str) -> RecoveryCodes:
        """Replace one's recovery codes; a one-time code proves that one may."""
        guard.require_session(who)

        def work(unit: Unit) -> RecoveryCodes | VmsError:
            account = self._enrolled(unit, who)
            refusal = self._refusal(unit, who, account, code, recovery=False)
            if refusal is not None:
                return refusal
            self._note(unit, who, "second_factor.renew_codes", account)
            return put_codes(unit, account)

        return _given(await self._database.run(work, who.scope))

    async def remove(self, who: Principal, code: str) -> None:
        """Remove one's second factor; where it is demanded, one can then only enrol another."""
        guard.require_session(who)

        def work(unit: Unit) -> VmsError | None:
            account = self._enrolled(unit, who)
            refusal = self._refusal(unit, who, account, code, recovery=True)
            if refusal is not None:
                return refusal
            clear(unit, account)
            self._note(unit, who, "second_factor.remove", account)
            return None

        refusal = await self._database.run(work, who.scope)
        if refusal is not None:
            raise refusal
        self._principals.forget_user(who.id)

    async def reset(self, who: Principal, user_id: str) -> None:
        """Remove the second factor of somebody who lost it; his sessions end."""

        def work(unit: Unit) -> None:
            guard.manageable(unit, who, user_id)
            account = people.account(unit, user_id)
            clear(unit, account)
            home, now_us = account.user.home, self._clock.utc_us()
            end_sessions(unit, self._trace, who, home, user_id, now_us)
            self._note(unit, who, "second_factor.reset", account)

        await self._database.run(work, who.scope)

    def _enrolled(self, unit: Unit, who: Principal) -> Account:
        account = people.account(unit, who.id)
        if not account.user.second_factor:
            raise ConflictError(
                "there is no second factor; enrol one", code="second_factor_missing"
            )
        return account

    def _refusal(
        self, unit: Unit, who: Principal, account: Account, code: str, *, recovery: bool
    ) -> VmsError | None:
        """Check a code of who is signed in. The refusal is returned: the try must stay counted."""
        now_us = self._clock.utc_us()
        attempt = throttle.code_attempt(who.id, who.session)
        wait = throttle.begin(unit, attempt, now_us)
        if wait:
            return throttle.refuse(wait)
        check = proves if recovery else proves_step
        if not check(unit, self._vault, account, code, now_us):
            self._trace.line(
                unit,
                who,
                "second_factor.refuse",
                thing_of(account.user.id),
                account.user.home,
                outcome="denied",
            )
            return second_factor_failed()
        throttle.succeed(unit, attempt)
        return None

    def _note(self, unit: Unit, who: Principal, action: str, account: Account) -> None:
        user = account.user
        self._trace.line(unit, who, action, thing_of(user.id), user.home)
        self._trace.user_updated(unit, user.home, user.id)


def put_secret(unit: Unit, vault: Vault, account: Account, *, enrolled: bool) -> Enrolment:
    """Give a user a new secret."""
    user = account.user
    secret = totp.new_secret()
    values = {
        "totp_secret": vault.seal(secret, where(user.id)),
        "totp_enrolled": enrolled,
        "totp_step": 0,
    }
    people.set_secrets(unit, user.home, user.id, values)
    url = totp.otpauth_url(secret, user.login, ISSUER)
    return Enrolment(secret=totp.secret_text(secret), url=url)


def put_codes(unit: Unit, account: Account) -> RecoveryCodes:
    """Give a user new recovery codes."""
    codes = totp.new_recovery_codes()
    user = account.user
    store.put_recovery_codes(unit, user.home, user.id, map(totp.recovery_hash, codes))
    return RecoveryCodes(codes=codes)


def clear(unit: Unit, account: Account) -> None:
    """Take a user's second factor and recovery codes away."""
    user = account.user
    values = {"totp_secret": None, "totp_enrolled": False}
    people.set_secrets(unit, user.home, user.id, values)
    store.put_recovery_codes(unit, user.home, user.id, ())


def _given(answer: RecoveryCodes | VmsError) -> RecoveryCodes:
    if isinstance(answer, VmsError):
        raise answer
    return answer
