"""Pictures of recorded video."""

from typing import Annotated

import msgspec
from fastapi import Response
from msgspec import Meta

from vms.api.caller import Caller
from vms.api.inputs import path_name, query
from vms.api.operation import Operations
from vms.api.rest import examples
from vms.api.state import State
from vms.common import CAMERA_ID_PATTERN, StreamName
from vms.recording import AtUs, PictureFormat

ops = Operations("/api/v1/cameras", tag="recording")

CameraName = Annotated[str, path_name("camera", CAMERA_ID_PATTERN, examples.ID, "The camera's id.")]
MOST_WIDTH = 4096
# What was recorded by then can be read.
LATELY_US = 5_000_000


class PictureQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which picture, and how large."""

    at_us: Annotated[AtUs, Meta(description="Absent: a few seconds ago.")] | None = None
    stream: Annotated[StreamName, Meta(description="Of which stream.")] = StreamName.MAIN
    width: Annotated[
        int, Meta(ge=0, le=MOST_WIDTH, description="0: as the video. Never larger than it.")
    ] = 0
    format: Annotated[PictureFormat, Meta(description="How it is encoded.")] = PictureFormat.JPEG
    exact: Annotated[
        bool, Meta(description="The frame of the instant, not the key frame before it.")
    ] = False


@ops.get(
    "/{camera}/picture",
    summary="The picture of an instant",
    media="image/*",
    example="(a JPEG or WebP file)",
    refusals=frozenset({404}),
)
async def get_picture(
    who: Caller,
    camera: CameraName,
    asked: Annotated[PictureQuery, query(PictureQuery)],
    state: State,
) -> Response:
    """Return the key frame before an instant, or the next one where nothing was recorded then.

    `Vms-At` tells when it was taken. Looking is a line of the audit, once for each hour of video.
    """
    found = await state.recordings.pictures.at(
        who,
        camera,
        asked.stream,
        state.clock.utc_us() - LATELY_US if asked.at_us is None else asked.at_us,
        exact=asked.exact,
        width=asked.width,
        picture_format=asked.format,
    )
    headers = {"Cache-Control": "no-store", "Vms-At": str(found.at_us)}
    return Response(found.data, 200, headers, f"image/{found.format}")
