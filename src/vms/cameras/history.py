"""How cameras were doing: read by people, written by whoever follows the streams."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vms.admin import Function, Principal
from vms.cameras import access, history_store
from vms.cameras.model import CameraState, StreamChange, Transition
from vms.cameras.uptime import Uptime, check_period, uptime
from vms.common import Clock, InvalidError, Page, Slice, StreamName
from vms.database import PLATFORM, Database, Unit
from vms.outbox import emit
from vms.proto.events import CameraOffline, CameraOnline

# Who follows the streams says so as often, seconds; after three times that nobody does.
BEAT_S = 10.0
STALE_US = 30_000_000
KEPT_US = 400 * 86_400 * 1_000_000

Key = tuple[str, StreamName]


@dataclass(frozen=True, slots=True)
class Known:
    """What was last known of a stream."""

    now: Transition
    # Whether it was live, when that was last known; nothing where it never was.
    live: bool | None = None


class CameraHistory:
    """Changes of state, kept and told."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def history(
        self, who: Principal, camera: str, stream: StreamName, page: Page
    ) -> Slice[Transition]:
        """Return one page of a stream's changes, the newest first."""

        def work(unit: Unit) -> Slice[Transition]:
            found = access.find(unit, who, camera, Function.CAMERA_READ).camera
            return history_store.page(unit, found.city, found.id, stream, page)

        return await self._database.run(work, who.scope, read=True)

    async def uptime(self, who: Principal, camera: str, from_us: int, to_us: int) -> Uptime:
        """Return how a camera did in a period, by its main stream."""
        now = self._clock.utc_us()
        to_us = min(to_us, now)
        check_period(from_us, to_us)

        def work(unit: Unit) -> list[Transition]:
            found = access.find(unit, who, camera, Function.CAMERA_READ).camera
            return _watched(unit, found.city, found.id, from_us, to_us, now)

        return uptime(await self._database.run(work, who.scope, read=True), from_us, to_us)

    async def begin(self) -> Mapping[Key, Known]:
        """Start to follow the streams; return what is known of them.

        If whoever did before was killed, nobody watched since its last beat.
        """

        def work(unit: Unit) -> dict[Key, Known]:
            seen = history_store.last_beat(unit)
            now = self._clock.utc_us()
            if seen is not None:
                history_store.close_all(unit, min(seen, now))
            history_store.beat(unit, now)
            live = history_store.last_lives(unit)
            return {
                key: Known(transition, live.get(key))
                for key, transition in history_store.statuses(unit).items()
            }

        return await self._database.run(work, PLATFORM)

    async def append(self, changes: Sequence[StreamChange]) -> None:
        """Keep changes, in order, and tell of cameras that came or went."""

        def work(unit: Unit) -> None:
            history_store.append(unit, changes)
            history_store.beat(unit, self._clock.utc_us())
            for change in changes:
                if change.announced:
                    _announce(unit, change)

        await self._database.run(work, PLATFORM)

    async def beat(self) -> None:
        """Say that the streams are being followed."""
        await self._database.run(
            lambda unit: history_store.beat(unit, self._clock.utc_us()), PLATFORM
        )

    async def maintain(self) -> None:
        """Forget what is too old."""
        before = self._clock.utc_us() - KEPT_US
        await self._database.run(lambda unit: history_store.prune(unit, before), PLATFORM)

    async def end(self) -> None:
        """Say that from now on nobody follows the streams."""

        def work(unit: Unit) -> None:
            now = self._clock.utc_us()
            history_store.close_all(unit, now)
            history_store.beat(unit, now)

        await self._database.run(work, PLATFORM)


def _watched(
    unit: Unit, city: str, camera: str, from_us: int, to_us: int, now: int
) -> list[Transition]:
    """Return the changes of a period; a state that nobody watches any more ends."""
    found = history_store.transitions(unit, city, camera, StreamName.MAIN, from_us, to_us)
    if len(found) > history_store.MOST_CHANGES:
        raise InvalidError(
            f"camera {camera!r} changed more than {history_store.MOST_CHANGES} times in this "
            "period; ask for a shorter one",
            code="period_too_full",
            values={"id": camera},
        )
    seen = history_store.last_beat(unit)
    if found and seen is not None and now - seen > STALE_US and found[-1].at_us <= seen:
        found.append(Transition(seen, CameraState.UNKNOWN))
    return found


def _announce(unit: Unit, change: StreamChange) -> None:
    at_us, why = change.transition.at_us, change.transition.reason
    if change.transition.state is CameraState.ONLINE:
        emit(unit, CameraOnline(city=change.city, at_us=at_us, camera=change.camera))
        return
    reason = None if why is None else why.code
    emit(unit, CameraOffline(city=change.city, at_us=at_us, camera=change.camera, reason=reason))
