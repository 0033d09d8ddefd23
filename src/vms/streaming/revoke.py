"""Cuts the running streams of those who may not watch any more."""

from vms.engine import MediaControl, Revocation
from vms.proto.events import (
    CameraDeleted,
    DomainEvent,
    GrantChanged,
    SessionRevoked,
    UserDeleted,
)
from vms.telemetry import get_logger

log = get_logger(__name__)


def revocation_of(event: DomainEvent) -> Revocation | None:
    """Return whose streams an event ends.

    Only one by which somebody loses something: what was signed until it is heard
    is refused. Who still may watch opens anew at once.
    """
    match event:
        case SessionRevoked(user=user, session=None):
            return Revocation(viewer=user)
        case SessionRevoked(session=session):
            return Revocation(session=session)
        case UserDeleted(user=user):
            return Revocation(viewer=user)
        case GrantChanged(user=str(user), given=False):
            return Revocation(viewer=user)
        case CameraDeleted(camera=camera):
            return Revocation(camera=camera)
        case _:
            return None


class StreamRevoker:
    """Hears events and tells the media process whose streams end."""

    def __init__(self, media: MediaControl) -> None:
        self._media = media

    async def hear(self, event: DomainEvent) -> None:
        """Handle an event; hearing it again does no harm."""
        if (revocation := revocation_of(event)) is not None:
            ended = await self._media.revoke(revocation)
            log.info("streams_cut", because=type(event).__name__, ended=ended)
