"""Where cameras belong, as their own context knows it."""

from vms.admin import Scope, ScopeKind
from vms.cameras import CameraPlace, camera_place, camera_runs, cameras_of_group
from vms.database import Unit


class StreamPlaces:
    """Where a camera is, and which cameras a stream key opens."""

    def place(self, unit: Unit, camera: str) -> CameraPlace | None:
        """See ``CameraPlaces``."""
        return camera_place(unit, camera)

    def runs(self, unit: Unit, camera: str) -> bool:
        """See ``CameraPlaces``."""
        return camera_runs(unit, camera)

    def cameras_in(self, unit: Unit, scope: Scope) -> tuple[str, ...]:
        """See ``CameraPlaces``."""
        if scope.kind is ScopeKind.CAMERA:
            return (scope.id,)
        return cameras_of_group(unit, scope.city, scope.id)
