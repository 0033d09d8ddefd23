"""Cuts the running streams of those who may not watch any more."""

import itertools
from dataclasses import dataclass

from vms.admin import PLATFORM_HOME, Function, Principal
from vms.cameras import CameraPlace
from vms.common import ForbiddenError, NotFoundError, UnauthenticatedError
from vms.database import PLATFORM, Database, Unit
from vms.engine import MediaControl, Revocation
from vms.proto.events import (
    CameraDeleted,
    CameraUpdated,
    CityDeleted,
    CityUpdated,
    DomainEvent,
    GrantChanged,
    SessionRevoked,
    UserDeleted,
    UserUpdated,
)
from vms.streaming.openings import EVERYTHING, Opening, Part, find, forget
from vms.streaming.ports import Callers, CameraPlaces
from vms.telemetry import get_logger

log = get_logger(__name__)


def revocation_of(event: DomainEvent) -> Revocation | None:
    """Return whose streams an event ends, where that needs no look at anybody's rights.

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


def part_of(event: DomainEvent) -> Part | None:
    """Return who may have lost something by an event that names nobody."""
    match event:
        case GrantChanged(user=None, given=False, city=city):
            # Roles and groups of users are of one home, as whoever has them.
            return Part(home=city or PLATFORM_HOME)
        case UserUpdated(city=city):
            # A second factor may be gone that his role demands.
            return Part(home=city or PLATFORM_HOME)
        case CityUpdated(city=str(city)) | CityDeleted(city=str(city)):
            return Part(home=city)
        case CameraUpdated(camera=camera) | CameraDeleted(camera=camera):
            return Part(camera=camera)
        case _:
            return None


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What is to be cut, and the openings that are over with it."""

    revocations: tuple[Revocation, ...]
    openings: tuple[Opening, ...]


class StreamRights:
    """Compares what was opened with what may be opened now."""

    def __init__(self, database: Database, callers: Callers, places: CameraPlaces) -> None:
        self._database = database
        self._callers = callers
        self._places = places

    async def withdrawn(self, part: Part) -> Withdrawn:
        """Return what nobody may watch any more; nothing is changed."""
        return await self._database.run(
            lambda unit: self._withdrawn(unit, part), PLATFORM, read=True
        )

    async def forget(self, withdrawn: Withdrawn) -> None:
        """Take note that these were cut."""
        if withdrawn.openings:
            await self._database.run(lambda unit: forget(unit, withdrawn.openings), PLATFORM)

    def _withdrawn(self, unit: Unit, part: Part) -> Withdrawn:
        opened = find(unit, part)
        if part.camera is not None and not self._places.runs(unit, part.camera):
            return Withdrawn((Revocation(camera=part.camera),), tuple(opened))
        places = {name: self._places.place(unit, name) for name in {one.camera for one in opened}}
        revocations: list[Revocation] = []
        lost: list[Opening] = []
        for session, group in itertools.groupby(opened, lambda one: one.session):
            known = list(group)
            who = self._now(unit, known[0])
            over = [one for one in known if not _still_may(who, one, places[one.camera])]
            if part.camera is None and len(over) == len(known):
                revocations.append(Revocation(session=session))
            else:
                revocations += [Revocation(session=session, camera=one.camera) for one in over]
            lost += over
        return Withdrawn(tuple(revocations), tuple(lost))

    def _now(self, unit: Unit, one: Opening) -> Principal | None:
        try:
            return self._callers.present(unit, one.who)
        except (ForbiddenError, NotFoundError, UnauthenticatedError):
            # Ended, disabled, or of a city that is suspended or gone.
            return None


def _still_may(who: Principal | None, one: Opening, place: CameraPlace | None) -> bool:
    """Tell whether an opening would be signed now just as it was."""
    if who is None or place is None or place.city != one.city:
        return False
    opened = {
        Function.LIVE_VIEW: one.live,
        Function.AUDIO_LISTEN: one.audio,
        Function.PLAYBACK_VIEW: one.played is not None,
        Function.AUDIO_TALK: one.talks,
    }
    functions = [function for function, needed in opened.items() if needed]
    return all(place.allows(who, function) for function in functions)


class StreamRevoker:
    """Hears events and tells the media process whose streams end."""

    def __init__(self, media: MediaControl, rights: StreamRights) -> None:
        self._media = media
        self._rights = rights

    async def hear(self, event: DomainEvent) -> None:
        """Handle an event; hearing it again does no harm."""
        because = type(event).__name__
        if (revocation := revocation_of(event)) is not None:
            ended = await self._media.revoke(revocation)
            log.info("streams_cut", because=because, ended=ended)
        if (part := part_of(event)) is not None:
            await self.look(part, because)

    async def look(self, part: Part = EVERYTHING, because: str = "look") -> None:
        """Cut all that nobody may watch any more, whatever withdrew it."""
        withdrawn = await self._rights.withdrawn(part)
        ended = 0
        for revocation in withdrawn.revocations:
            ended += await self._media.revoke(revocation)
        # Only now: where the media process is away, it is found again.
        await self._rights.forget(withdrawn)
        if withdrawn.revocations:
            log.info("streams_cut", because=because, ended=ended)
