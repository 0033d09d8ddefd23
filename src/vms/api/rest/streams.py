"""``/api/v1/streams``: every stream, its state and the reason for it."""

from bisect import bisect_right
from typing import Annotated

import msgspec
from fastapi import Response

from vms.admin import Principal
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
of_camera = Operations("/api/v1/cameras", tag="streams")


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
    view = await state.wall.stream(Sight(who, EventQuery()), wanted)
    if view is None:
        raise NotFoundError(
            f"there is no stream {wanted}", code="not_found", values={"stream": str(wanted)}
        )
    return answer(view)


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


class RelayServer(msgspec.Struct, frozen=True):
    """An entry of the browser's ``iceServers``; STUN has neither name nor password."""

    urls: tuple[str, ...]
    username: str | None = None
    credential: str | None = None


class Signed(msgspec.Struct, frozen=True):
    """The Bearer that opens one session of one stream, once, until it runs out."""

    camera: str
    stream: StreamName
    address: str
    expires_us: int
    # Where WebRTC finds its way to us, beside the addresses in its answer.
    ice_servers: list[RelayServer] = msgspec.field(default_factory=list)


class SignedList(msgspec.Struct, frozen=True):
    """One for each stream that was asked for, in that order."""

    items: list[Signed]
    ice_servers: list[RelayServer] = msgspec.field(default_factory=list)


_RELAY = RelayServer(("turn:turn.example.com:3478",), "1700003600:u-ana", "c2VjcmV0")
_SIGNED = Signed("gate", StreamName.MAIN, "v1.01jd.eyJjIjoiZ2F0ZSJ9.c2ln", 1_700_000_300_000_000)


def _signed(one: SignedAddress) -> Signed:
    return Signed(one.stream.camera, one.stream.stream, one.address, one.expires_us)


def _relays(who: Principal, wanted: AddressBody, state: State) -> tuple[RelayServer, ...]:
    if wanted.kind is not AddressKind.WEBRTC or wanted.renew:
        return ()
    return tuple(
        RelayServer(one.urls, one.username or None, one.credential or None)
        for one in state.addresses.ice_servers(who)
    )


def _linked(response: Response, relays: tuple[RelayServer, ...]) -> Response:
    """Tell the servers as WHEP does too (RFC 9725, section 4.6)."""
    for relay in relays:
        proof = ""
        if relay.username is not None:
            proof = f'; username="{relay.username}"; credential="{relay.credential}"'
            proof += '; credential-type="password"'
        for url in relay.urls:
            response.headers.append("Link", f'<{url}>; rel="ice-server"{proof}')
    return response


@ops.post(
    "/addresses",
    summary="Signed addresses of several streams",
    answer=SignedList,
    example=SignedList([_SIGNED], [_RELAY]),
    sent=AddressesBody(streams=[Wanted("gate")]),
    refusals=frozenset({404}),
)
async def sign_addresses(
    who: Caller, wanted: Annotated[AddressesBody, body(AddressesBody)], state: State
) -> Response:
    """Return an address for each stream, or refuse them all."""
    refs = [stream_ref(f"{one.camera}/{one.stream}") for one in wanted.streams]
    items = [_signed(one) for one in await _sign(who, refs, wanted, state)]
    relays = _relays(who, wanted, state)
    return _linked(answer(SignedList(items, list(relays))), relays)


@ops.post(
    "/{camera}/{stream}/address",
    summary="The signed address of a stream",
    answer=Signed,
    example=msgspec.structs.replace(_SIGNED, ice_servers=[_RELAY]),
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
    relays = _relays(who, wanted, state)
    signed = msgspec.structs.replace(_signed(one), ice_servers=list(relays))
    return _linked(answer(signed), relays)


class TalkAddress(Signed, frozen=True):
    """The Bearer of one talk, and where its offer of WebRTC is sent to."""

    path: str = ""


@of_camera.post(
    "/{camera}/talk/address",
    summary="The signed address to talk to a camera",
    answer=TalkAddress,
    example=TalkAddress(
        _SIGNED.camera,
        _SIGNED.stream,
        _SIGNED.address,
        _SIGNED.expires_us,
        [_RELAY],
        path="/talk/gate",
    ),
    refusals=frozenset({404}),
)
async def sign_talk(who: Caller, camera: CameraName, state: State) -> Response:
    """Return the Bearer that opens one talk within five minutes; each is a line of the audit.

    The offer is POSTed to `path` as with WHIP, with one audio line of PCMU or PCMA that sends, and
    `DELETE` at the session's address ends it. One person talks to a camera at a time: a second is
    refused with 409 `camera_busy_talking`. Where a camera cannot be talked to it is 422 and why.
    """
    one = await state.addresses.sign_talk(who, CameraId(camera))
    relays = _relays(who, AddressBody(), state)
    signed = TalkAddress(
        camera,
        one.stream.stream,
        one.address,
        one.expires_us,
        list(relays),
        path=f"/talk/{camera}",
    )
    return _linked(answer(signed), relays)


async def _sign(
    who: Caller, refs: list[StreamRef], wanted: AddressBody, state: State
) -> tuple[SignedAddress, ...]:
    return await state.addresses.sign(who, refs, wanted.kind, renew=wanted.renew)
