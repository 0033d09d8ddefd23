"""Cameras of two cities, for whatever asks where cameras are."""

from vms.admin import Scope
from vms.common import CameraId, Clock
from vms.database import Database, Unit, Vault
from vms.streaming import AddressKeys, CameraPlace, StreamAddresses


class FakeCameras:
    """Two cameras of one city, one of another."""

    def __init__(self) -> None:
        self.off: set[str] = set()
        self.all = {
            "gate": CameraPlace(CameraId("gate"), "sp", frozenset({"north"})),
            "yard": CameraPlace(CameraId("yard"), "sp", frozenset()),
            "pier": CameraPlace(CameraId("pier"), "rj", frozenset()),
        }

    def place(self, _unit: Unit, camera: str) -> CameraPlace | None:
        return self.all.get(camera)

    def runs(self, _unit: Unit, camera: str) -> bool:
        return camera in self.all and camera not in self.off

    def cameras_in(self, _unit: Unit, scope: Scope) -> tuple[str, ...]:
        return tuple(
            name
            for name, place in self.all.items()
            if place.city == scope.city and (scope.id in place.groups or scope.id == name)
        )


async def signing(database: Database, vault: Vault, clock: Clock) -> StreamAddresses:
    """Return what signs addresses of these cameras; its first key is made."""
    keys = AddressKeys(database, vault, clock)
    await keys.ensure()
    return StreamAddresses(database, keys, FakeCameras(), clock)
