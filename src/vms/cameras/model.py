"""Cameras and their streams, and the state the engine should run for them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vms.common import LOCAL_CITY, CameraId, InvalidError, StreamName, camera_id
from vms.engine.model import CameraWish, DesiredState, StreamSource
from vms.proto import CameraEntry, Transport

# A comma that begins another address; commas inside an address stay.
_NEXT_ADDRESS = re.compile(r",(?=[a-z][a-z0-9+.-]*://)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera: who it is and where its streams come from."""

    id: CameraId
    name: str
    streams: Mapping[StreamName, StreamSource]
    city: str = LOCAL_CITY
    enabled: bool = True


def camera_of(entry: CameraEntry) -> Camera:
    """Return the camera that an entry of the settings describes."""
    streams = {StreamName.MAIN: _source(entry.url, entry.transport)}
    if entry.sub_url is not None:
        streams[StreamName.SUB] = _source(entry.sub_url, entry.transport)
    return Camera(
        id=camera_id(entry.id),
        name=entry.name or entry.id,
        streams=streams,
        enabled=entry.enabled,
    )


def desired_state(cameras: Iterable[Camera], generation: int) -> DesiredState:
    """Return the state in which the engine runs exactly these cameras."""
    wishes = (
        CameraWish(
            id=camera.id,
            city=camera.city,
            name=camera.name,
            enabled=camera.enabled,
            streams=dict(camera.streams),
        )
        for camera in cameras
    )
    return DesiredState(generation, tuple(sorted(wishes, key=lambda wish: wish.id)))


def parse_camera(text: str) -> dict[str, str]:
    """Read ``ID=URL[,SUB_URL]`` into keys of the settings."""
    name, equals, addresses = text.partition("=")
    urls = _NEXT_ADDRESS.split(addresses)
    if not equals or not name or not addresses or len(urls) > 2:
        raise InvalidError(
            f"--camera {name or '?'}: write ID=URL or ID=URL,SUB_URL",
            code="camera_argument",
            values={"id": name},
        )
    entry = {"id": name, "url": urls[0]}
    if len(urls) == 2:
        entry["sub_url"] = urls[1]
    return entry


def _source(url: str, transport: Transport | None) -> StreamSource:
    return StreamSource(url, transport)
