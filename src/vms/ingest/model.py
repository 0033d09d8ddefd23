"""What is known of every stream, and who must hear of a change.

The board is plain state: the watcher writes what the media process says, and
readers ask what changed since the version they saw last. A slow reader misses
steps between, never the last word, so nothing has to be queued for it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec

from vms.common import StreamName, StreamRef
from vms.engine.model import (
    Event,
    PushStatus,
    Reason,
    StreamState,
    StreamStatus,
    TranscodeStatus,
)

# The page has words for it: "The server cannot serve video at the moment".
MEDIA_DOWN = Reason("unavailable")


class StreamView(msgspec.Struct, frozen=True):
    """A stream as API and screen see it."""

    camera: str
    name: str
    stream: StreamName
    state: StreamState
    reason: Reason | None
    codec: str | None
    width: int | None
    height: int | None
    fps: float | None
    bitrate: int
    readers: int
    drops: int
    reconnects: int
    clock_offset_ms: int | None
    since_utc_us: int
    # The second address plays.
    backup: bool = False
    # Its pictures are converted for viewers who do not take them.
    transcode: TranscodeStatus | None = None
    # Where those stand that it is brought to.
    push: tuple[PushStatus, ...] = ()


Listener = Callable[[StreamView], None]


class Expected(Protocol):
    """A camera whose streams should be there."""

    @property
    def id(self) -> str:
        """Its id."""
        ...

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def enabled(self) -> bool:
        """Whether it is called."""
        ...

    @property
    def streams(self) -> Iterable[StreamName]:
        """Its streams."""
        ...


@dataclass(slots=True)
class _Entry:
    view: StreamView
    # The board's version at which the state, reason or picture last changed.
    changed: int


def view_of(status: StreamStatus, name: str) -> StreamView:
    """Return a status under the name people call the camera."""
    fields = msgspec.structs.asdict(status)
    if status.state != StreamState.LIVE:
        fields["fps"] = None
    return StreamView(name=name, **fields)


def _steady(view: StreamView) -> tuple[object, ...]:
    """Return what is worth telling at once; the rest are statistics."""
    return (
        view.state,
        view.reason,
        view.codec,
        view.width,
        view.height,
        view.name,
        view.backup,
        view.push,
    )


class StreamBoard:
    """Every stream's last word, with versions."""

    def __init__(self, listener: Listener | None = None) -> None:
        self._listener = listener
        self._expected: dict[tuple[str, StreamName], StreamStatus] = {}
        self._entries: dict[tuple[str, StreamName], _Entry] = {}
        self._names: Mapping[str, str] = {}
        self._version = 0
        self._layout = 0

    @property
    def version(self) -> int:
        """Grows with each change that is worth telling at once."""
        return self._version

    @property
    def layout(self) -> int:
        """The version at which streams last came or went."""
        return self._layout

    def expect(self, cameras: Iterable[Expected], utc_us: int) -> None:
        """Show the streams of these cameras, before anybody reported on them, and no others."""
        cameras = tuple(cameras)
        self._names = {camera.id: camera.name for camera in cameras}
        self._expected = {
            (camera.id, stream): StreamStatus(
                camera=camera.id,
                stream=stream,
                state=StreamState.CONNECTING if camera.enabled else StreamState.OFF,
                since_utc_us=utc_us,
            )
            for camera in cameras
            for stream in camera.streams
        }
        self._show({key: self._known(key) or status for key, status in self._expected.items()})

    def replace(self, statuses: Iterable[StreamStatus]) -> None:
        """Take a full report. A stream that is not in it is not called yet, or not any more."""
        told = {(status.camera, status.stream): status for status in statuses}
        self._show({key: told.get(key, status) for key, status in self._expected.items()})

    def _show(self, news: Mapping[tuple[str, StreamName], StreamStatus]) -> None:
        gone = self._entries.keys() - news.keys()
        if gone or news.keys() - self._entries.keys():
            self._version += 1
            self._layout = self._version
        for key in gone:
            del self._entries[key]
        for status in news.values():
            self._put(status)

    def note(self, events: Iterable[Event]) -> None:
        """Take changes of state as they happen."""
        for event in events:
            if event.stream is None or event.state is None:
                continue
            entry = self._entries.get((event.camera, event.stream))
            if entry is not None:
                view = msgspec.structs.replace(
                    entry.view,
                    state=event.state,
                    reason=event.reason,
                    since_utc_us=event.utc_us,
                    backup=bool(event.values.get("backup")),
                )
                self._set(view)

    def media_down(self, utc_us: int) -> None:
        """The media process is gone: say so on every stream that should run."""
        for entry in list(self._entries.values()):
            if entry.view.state != StreamState.OFF:
                self._set(
                    msgspec.structs.replace(
                        entry.view,
                        state=StreamState.CONNECTING,
                        reason=MEDIA_DOWN,
                        fps=None,
                        bitrate=0,
                        readers=0,
                        transcode=None,
                        push=(),
                        since_utc_us=utc_us,
                    )
                )

    def views(self) -> list[StreamView]:
        """Return every stream, ordered by camera and stream."""
        return [self._entries[key].view for key in sorted(self._entries)]

    def view(self, ref: StreamRef) -> StreamView | None:
        """Return one stream, if it is expected."""
        entry = self._entries.get((ref.camera, ref.stream))
        return None if entry is None else entry.view

    def changed_since(self, version: int) -> list[StreamView]:
        """Return the streams whose state, reason or picture changed after ``version``."""
        return [
            self._entries[key].view
            for key in sorted(self._entries)
            if self._entries[key].changed > version
        ]

    def _known(self, key: tuple[str, StreamName]) -> StreamStatus | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        fields = msgspec.structs.asdict(entry.view)
        del fields["name"]
        fields["fps"] = fields["fps"] or 0.0
        return StreamStatus(**fields)

    def _put(self, status: StreamStatus) -> None:
        self._set(view_of(status, self._names.get(status.camera) or status.camera))

    def _set(self, view: StreamView) -> None:
        key = (view.camera, view.stream)
        entry = self._entries.get(key)
        if entry is None:
            self._entries[key] = _Entry(view, self._version)
            self._hear(view)
            return
        before = entry.view
        if _steady(before) != _steady(view):
            self._version += 1
            entry.changed = self._version
        entry.view = view
        if (before.state, before.reason) != (view.state, view.reason):
            self._hear(view)

    def _hear(self, view: StreamView) -> None:
        if self._listener is not None:
            self._listener(view)
