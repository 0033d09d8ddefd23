"""``/api/v1/streams``: every stream, its state and the reason for it."""

from bisect import bisect_right
from typing import Annotated

import msgspec
from fastapi import Response

from vms.api.answers import answer, answer_page
from vms.api.caller import Caller
from vms.api.events import EventQuery, Sight
from vms.api.inputs import ListQuery, body, path_name, query
from vms.api.operation import Operations
from vms.api.state import State
from vms.common import (
    CAMERA_ID_PATTERN,
    CameraId,
    NotFoundError,
    Page,
    Slice,
    StreamName,
    StreamRef,
    stream_ref,
)
from vms.engine import StreamState
from vms.ingest import StreamView
from vms.streaming import MOST_AT_ONCE, AddressKind, SignedAddress

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


@ops.get("", summary="Streams", answer=StreamPage, example=StreamPage([_EXAMPLE]))
async def list_streams(
    who: Caller, asked: Annotated[ListQuery, query(ListQuery)], state: State
) -> Response:
    """Return the streams one may watch, ordered by camera and stream."""
    page = state.cursors.page(asked)
    views = await state.wall.streams(Sight(who, EventQuery()))
    return answer_page(_page_of(views, page), asked, state.cursors, StreamView)


def _page_of(views: list[StreamView], page: Page) -> Slice[StreamView]:
    """Return a page of streams in their order; one that has gone since leaves no gap."""
    begin = 0
    if page.after is not None:
        begin = bisect_right(views, stream_ref(page.after), key=_ref)
    items = tuple(views[begin : begin + page.limit])
    more = begin + page.limit < len(views)
    return Slice(items, str(_ref(items[-1])) if more else None)


def _ref(view: StreamView) -> StreamRef:
    return StreamRef(CameraId(view.camera), view.stream)


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


class AddressBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a stream is to be opened; ``renew`` goes on with what is open already."""

    kind: AddressKind = AddressKind.WEBRTC
    renew: bool = False


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A stream of a camera."""

    camera: Annotated[str, msgspec.Meta(pattern=f"^{CAMERA_ID_PATTERN}$")]
    stream: StreamName = StreamName.MAIN


class AddressesBody(AddressBody, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Several streams at once, as a wall opens them."""

    streams: Annotated[list[Wanted], msgspec.Meta(min_length=1, max_length=MOST_AT_ONCE)]


class Signed(msgspec.Struct, frozen=True):
    """The Bearer that opens one session of one stream, once, until it runs out."""

    camera: str
    stream: StreamName
    address: str
    expires_us: int


class SignedList(msgspec.Struct, frozen=True):
    """One for each stream that was asked for, in that order."""

    items: list[Signed]


_SIGNED = Signed("gate", StreamName.MAIN, "v1.01jd.eyJjIjoiZ2F0ZSJ9.c2ln", 1_700_000_300_000_000)


def _signed(one: SignedAddress) -> Signed:
    return Signed(one.stream.camera, one.stream.stream, one.address, one.expires_us)


@ops.post(
    "/addresses",
    summary="Signed addresses of several streams",
    answer=SignedList,
    example=SignedList([_SIGNED]),
    sent=AddressesBody(streams=[Wanted("gate")]),
    refusals=frozenset({404}),
)
async def sign_addresses(
    who: Caller, wanted: Annotated[AddressesBody, body(AddressesBody)], state: State
) -> Response:
    """Return an address for each stream, or refuse them all."""
    refs = [stream_ref(f"{one.camera}/{one.stream}") for one in wanted.streams]
    return answer(SignedList([_signed(one) for one in await _sign(who, refs, wanted, state)]))


@ops.post(
    "/{camera}/{stream}/address",
    summary="The signed address of a stream",
    answer=Signed,
    example=_SIGNED,
    sent=AddressBody(),
)
async def sign_address(
    who: Caller,
    camera: CameraName,
    stream: StreamPart,
    wanted: Annotated[AddressBody, body(AddressBody)],
    state: State,
) -> Response:
    """Return the Bearer that opens one session of a stream within five minutes."""
    (one,) = await _sign(who, [stream_ref(f"{camera}/{stream}")], wanted, state)
    return answer(_signed(one))


async def _sign(
    who: Caller, refs: list[StreamRef], wanted: AddressBody, state: State
) -> tuple[SignedAddress, ...]:
    return await state.addresses.sign(who, refs, wanted.kind, renew=wanted.renew)
