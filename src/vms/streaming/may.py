"""Who may watch which camera."""

from vms.admin import Function, Principal
from vms.common import NotFoundError
from vms.database import Unit
from vms.streaming.ports import CameraPlace, CameraPlaces

# Who holds one of these on a camera may know that there is one.
_SEEN_BY = (Function.CAMERA_READ, Function.LIVE_VIEW, Function.PLAYBACK_VIEW)


def may(who: Principal, function: Function, place: CameraPlace) -> bool:
    """Tell whether somebody may do something with a camera."""
    return who.may(function, city=place.city, camera=place.camera, groups=place.groups)


def watched(
    places: CameraPlaces, unit: Unit, who: Principal, camera: str, function: Function
) -> CameraPlace:
    """Return the camera's place; one that may not be seen at all does not exist."""
    place = places.place(unit, camera)
    if place is None or not any(may(who, one, place) for one in _SEEN_BY):
        raise NotFoundError(
            f"there is no camera {camera}", code="camera_unknown", values={"camera": camera}
        )
    who.require(function, city=place.city, camera=place.camera, groups=place.groups)
    return place
