"""What happens to cameras."""

from vms.proto.events.base import DomainEvent


class CameraCreated(DomainEvent, frozen=True, tag="camera.created"):
    """A camera was added."""

    camera: str


class CameraUpdated(DomainEvent, frozen=True, tag="camera.updated"):
    """A camera's settings were changed."""

    camera: str


class CameraDeleted(DomainEvent, frozen=True, tag="camera.deleted"):
    """A camera was removed."""

    camera: str


class CameraOnline(DomainEvent, frozen=True, tag="camera.online"):
    """A camera's pictures came back."""

    camera: str


class CameraOffline(DomainEvent, frozen=True, tag="camera.offline"):
    """A camera's pictures stopped; ``reason`` is the code of why, where it is known."""

    camera: str
    reason: str | None = None
