"""Turns what streams do into history, and tells of cameras that come and go.

A stream is *online* while it is live, *offline* while it is stalled or backing
off. Connecting says nothing yet: it keeps what was known before; but a camera
that should call us and does not for a beat or two is offline. Without a
media process nobody watches, so all is *unknown*, and so is a stream on demand
that nobody views. A camera comes or goes when
its main stream does; that a restart of ours lies between is no news.
"""

import asyncio
from collections.abc import Callable

import msgspec

from vms.cameras import BEAT_S, CameraState, Known, StreamChange, Transition, Why
from vms.common import StreamName, VmsError
from vms.engine import StreamState
from vms.ingest.model import MEDIA_DOWN, StreamView
from vms.ingest.ports import History
from vms.ingest.renewal import Sleep
from vms.telemetry import get_logger

log = get_logger(__name__)

GATHER_S = 0.25
RETRY_S = 1.0
# Another reason of the same outage is kept no more often, microseconds.
REASON_US = 30_000_000
# The engine's reason while a stream waits for its camera to call.
NO_PUBLISHER = "no_publisher"
# What waits for a database that is away; beyond it the oldest is lost, and said so.
MOST_WAITING = 50_000

CityOf = Callable[[str], str | None]
_Key = tuple[str, StreamName]

_STATES = {
    StreamState.LIVE: CameraState.ONLINE,
    StreamState.STALLED: CameraState.OFFLINE,
    StreamState.BACKING_OFF: CameraState.OFFLINE,
    StreamState.IDLE: CameraState.UNKNOWN,
    StreamState.OFF: CameraState.OFF,
}


def judge(known: Known | None, view: StreamView) -> Known | None:
    """Return what is known of a stream now; nothing where that is no news."""
    state = _state(known, view)
    before = known.now if known is not None else None
    if state is None or (before is None and state is CameraState.UNKNOWN):
        return None
    why = None if view.reason is None else Why(view.reason.code, view.reason.values)
    if state in {CameraState.ONLINE, CameraState.OFF}:
        why = None
    at_us = max(view.since_utc_us, before.at_us if before is not None else 0)
    if before is not None and before.state is state and not _is_news(before, why, at_us):
        return None
    live = known.live if known is not None else None
    if state is not CameraState.UNKNOWN:
        live = None if state is CameraState.OFF else state is CameraState.ONLINE
    return Known(Transition(at_us, state, why), live)


def _state(known: Known | None, view: StreamView) -> CameraState | None:
    if view.state is not StreamState.CONNECTING:
        return _STATES[view.state]
    was_off = known is not None and known.now.state is CameraState.OFF
    return CameraState.UNKNOWN if view.reason == MEDIA_DOWN or was_off else None


def _is_news(before: Transition, why: Why | None, at_us: int) -> bool:
    if why is None or before.state is not CameraState.OFFLINE:
        return False
    other = before.reason is None or before.reason.code != why.code
    return other and at_us - before.at_us >= REASON_US


class StatusRecorder:
    """Writes history in batches; one an installation."""

    def __init__(self, history: History, city_of: CityOf, sleep: Sleep = asyncio.sleep) -> None:
        self._history = history
        self._city_of = city_of
        self._sleep = sleep
        self._known: dict[_Key, Known] | None = None
        # Heard before the history was read.
        self._early: dict[_Key, StreamView] = {}
        self._waiting: list[StreamChange] = []
        # Streams whose cameras have not called: since the last beat, and since one before it.
        self._uncalled: dict[_Key, StreamView] = {}
        self._long_uncalled: dict[_Key, StreamView] = {}
        self._news = asyncio.Event()

    def note(self, view: StreamView) -> None:
        """Hear of a change: this is the board's listener."""
        if self._known is None:
            self._early[(view.camera, view.stream)] = view
            return
        self._hear(self._known, view)

    def _hear(self, known: dict[_Key, Known], view: StreamView) -> None:
        key = (view.camera, view.stream)
        self._uncalled.pop(key, None)
        self._long_uncalled.pop(key, None)
        code = None if view.reason is None else view.reason.code
        if view.state is StreamState.CONNECTING and code == NO_PUBLISHER:
            self._uncalled[key] = view
        self._judge(known, view)

    def _tell_uncalled(self, known: dict[_Key, Known]) -> None:
        for view in self._long_uncalled.values():
            self._judge(known, msgspec.structs.replace(view, state=StreamState.BACKING_OFF))
        self._long_uncalled, self._uncalled = self._uncalled, {}

    def _judge(self, known: dict[_Key, Known], view: StreamView) -> None:
        key = (view.camera, view.stream)
        before = known.get(key)
        now = judge(before, view)
        city = self._city_of(view.camera)
        if now is None or city is None:
            return
        known[key] = now
        announced = (
            view.stream is StreamName.MAIN
            and now.live is not None
            and now.live is not (before.live if before is not None else None)
        )
        self._waiting.append(StreamChange(city, view.camera, view.stream, now.now, announced))
        self._news.set()

    async def run(self) -> None:
        """Write, for ever; when told to stop, say that nobody watches any more."""
        self._known = await self._begin()
        early, self._early = self._early, {}
        for view in early.values():
            self._hear(self._known, view)
        beating = asyncio.create_task(self._beat(self._known))
        try:
            while True:
                await self._news.wait()
                await self._sleep(GATHER_S)
                await self._write()
        finally:
            beating.cancel()
            await self._end()

    async def _begin(self) -> dict[_Key, Known]:
        while True:
            try:
                return dict(await self._history.begin())
            except VmsError as error:
                log.warning("history_not_read", code=error.code, detail=error.message)
                await self._sleep(RETRY_S)

    async def _write(self) -> None:
        self._news.clear()
        batch, self._waiting = self._waiting, []
        try:
            await self._history.append(batch)
        except asyncio.CancelledError:
            # It may be written or not; written twice it is the same.
            self._waiting = batch + self._waiting
            raise
        except VmsError as error:
            log.warning("history_not_written", code=error.code, changes=len(batch))
            self._waiting = self._keep(batch + self._waiting)
            self._news.set()
            await self._sleep(RETRY_S)

    def _keep(self, changes: list[StreamChange]) -> list[StreamChange]:
        lost = len(changes) - MOST_WAITING
        if lost > 0:
            log.error("history_lost", changes=lost)
        return changes[-MOST_WAITING:]

    async def _beat(self, known: dict[_Key, Known]) -> None:
        while True:
            await self._sleep(BEAT_S)
            self._tell_uncalled(known)
            try:
                await self._history.beat()
            except VmsError as error:
                log.debug("beat_missed", code=error.code)

    async def _end(self) -> None:
        try:
            if self._waiting:
                await self._history.append(self._waiting)
            await self._history.end()
        except VmsError as error:
            # The next one to follow sees the last beat, which is as good.
            log.warning("history_not_closed", code=error.code, detail=error.message)
