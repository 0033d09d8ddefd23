"""Where cameras are, in the words of each context that asks."""

from collections.abc import Mapping

from vms.admin import People, Scope, ScopeKind
from vms.api import Place
from vms.cameras import Cameras
from vms.cameras import store as camera_store
from vms.cities import Quota, Quotas
from vms.common import CameraId, NotFoundError
from vms.database import Unit
from vms.streaming import CameraPlace, PlayerKey


def groups_of_camera(unit: Unit, city: str, camera: str) -> frozenset[str]:
    """For cities: see ``vms.cities.CameraFinder``."""
    found = camera_store.place(unit, camera)
    if found is None or found[0] != city:
        raise NotFoundError(
            f"there is no camera {camera}", code="camera_unknown", values={"camera": camera}
        )
    return found[1]


class StreamPlaces:
    """For streaming: where a camera is, and which cameras a stream key opens."""

    def place(self, unit: Unit, camera: str) -> CameraPlace | None:
        """See ``vms.streaming.CameraPlaces``."""
        found = camera_store.place(unit, camera)
        return None if found is None else CameraPlace(CameraId(camera), *found)

    def cameras_in(self, unit: Unit, scope: Scope) -> tuple[str, ...]:
        """See ``vms.streaming.CameraPlaces``."""
        if scope.kind is ScopeKind.CAMERA:
            return (scope.id,)
        return camera_store.in_group(unit, scope.city, scope.id)


class WallPlaces:
    """For the events: where every camera is."""

    def __init__(self, cameras: Cameras) -> None:
        self._cameras = cameras

    async def places(self) -> Mapping[str, Place]:
        """See ``vms.api.events.CameraPlaces``."""
        roster = await self._cameras.roster()
        return {name: Place(entry.city, frozenset(entry.groups)) for name, entry in roster.items()}


class StreamQuotas:
    """For streaming: how many streams each city may have open."""

    def __init__(self, quotas: Quotas) -> None:
        self._quotas = quotas

    def concurrent_streams(self, unit: Unit) -> Mapping[str, int]:
        """See ``vms.streaming.StreamQuotas``."""
        return self._quotas.of_all(unit, Quota.STREAMS)


class PlayerKeys:
    """For streaming: the stream keys of people who may still watch what they open."""

    def __init__(self, people: People) -> None:
        self._people = people

    async def open_keys(self) -> tuple[PlayerKey, ...]:
        """See ``vms.streaming.PlayerKeys``."""
        return tuple(
            PlayerKey(key.id, key.secret, Scope.parse(key.scope), key.audio, key.expires_us)
            for key in await self._people.stream_keys.open_keys()
        )
