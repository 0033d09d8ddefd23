"""What streaming needs of others."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from vms.admin import Principal, Scope
from vms.cameras import CameraPlace
from vms.database import Unit


class CameraPlaces(Protocol):
    """Knows where cameras belong."""

    def place(self, unit: Unit, camera: str) -> CameraPlace | None:
        """Return the place of a camera, or nothing where there is no such camera."""
        ...

    def runs(self, unit: Unit, camera: str) -> bool:
        """Tell whether there is such a camera and it is switched on."""
        ...

    def cameras_in(self, unit: Unit, scope: Scope) -> tuple[str, ...]:
        """Return the cameras of a group's or a camera's scope."""
        ...


class Callers(Protocol):
    """Knows what callers may do."""

    def present(self, unit: Unit, who: Principal) -> Principal:
        """Return a caller with what he may do now; raises where he has ended."""
        ...


@dataclass(frozen=True, slots=True)
class PlayerKey:
    """A stream key that may open something now, or send something."""

    id: str
    secret: str
    scope: Scope
    audio: bool
    playback: bool
    publish: bool
    expires_us: int


class PlayerKeys(Protocol):
    """Knows the stream keys."""

    async def open_keys(self) -> tuple[PlayerKey, ...]:
        """Return those that open something now."""
        ...


class StreamQuotas(Protocol):
    """Knows how many streams a city may have open at once."""

    def concurrent_streams(self, unit: Unit) -> Mapping[str, int]:
        """Return the limit of each city that has one."""
        ...
