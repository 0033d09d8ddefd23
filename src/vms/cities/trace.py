"""What every change of a city leaves behind: a line of the audit and an event."""

from vms import audit, outbox
from vms.admin import Principal
from vms.audit import AuditEntry
from vms.common import Clock
from vms.database import Unit
from vms.proto.events import DomainEvent

Detail = str | int | bool | tuple[str, ...] | None


class Trace:
    """Writes lines and events in the transaction of the change."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def line(
        self,
        unit: Unit,
        who: Principal,
        action: str,
        thing: str,
        city: str | None,
        **details: Detail,
    ) -> None:
        """Write who did what to which thing. Details are ids, numbers, names of fields."""
        entry = AuditEntry(
            actor=who.actor,
            action=action,
            object=thing,
            city=city,
            address=who.address,
            details=details,
        )
        audit.record(unit, entry, self._clock)

    def event(self, unit: Unit, kind: type[DomainEvent], city: str) -> None:
        """Tell whoever listens that something happened to a city."""
        outbox.emit(unit, kind(city=city, at_us=self._clock.utc_us()))
