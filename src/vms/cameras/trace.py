"""What every change of a camera leaves behind: an audit line and an event, in its transaction."""

from collections.abc import Mapping, Sequence

from vms.admin import Principal
from vms.audit import AuditEntry, record
from vms.cameras.model import Camera
from vms.common import Clock
from vms.database import Unit
from vms.outbox import emit
from vms.proto.events import CameraCreated, CameraDeleted, CameraUpdated

# What calls the director of this process once a change is committed.
MARK = "cameras"


Detail = str | int | bool | Sequence[str] | None


class Trace:
    """Writes lines and events."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def created(self, unit: Unit, who: Principal, city: str, camera: str) -> None:
        """Tell that there is a new camera."""
        emit(unit, CameraCreated(city=city, at_us=self._clock.utc_us(), camera=camera))
        self._line(unit, who, "camera.create", city, f"camera:{camera}", {})

    def updated(self, unit: Unit, who: Principal, camera: Camera, fields: tuple[str, ...]) -> None:
        """Tell that a camera was changed, and in which fields."""
        emit(unit, CameraUpdated(city=camera.city, at_us=self._clock.utc_us(), camera=camera.id))
        details = {"fields": sorted(fields)}
        self._line(unit, who, "camera.update", camera.city, f"camera:{camera.id}", details)

    def deleted(self, unit: Unit, who: Principal, camera: Camera) -> None:
        """Tell that a camera is gone."""
        emit(unit, CameraDeleted(city=camera.city, at_us=self._clock.utc_us(), camera=camera.id))
        self._line(unit, who, "camera.delete", camera.city, f"camera:{camera.id}", {})

    def exported(self, unit: Unit, who: Principal, city: str, count: int) -> None:
        """Tell that passwords left the house."""
        details = {"count": count, "passwords": True}
        self._line(unit, who, "camera.export", city, "camera", details)

    def _line(
        self,
        unit: Unit,
        who: Principal,
        action: str,
        city: str,
        thing: str,
        details: Mapping[str, Detail],
    ) -> None:
        unit.mark(MARK)
        record(
            unit,
            AuditEntry(
                actor=who.actor,
                action=action,
                object=thing,
                city=city,
                address=who.address,
                details=details,
            ),
            self._clock,
        )
