"""``/api/v1/streams``: every stream, its state and the reason for it."""

from typing import Annotated

import msgspec
from fastapi import Response

from vms.api.answers import answer
from vms.api.caller import Caller
from vms.api.events import EventQuery, Sight
from vms.api.inputs import path_name
from vms.api.operation import Operations
from vms.api.state import State
from vms.common import CAMERA_ID_PATTERN, NotFoundError, StreamName, stream_ref
from vms.engine import StreamState
from vms.ingest import StreamView

ops = Operations("/api/v1/streams", tag="streams")


class StreamPage(msgspec.Struct, frozen=True):
    """A page of streams; ``next`` is the cursor of the one after."""

    items: list[StreamView]
    next: str | None = None


CameraName = Annotated[str, path_name("camera", CAMERA_ID_PATTERN, "gate", "The camera's id.")]
StreamPart = Annotated[str, path_name("stream", "main|sub", "main", "Main or sub-stream.")]

_EXAMPLE = StreamView(
    camera="gate",
    name="Gate",
    stream=StreamName.MAIN,
    state=StreamState.LIVE,
    reason=None,
    codec="h264",
    width=1920,
    height=1080,
    fps=25.0,
    bitrate=4_000_000,
    readers=2,
    drops=0,
    reconnects=0,
    clock_offset_ms=-3,
    since_utc_us=1_700_000_000_000_000,
)


@ops.get("", summary="Every stream", answer=StreamPage, example=StreamPage([_EXAMPLE]))
async def list_streams(who: Caller, state: State) -> Response:
    """Return every stream that one may watch, ordered by camera and stream."""
    return answer(StreamPage(await state.wall.streams(Sight(who, EventQuery()))))


@ops.get("/{camera}/{stream}", summary="One stream", answer=StreamView, example=_EXAMPLE)
async def get_stream(who: Caller, camera: CameraName, stream: StreamPart, state: State) -> Response:
    """Return one stream."""
    wanted = stream_ref(f"{camera}/{stream}")
    for view in await state.wall.streams(Sight(who, EventQuery())):
        if (view.camera, view.stream) == (wanted.camera, wanted.stream):
            return answer(view)
    raise NotFoundError(
        f"there is no stream {wanted}", code="not_found", values={"stream": str(wanted)}
    )
