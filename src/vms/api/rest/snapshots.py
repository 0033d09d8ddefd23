"""Stills of live pictures."""

from typing import Annotated

import msgspec
from fastapi import Response
from msgspec import Meta

from vms.api.caller import Caller
from vms.api.events import EventQuery, Sight
from vms.api.inputs import query
from vms.api.operation import Operations
from vms.api.rest.common import CameraName
from vms.api.state import State
from vms.common import StreamName, UnavailableError, stream_ref
from vms.engine import StreamState

ops = Operations("/api/v1/cameras", tag="streams")

MOST_WIDTH = 4096


class SnapshotQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which picture, and how large."""

    stream: Annotated[StreamName, Meta(description="Of which stream.")] = StreamName.MAIN
    width: Annotated[
        int, Meta(ge=0, le=MOST_WIDTH, description="0: as the video. Never larger than it.")
    ] = 0


@ops.get(
    "/{camera}/snapshot.jpg",
    summary="The picture of now",
    media="image/jpeg",
    example="(a JPEG file)",
    refusals=frozenset({404, 503}),
)
async def get_snapshot(
    who: Caller,
    camera: CameraName,
    asked: Annotated[SnapshotQuery, query(SnapshotQuery)],
    state: State,
) -> Response:
    """Return the newest key frame of a live stream, whether it is recorded or not.

    `Vms-At` tells when it was taken. One picture serves all who ask within a second. Looking is a
    line of the audit, once for each hour. A camera that is not live is refused with its reason.
    """
    wanted = stream_ref(f"{camera}/{asked.stream}")
    view = await state.wall.stream(Sight(who, EventQuery()), wanted)
    # Whether somebody who does not see it may look is told below.
    if view is not None and view.state != StreamState.LIVE:
        reason = view.reason.code if view.reason is not None else view.state.value
        raise UnavailableError(
            f"{wanted} is not live: {reason}",
            code="camera_not_live",
            values={"stream": str(wanted), "state": view.state.value, "reason": reason},
        )
    taken = await state.own.snapshots.take(who, wanted, asked.width)
    headers = {"Cache-Control": "no-store", "Vms-At": str(taken.at_us)}
    return Response(taken.data, 200, headers, "image/jpeg")
