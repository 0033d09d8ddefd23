"""Pictures of recorded video."""

from typing import Annotated

import msgspec
from fastapi import Response
from msgspec import Meta

from vms.admin import Principal
from vms.api.answers import answer
from vms.api.caller import Caller
from vms.api.inputs import query
from vms.api.operation import Operations
from vms.api.rest import examples
from vms.api.rest.common import CameraName
from vms.api.state import ApiState, State
from vms.common import StreamName
from vms.recording import AtUs, PictureFormat, SheetIndex, SpriteView, Tile

ops = Operations("/api/v1/cameras", tag="recording")

MOST_WIDTH = 4096
# What was recorded by then can be read.
LATELY_US = 5_000_000
# By then the hour before has ended for certain.
LAST_HOUR_US = 3_720_000_000


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


class SpriteQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which hour."""

    at_us: (
        Annotated[
            AtUs, Meta(description="An instant of the hour (of UTC). Absent: the last whole one.")
        ]
        | None
    ) = None


_HOUR_US = 3_600_000_000
_BEGIN_US = examples.US - examples.US % _HOUR_US
_SHEET = SheetIndex(
    camera=examples.ID,
    stream=StreamName.SUB,
    from_us=_BEGIN_US,
    to_us=_BEGIN_US + _HOUR_US,
    width=1600,
    height=540,
    tile_width=160,
    tile_height=90,
    every_us=60_000_000,
    tiles=(Tile(_BEGIN_US + 28_400_000, 0, 0), Tile(_BEGIN_US + 88_400_000, 160, 0)),
)


@ops.get(
    "/{camera}/sprite",
    summary="Small pictures of an hour on one sheet",
    media="image/webp",
    example="(a WebP file)",
    refusals=frozenset({404, 409}),
)
async def get_sprite(
    who: Caller,
    camera: CameraName,
    asked: Annotated[SpriteQuery, query(SpriteQuery)],
    state: State,
) -> Response:
    """Return one picture a minute of the hour of an instant, all on one sheet.

    Which tile is which instant stands in `sprite/index`. An hour that has not ended has none yet.
    Looking is a line of the audit, once for each hour of video.
    """
    found = await _sheet(who, camera, asked, state)
    return Response(found.sheet.data, 200, _cached(found), "image/webp")


@ops.get(
    "/{camera}/sprite/index",
    summary="What is on the sheet of an hour",
    answer=SheetIndex,
    example=_SHEET,
    refusals=frozenset({404, 409}),
)
async def get_sprite_index(
    who: Caller,
    camera: CameraName,
    asked: Annotated[SpriteQuery, query(SpriteQuery)],
    state: State,
) -> Response:
    """Return which tile of the sheet is the picture of which instant.

    A minute without a picture has no tile.
    """
    found = await _sheet(who, camera, asked, state)
    told = answer(found.sheet.index)
    told.headers.update(_cached(found))
    return told


async def _sheet(who: Principal, camera: str, asked: SpriteQuery, state: ApiState) -> SpriteView:
    at_us = state.clock.utc_us() - LAST_HOUR_US if asked.at_us is None else asked.at_us
    return await state.recordings.sprites.at(who, camera, at_us)


def _cached(found: SpriteView) -> dict[str, str]:
    # Asked again each time, for the right to look may be gone; sent again only where it differs.
    return {"Cache-Control": "private, no-cache", "ETag": f'"{found.tag}"'}
