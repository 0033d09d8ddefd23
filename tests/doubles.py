"""Stand-ins for engine and media process, shared by the tests."""

import asyncio
from collections.abc import AsyncIterator

from vms.common import NotFoundError, StreamName, UnavailableError, VmsError
from vms.engine import (
    Addresses,
    Applied,
    CameraWish,
    Description,
    DesiredState,
    Event,
    EventBatch,
    Journal,
    Reason,
    Revocation,
    StreamSource,
    StreamState,
    StreamStatus,
)

ADDRESSES = Addresses("127.0.0.1:8000", "127.0.0.1:8554", "127.0.0.1:8889", ("127.0.0.1:8189",))
UTC_US = 1_700_000_000_000_000


def wish(name: str, *streams: StreamName, enabled: bool = True) -> CameraWish:
    """Return a camera; without streams it has main alone."""
    return CameraWish(
        id=name,
        name=name.title(),
        enabled=enabled,
        streams={
            stream: StreamSource(f"rtsp://user:secret@camera/{name}/{stream}")
            for stream in streams or (StreamName.MAIN,)
        },
    )


def desired(*cameras: CameraWish, generation: int = 1) -> DesiredState:
    """Return a desired state."""
    return DesiredState(generation, cameras)


def status(
    camera: str = "gate",
    stream: StreamName = StreamName.MAIN,
    state: StreamState = StreamState.LIVE,
    reason: Reason | None = None,
    bitrate: int = 4_000_000,
) -> StreamStatus:
    """Return the status of a stream."""
    return StreamStatus(
        camera=camera,
        stream=stream,
        state=state,
        reason=reason,
        codec="h264",
        width=1920,
        height=1080,
        fps=25.0,
        bitrate=bitrate,
        clock_offset_ms=-3,
        since_utc_us=UTC_US,
    )


def event(
    cursor: int,
    camera: str = "gate",
    state: StreamState = StreamState.STALLED,
    reason: Reason | None = None,
) -> Event:
    """Return a change of state."""
    return Event(cursor, UTC_US + cursor, "stream_state", camera, StreamName.MAIN, state, reason)


class FakeEngine:
    """An engine in memory: what is wished is live at once."""

    version = "9.9.9"

    def __init__(self, apply_error: VmsError | None = None) -> None:
        self.applied: list[DesiredState] = []
        self.revoked: list[Revocation] = []
        self.apply_error = apply_error
        self.waiting: asyncio.Queue[tuple[Event, ...]] = asyncio.Queue()
        self.stopped = False

    async def start(self) -> Addresses:
        return ADDRESSES

    async def apply(self, wished: DesiredState) -> Applied:
        if self.apply_error is not None:
            raise self.apply_error
        before = {camera.id for state in self.applied[-1:] for camera in state.cameras}
        now = {camera.id for camera in wished.cameras}
        self.applied.append(wished)
        return Applied(wished.generation, tuple(sorted(now - before)), tuple(sorted(before - now)))

    async def revoke(self, revocation: Revocation) -> int:
        self.revoked.append(revocation)
        return len(self.revoked)

    async def streams(self) -> tuple[StreamStatus, ...]:
        return tuple(
            status(camera.id, stream)
            for state in self.applied[-1:]
            for camera in state.cameras
            for stream in camera.streams
        )

    async def metrics(self) -> str:
        return "vms_camera_fps 25\n"

    async def recording(self, call: str, request: bytes) -> tuple[bytes, bytes]:
        if call != "keys":
            raise NotFoundError(f"{call}: nothing was recorded", code="no_recording")
        return b'{"keys": []}', request

    async def events(self) -> AsyncIterator[tuple[Event, ...]]:
        while True:
            yield await self.waiting.get()

    async def stop(self) -> None:
        self.stopped = True


class FakeMedia:
    """A media process in memory that can be away and come back."""

    def __init__(self) -> None:
        self.journal = Journal("one")
        self.held = DesiredState(0, ())
        self.digest = ""
        self.applied: list[DesiredState] = []
        self.revoked: list[Revocation] = []
        self.report: tuple[StreamStatus, ...] = ()
        self.away = False
        self.asked = 0
        self._cut = asyncio.Event()

    def restart(self, epoch: str) -> None:
        """End the events of those who listen and begin a new journal."""
        self.journal = Journal(epoch)
        cut, self._cut = self._cut, asyncio.Event()
        cut.set()

    def _answer(self) -> None:
        if self.away:
            raise UnavailableError("away", code="media_down")

    async def describe(self) -> Description:
        self._answer()
        return Description(
            "9.9.9",
            self.journal.epoch,
            self.held.generation,
            self.digest,
            ADDRESSES,
            self.journal.next_cursor,
        )

    async def apply(self, wished: DesiredState) -> Applied:
        self._answer()
        self.applied.append(wished)
        self.held, self.digest = wished, wished.digest()
        return Applied(wished.generation)

    async def revoke(self, revocation: Revocation) -> int:
        self._answer()
        self.revoked.append(revocation)
        return 1

    async def streams(self) -> tuple[StreamStatus, ...]:
        self._answer()
        self.asked += 1
        return self.report

    async def metrics(self) -> str:
        self._answer()
        return ""

    async def events(self, epoch: str, cursor: int) -> AsyncIterator[EventBatch]:
        self._answer()
        batches = self.journal.follow(epoch, cursor)
        cut = asyncio.create_task(self._cut.wait())
        try:
            while True:
                following = asyncio.ensure_future(anext(batches))
                await asyncio.wait({following, cut}, return_when=asyncio.FIRST_COMPLETED)
                if not following.done():
                    following.cancel()
                    return
                yield following.result()
        finally:
            cut.cancel()
