"""Keeps the media process and the board in step, through the restarts of both.

One watcher a process: at each contact it lets whoever steers apply what should
run, then it follows the journal. When the media process goes away the board
says so, and the watcher tries again until it is back.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping

import msgspec

from vms.common import Clock, StreamRef, UnavailableError, VmsError
from vms.engine import DesiredState, MediaControl
from vms.ingest.model import Expected, Listener, StreamBoard, StreamView
from vms.ingest.ports import Steering
from vms.ingest.renewal import Sleep
from vms.ingest.steering import FixedState
from vms.telemetry import get_logger

log = get_logger(__name__)

RETRY_S = 0.1
# Reports are at most so old when they are asked for.
FRESH_S = 0.25
# How long the first asker waits for the first contact with the media process.
FIRST_CONTACT_S = 1.0


class IngestWatch:
    """What this process knows of the streams.

    ``desired`` holds the cameras that are known from the first, and where nobody
    else steers that is what runs. ``listener`` hears every change of a stream.
    """

    def __init__(
        self,
        media: MediaControl,
        desired: DesiredState,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
        *,
        steering: Steering | None = None,
        listener: Listener | None = None,
    ) -> None:
        self._media = media
        self._steering = steering or FixedState(media, desired)
        self._clock = clock
        self._sleep = sleep
        self._board = StreamBoard(listener)
        self._board.expect(desired.cameras, clock.utc_us())
        self._connected = False
        self._listeners: Mapping[str, str] = {}
        self._cursor = 0
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()
        self._changed = asyncio.Event()
        self._tried = asyncio.Event()

    @property
    def connected(self) -> bool:
        """Whether the media process answers and runs what is wished."""
        return self._connected

    @property
    def listeners(self) -> Mapping[str, str]:
        """Where the media process listens, HOST:PORT by protocol, as it said last."""
        return self._listeners

    @property
    def board(self) -> StreamBoard:
        """Every stream's last word."""
        return self._board

    @property
    def cursor(self) -> int:
        """The next event of the media process's journal."""
        return self._cursor

    async def run(self) -> None:
        """Follow the media process, for ever."""
        while True:
            try:
                await self._follow()
            except VmsError as error:
                self._lost(error)
            await self._sleep(RETRY_S)

    async def streams(self) -> list[StreamView]:
        """Return every stream, asked for anew where the last report is old."""
        await self._freshen()
        return self._board.views()

    async def stream(self, ref: StreamRef) -> StreamView | None:
        """Return one stream, asked for anew where the last report is old."""
        await self._freshen()
        return self._board.view(ref)

    async def _freshen(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._tried.wait(), FIRST_CONTACT_S)
        if self._connected and not self._is_fresh():
            # When it just went away, the board's last word is the answer.
            with contextlib.suppress(UnavailableError):
                await self._refresh()

    async def expect(self, cameras: Iterable[Expected]) -> None:
        """Show the streams of these cameras from now on, and no others."""
        self._board.expect(cameras, self._clock.utc_us())
        if self._connected:
            # The media process may have told of new ones before they were expected.
            with contextlib.suppress(UnavailableError):
                await self._refresh(force=True)
        self._tell()

    async def wait_for_change(self) -> None:
        """Return when the board's version has grown."""
        await self._changed.wait()

    async def _follow(self) -> None:
        described = await self._steering.agree(await self._media.describe())
        told = msgspec.structs.asdict(described.addresses)
        self._listeners = {name: at for name, at in told.items() if isinstance(at, str) and at}
        self._cursor = described.cursor
        await self._refresh(force=True)
        self._connected = True
        self._tried.set()
        log.info("media_connected", epoch=described.epoch, generation=described.generation)
        epoch = described.epoch
        async for batch in self._media.events(epoch, self._cursor):
            if batch.reset:
                await self._refresh(force=True)
            self._board.note(batch.events)
            if batch.events:
                self._cursor = batch.events[-1].cursor + 1
            self._tell()
        raise UnavailableError("the media process ended its events", code="media_down")

    async def _refresh(self, *, force: bool = False) -> None:
        async with self._reading:
            if self._is_fresh() and not force:
                return
            self._board.replace(await self._media.streams())
            self._read_at = self._clock.monotonic()
        self._tell()

    def _is_fresh(self) -> bool:
        return self._clock.monotonic() - self._read_at <= FRESH_S

    def _lost(self, error: VmsError) -> None:
        if self._connected:
            log.warning("media_lost", code=error.code, detail=error.message)
        else:
            log.debug("media_away", code=error.code, detail=error.message)
        self._connected = False
        self._tried.set()
        self._read_at = float("-inf")
        self._board.media_down(self._clock.utc_us())
        self._tell()

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
