"""What every change leaves behind: a line of the audit and an event, in its transaction."""

from vms import audit, outbox
from vms.admin.drafts import Visit
from vms.admin.model import PLATFORM_HOME, Principal
from vms.admin.views import User
from vms.audit import AuditEntry, AuditOutcome
from vms.common import Clock
from vms.database import Unit
from vms.proto.events import (
    GrantChanged,
    NewDevice,
    SessionRevoked,
    StreamKeyChanged,
    UserCreated,
    UserDeleted,
    UserUpdated,
)

ANONYMOUS = "anonymous"

Detail = str | int | bool | tuple[str, ...] | None


class Trace:
    """Writes lines and events."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def line(
        self,
        unit: Unit,
        who: Principal | Visit,
        action: str,
        thing: str,
        home: str,
        *,
        actor: str | None = None,
        outcome: AuditOutcome = "ok",
        **details: Detail,
    ) -> None:
        """Write who did what to which thing of a home. Details are ids and numbers."""
        by = who.actor if isinstance(who, Principal) else ANONYMOUS
        entry = AuditEntry(
            actor=actor or by,
            action=action,
            object=thing,
            city=_city(home),
            outcome=outcome,
            address=who.address,
            details=details,
        )
        audit.record(unit, entry, self._clock)

    def name(self, unit: Unit, who: Principal | Visit, user: User) -> None:
        """Tell the audit whose id a user's is; his name can be erased there."""
        actor = who.actor if isinstance(who, Principal) else ANONYMOUS
        by = audit.Asker(actor, unit.scope, who.address)
        audit.name_person(
            unit,
            by,
            thing_of(user.id),
            city=_city(user.home),
            name=user.name,
            login=user.login,
            clock=self._clock,
        )

    def user_created(self, unit: Unit, user: User) -> None:
        """Tell that there is a new user."""
        outbox.emit(unit, UserCreated(city=_city(user.home), at_us=self._now, user=user.id))

    def user_updated(self, unit: Unit, home: str, user_id: str) -> None:
        """Tell that a user was changed."""
        outbox.emit(unit, UserUpdated(city=_city(home), at_us=self._now, user=user_id))

    def user_deleted(self, unit: Unit, user: User) -> None:
        """Tell that a user is gone."""
        outbox.emit(unit, UserDeleted(city=_city(user.home), at_us=self._now, user=user.id))

    def grant_changed(
        self, unit: Unit, home: str, user_id: str | None, *, given: bool = False
    ) -> None:
        """Tell that what a user may do was changed; none: that of several."""
        event = GrantChanged(city=_city(home), at_us=self._now, user=user_id, given=given)
        outbox.emit(unit, event)

    def session_revoked(self, unit: Unit, home: str, user_id: str, session: str | None) -> None:
        """Tell that a session or API key has ended before its time; none: all of the user's."""
        event = SessionRevoked(city=_city(home), at_us=self._now, user=user_id, session=session)
        outbox.emit(unit, event)

    def new_device(self, unit: Unit, home: str, user_id: str, session: str) -> None:
        """Tell that a user signed in from a device for the first time."""
        event = NewDevice(city=_city(home), at_us=self._now, user=user_id, session=session)
        outbox.emit(unit, event)

    def stream_key_changed(self, unit: Unit, home: str, key: str) -> None:
        """Tell that a stream key was made or withdrawn."""
        outbox.emit(unit, StreamKeyChanged(city=_city(home), at_us=self._now, key=key))

    @property
    def _now(self) -> int:
        return self._clock.utc_us()


def thing_of(user_id: str) -> str:
    """Return how the audit names a user, as an object and as an actor."""
    return f"user:{user_id}"


def _city(home: str) -> str | None:
    return None if home == PLATFORM_HOME else home
