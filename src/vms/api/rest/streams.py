"""``/api/v1/streams``: every stream, its state and the reason for it."""

import msgspec
from fastapi import APIRouter, Response

from vms.api.state import State
from vms.common import NotFoundError, stream_ref
from vms.ingest import StreamView

router = APIRouter(prefix="/api/v1/streams", tags=["streams"])


class StreamPage(msgspec.Struct, frozen=True):
    """A page of streams; ``next`` is the cursor of the one after."""

    items: list[StreamView]
    next: str | None = None


def _json(value: object) -> Response:
    # Encoded by msgspec: lists are the hot path, and models cost four times as much.
    return Response(
        msgspec.json.encode(value), 200, {"Cache-Control": "no-store"}, "application/json"
    )


@router.get("", summary="Every stream")
async def list_streams(state: State) -> Response:
    """Return every stream, ordered by camera and stream."""
    return _json(StreamPage(await state.watch.streams()))


@router.get("/{camera}/{stream}", summary="One stream")
async def get_stream(camera: str, stream: str, state: State) -> Response:
    """Return one stream."""
    wanted = stream_ref(f"{camera}/{stream}")
    for view in await state.watch.streams():
        if (view.camera, view.stream) == (wanted.camera, wanted.stream):
            return _json(view)
    raise NotFoundError(
        f"there is no stream {wanted}", code="not_found", values={"stream": str(wanted)}
    )
