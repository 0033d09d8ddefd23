"""What one listener gets to see: what he asked for of what he may."""

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import msgspec

from vms.admin import Function, Principal
from vms.api.events.ports import Place
from vms.common import CAMERA_ID_PATTERN
from vms.outbox import Posted

# The kind of the wall's own messages: states and numbers of streams.
STREAM = "stream"

# Beside event.read: what one must be allowed to see of the object itself.
_ALSO = {
    "camera": Function.CAMERA_READ,
    "city": Function.CITY_READ,
    "clip": Function.CLIP_EXPORT,
    "grant": Function.USER_READ,
    "recording": Function.PLAYBACK_VIEW,
    "session": Function.USER_READ,
    "user": Function.USER_READ,
}

Names = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[a-z][a-z0-9_.]*(,[a-z][a-z0-9_.]*)*$",
        max_length=400,
        description="Kinds of events, separated by commas, such as `camera.online`; `stream` are "
        "the states of streams. Absent: all.",
    ),
]
Cameras = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^{CAMERA_ID_PATTERN}(,{CAMERA_ID_PATTERN})*$",
        max_length=4000,
        description="Ids of cameras, separated by commas. Absent: all.",
    ),
]
CityName = Annotated[
    str, msgspec.Meta(pattern="^[a-z0-9_-]{1,50}$", description="A city. Absent: all.")
]
Position = Annotated[
    int,
    msgspec.Meta(ge=0, le=(1 << 53) - 1, description="The last position seen. Absent: from now."),
]


class EventQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a listener asks for."""

    city: CityName | None = None
    camera: Cameras | None = None
    kind: Names | None = None
    cursor: Position | None = None


@dataclass(frozen=True)
class Sight:
    """Who listens, and to what."""

    who: Principal
    asked: EventQuery

    @cached_property
    def key(self) -> Hashable:
        """What listeners have in common who are told the same."""
        rights = tuple(frozenset(rights.held()) for rights in self.who.rights)
        return rights, self.asked.city, self.asked.camera, self.asked.kind

    @cached_property
    def _kinds(self) -> Collection[str] | None:
        return None if self.asked.kind is None else frozenset(self.asked.kind.split(","))

    @cached_property
    def _cameras(self) -> Collection[str] | None:
        return None if self.asked.camera is None else frozenset(self.asked.camera.split(","))

    @property
    def streams(self) -> bool:
        """Whether the states of streams are wanted."""
        return self._kinds is None or STREAM in self._kinds

    @property
    def events(self) -> bool:
        """Whether domain events are wanted and allowed anywhere."""
        allowed = self.who.cities(Function.EVENT_READ)
        return (self._kinds is None or self._kinds != {STREAM}) and allowed != frozenset()

    def sees_event(self, posted: Posted, places: Mapping[str, Place]) -> bool:
        """Tell whether an event is told to this listener."""
        if self._kinds is not None and posted.name not in self._kinds:
            return False
        if self.asked.city is not None and posted.city != self.asked.city:
            return False
        camera = _camera_of(posted)
        if self._cameras is not None and camera not in self._cameras:
            return False
        also = _ALSO.get(posted.name.partition(".")[0], Function.SYSTEM_READ)
        place = places.get(camera) if camera is not None else None
        groups = place.groups if place is not None and place.city == posted.city else ()
        return all(
            self.who.may(function, city=posted.city, camera=camera, groups=groups)
            for function in (Function.EVENT_READ, also)
        )

    def sees_stream(self, camera: str, places: Mapping[str, Place]) -> bool:
        """Tell whether the state of a camera's streams is told to this listener."""
        if self._cameras is not None and camera not in self._cameras:
            return False
        place = places.get(camera)
        if place is None:
            # Of no city: cameras of the settings alone, and what was just deleted.
            return self.asked.city is None and self.who.may(Function.LIVE_VIEW)
        if self.asked.city is not None and place.city != self.asked.city:
            return False
        return self._may(Function.LIVE_VIEW, camera, place)

    def reads_camera(self, camera: str, places: Mapping[str, Place]) -> bool:
        """Tell whether this listener may know more of a camera than how its streams do."""
        place = places.get(camera)
        if place is None:
            return self.who.may(Function.CAMERA_READ)
        return self._may(Function.CAMERA_READ, camera, place)

    def _may(self, function: Function, camera: str, place: Place) -> bool:
        return self.who.may(function, city=place.city, camera=camera, groups=place.groups)


class _OfCamera(msgspec.Struct, frozen=True):
    """The part of an event that says which camera it is about."""

    camera: str | None = None


_of_camera = msgspec.json.Decoder(_OfCamera)


def _camera_of(posted: Posted) -> str | None:
    return _of_camera.decode(posted.body).camera
