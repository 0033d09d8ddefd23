"""Where cameras are, in the words of each context that asks."""

from collections.abc import Mapping

from vms.admin import People, Scope
from vms.api import Place
from vms.cameras import Cameras
from vms.cities import Quota, Quotas
from vms.database import Unit
from vms.streaming import PlayerKey


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
    """For streaming: the stream keys of people who may still do what the keys are for."""

    def __init__(self, people: People) -> None:
        self._people = people

    async def open_keys(self) -> tuple[PlayerKey, ...]:
        """See ``vms.streaming.PlayerKeys``."""
        return tuple(
            PlayerKey(
                id=key.id,
                secret=key.secret,
                scope=Scope.parse(key.scope),
                audio=key.audio,
                playback=key.playback,
                publish=key.publish,
                expires_us=key.expires_us,
            )
            for key in await self._people.stream_keys.open_keys()
        )
