"""Where a camera belongs, and who may do something with what it sees."""

from dataclasses import dataclass

from vms.admin import Function, Principal
from vms.cameras import store
from vms.cameras.access import not_found
from vms.common import CameraId
from vms.database import Unit

# Who holds one of these on a camera may know that there is one.
_SEEN_BY = (Function.CAMERA_READ, Function.LIVE_VIEW, Function.PLAYBACK_VIEW)


@dataclass(frozen=True, slots=True)
class CameraPlace:
    """Where a camera belongs: what permissions on it depend on."""

    camera: CameraId
    city: str
    groups: frozenset[str]

    def allows(self, who: Principal, function: Function) -> bool:
        """Tell whether somebody may do something with the camera."""
        return who.may(function, city=self.city, camera=self.camera, groups=self.groups)

    def require(self, who: Principal, function: Function) -> None:
        """Refuse what somebody may not do with the camera."""
        who.require(function, city=self.city, camera=self.camera, groups=self.groups)


def camera_place(unit: Unit, camera: str) -> CameraPlace | None:
    """Return the place of a camera, or nothing where there is no such camera."""
    found = store.place(unit, camera)
    return None if found is None else CameraPlace(CameraId(camera), *found)


def place_seen(
    who: Principal, camera: str, place: CameraPlace | None, function: Function
) -> CameraPlace:
    """Return the place of a camera with which somebody may do something.

    A camera that he may not see at all does not exist.
    """
    if place is None or not any(place.allows(who, one) for one in _SEEN_BY):
        raise not_found(camera)
    place.require(who, function)
    return place
