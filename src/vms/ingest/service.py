"""Keeps the media process and the board in step, through the restarts of both.

One watcher a process: it applies the desired state where the media process
holds another one, then follows its journal. When the media process goes away
the board says so, and the watcher tries again until it is back.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from vms.common import Clock, ConflictError, UnavailableError, VmsError
from vms.engine import Description, DesiredState, MediaControl
from vms.ingest.model import StreamBoard, StreamView
from vms.telemetry import get_logger

log = get_logger(__name__)

RETRY_S = 0.1
# Reports are at most so old when they are asked for.
FRESH_S = 0.25
# How long the first asker waits for the first contact with the media process.
FIRST_CONTACT_S = 1.0

Sleep = Callable[[float], Awaitable[None]]


class IngestWatch:
    """What this process knows of the streams, and what it wants of them."""

    def __init__(
        self,
        media: MediaControl,
        desired: DesiredState,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._media = media
        self._desired = desired
        self._digest = desired.digest()
        self._clock = clock
        self._sleep = sleep
        self._board = StreamBoard()
        self._board.expect(desired, clock.utc_us())
        self._connected = False
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
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._tried.wait(), FIRST_CONTACT_S)
        if self._connected and not self._is_fresh():
            # When it just went away, the board's last word is the answer.
            with contextlib.suppress(UnavailableError):
                await self._refresh()
        return self._board.views()

    async def wait_for_change(self) -> None:
        """Return when the board's version has grown."""
        await self._changed.wait()

    async def _follow(self) -> None:
        described = await self._agree()
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

    async def _agree(self) -> Description:
        """Apply the desired state where the media process holds another one."""
        described = await self._media.describe()
        if described.digest == self._digest:
            return described
        wished = DesiredState(
            max(described.generation + 1, self._desired.generation), self._desired.cameras
        )
        try:
            await self._media.apply(wished)
        except ConflictError:
            # Another worker was quicker; its state is ours.
            log.debug("generation_taken", generation=wished.generation)
        return await self._media.describe()

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
