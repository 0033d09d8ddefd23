"""Whose recordings somebody may look at, take away, hold or rule."""

from vms.admin import PLATFORM_HOME, Function, Principal
from vms.audit import AuditEntry, record
from vms.cameras import CameraPlace, camera_place, place_seen
from vms.common import Clock, InvalidError
from vms.database import Unit
from vms.outbox import emit
from vms.proto.events import DomainEvent
from vms.recording.model import DAY_US

Detail = str | int | bool | tuple[str, ...] | None


def find(unit: Unit, who: Principal, camera: str, function: Function) -> CameraPlace:
    """Return a camera with which somebody may do something; an unseen one does not exist."""
    return place_seen(who, camera, camera_place(unit, camera), function)


def city_of(who: Principal, city: str | None) -> str:
    """Return the city that is meant: the named one, or one's own."""
    found = city or (None if who.home == PLATFORM_HOME else who.home)
    if found is None:
        raise InvalidError("city: say whose it is", code="city_missing", values={"field": "city"})
    return found


def cities_of(who: Principal, function: Function, city: str | None) -> frozenset[str] | None:
    """Return the cities of a list: all that one sees (nothing: every city), or the named one."""
    seen = who.cities(function)
    if city is not None:
        if seen is not None and city not in seen:
            who.require(function, city=city)
        return frozenset({city})
    if seen is not None and not seen:
        who.require(function)
    return seen


def check_time(from_us: int, to_us: int, most_days: int) -> None:
    """Refuse a time that is none, or longer than can be answered."""
    if from_us >= to_us:
        raise InvalidError("from_us must be before to_us", code="period_invalid")
    if to_us - from_us > most_days * DAY_US:
        raise InvalidError(
            f"the time is longer than {most_days} days; ask for less",
            code="period_too_long",
            values={"days": most_days},
        )


class Trace:
    """Writes audit lines and events in the transaction of what they tell of."""

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
        record(unit, entry, self._clock)

    def event(self, unit: Unit, event: DomainEvent) -> None:
        """Tell whoever listens."""
        emit(unit, event)
