"""Which cameras somebody sees, and what he may do with one."""

from collections.abc import Iterable

from vms.admin import Function, Principal
from vms.cameras import store
from vms.cameras.model import Camera
from vms.cameras.store import Sealed, Visible
from vms.common import ForbiddenError, NotFoundError, StreamName
from vms.database import Unit


def not_found(camera: str) -> NotFoundError:
    """Return the one answer for a camera that is not there and for one of others."""
    return NotFoundError(
        f"there is no camera {camera!r}", code="camera_unknown", values={"camera": camera}
    )


def find(unit: Unit, who: Principal, camera: str, function: Function) -> Sealed:
    """Return a camera with which somebody may do something.

    One that he may not even see does not exist.
    """
    found = store.find(unit, camera)
    if found is None or not may(who, Function.CAMERA_READ, found.camera):
        raise not_found(camera)
    require(who, function, found.camera)
    return found


def camera_runs(unit: Unit, camera: str) -> bool:
    """Tell whether there is such a camera and it is switched on."""
    return store.is_on(unit, camera)


def camera_streams(unit: Unit, camera: str) -> tuple[StreamName, ...]:
    """Return the streams that a camera has."""
    found = store.find(unit, camera)
    return () if found is None else tuple(found.camera.addresses())


def cameras_of_group(unit: Unit, city: str, group: str) -> tuple[str, ...]:
    """Return the cameras of a group."""
    return store.in_group(unit, city, group)


def camera_groups(unit: Unit, city: str, camera: str) -> frozenset[str]:
    """Return the groups of a city's camera: what grants and keys for one camera ask."""
    found = store.place(unit, camera)
    if found is None or found[0] != city:
        raise not_found(camera)
    return found[1]


def may(who: Principal, function: Function, camera: Camera) -> bool:
    """Tell whether somebody may do something with a camera."""
    return who.may(function, city=camera.city, camera=camera.id, groups=camera.groups)


def require(who: Principal, function: Function, camera: Camera) -> None:
    """Refuse what somebody may not do with a camera."""
    who.require(function, city=camera.city, camera=camera.id, groups=camera.groups)


def require_groups(who: Principal, city: str, groups: Iterable[str]) -> None:
    """Refuse to change who sees a camera: its groups are changed by who manages each of them."""
    for group in groups:
        who.require(Function.CAMERA_MANAGE, city=city, groups=(group,))


def require_new(who: Principal, city: str, groups: tuple[str, ...]) -> None:
    """Refuse a new camera: who manages groups alone makes them in these."""
    if groups:
        require_groups(who, city, groups)
    else:
        who.require(Function.CAMERA_MANAGE, city=city)


def visible(who: Principal, city: str | None) -> tuple[Visible, ...] | None:
    """Return what somebody sees in a list of cameras; nothing: all there is."""
    cities = who.cities(Function.CAMERA_READ)
    if city is not None:
        if cities is not None and city not in cities:
            _refuse(who, city)
        cities = frozenset({city})
    if cities is None:
        return None
    if not cities:
        who.require(Function.CAMERA_READ)
    return tuple(_part(who, one) for one in sorted(cities))


def _refuse(who: Principal, city: str) -> None:
    who.require(Function.CAMERA_READ, city=city)
    raise ForbiddenError(f"{Function.CAMERA_READ} is not allowed here", code="permission_missing")


def _part(who: Principal, city: str) -> Visible:
    parts = (part for part in who.parts(Function.CAMERA_READ, city) if not part.whole)
    return Visible(city=city, parts=tuple((part.groups, part.cameras) for part in parts))
