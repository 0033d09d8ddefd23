"""Cameras of two cities, for whatever asks where cameras are and what they see."""

import asyncio
from dataclasses import dataclass, field

from vms.admin import Scope
from vms.cameras import CameraPlace
from vms.common import CameraId, Clock, UnavailableError
from vms.database import Database, Unit, Vault
from vms.streaming import AddressKeys, Relays, StreamAddresses
from vms.transcode import Picture, RingFrame, Still


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


RELAYS = Relays(("stun:192.0.2.1", "turn:192.0.2.1:3478"), b"north")


async def signing(database: Database, vault: Vault, clock: Clock) -> StreamAddresses:
    """Return what signs addresses of these cameras; its first key is made."""
    keys = AddressKeys(database, vault, clock)
    await keys.ensure()
    return StreamAddresses(database, keys, FakeCameras(), clock, RELAYS)


@dataclass
class LiveCameras:
    """Live streams, and those who decode them."""

    asked: list[str] = field(default_factory=list)
    jobs: list[Picture] = field(default_factory=list)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    broken: bool = False

    def __post_init__(self) -> None:
        self.may_answer.set()

    async def newest_key(self, stream: str) -> RingFrame:
        self.asked.append(stream)
        await self.may_answer.wait()
        if self.broken:
            raise UnavailableError("no key frame", code="no_key_frame")
        return RingFrame("h264", True, False, 77, 1, len(self.asked), b"\0\0\0\1\x65")

    async def run(self, job: Picture) -> Still:
        self.jobs.append(job)
        return Still(job.width, 9, b"JPEG of %d" % len(self.jobs))
