"""``/api/v1/invitations``, ``/api/v1/api-keys`` and ``/api/v1/stream-keys``: ways in for others."""

import contextlib
from typing import Annotated

import msgspec
from fastapi import Request, Response
from msgspec import Meta

from vms.admin import (
    ApiKey,
    ApiKeyDraft,
    Invitation,
    InvitationDraft,
    NewApiKey,
    NewInvitation,
    NewStreamKey,
    Principal,
    Scope,
    ScopeKind,
    StreamKey,
    StreamKeyDraft,
)
from vms.api.answers import answer, answer_page, no_content
from vms.api.caller import Caller
from vms.api.inputs import body, query
from vms.api.operation import Operations
from vms.api.rest import examples
from vms.api.rest.common import HomeQuery, id_in_path
from vms.api.state import ApiState, State
from vms.api.visit import visit_of
from vms.common import ForbiddenError, NotFoundError, StreamName, is_published
from vms.streaming import PublishAddress, publish_addresses

invitations = Operations("/api/v1/invitations", tag="users")
# Of the examples.
_SECRET = "k3fq81hd9c2mx7pzk3fq81hd9c"

api_keys = Operations("/api/v1/api-keys", tag="keys")
stream_keys = Operations("/api/v1/stream-keys", tag="keys")


class InvitationPage(msgspec.Struct, frozen=True):
    """A page of open links."""

    items: list[Invitation]
    next: str | None = None


class ApiKeyPage(msgspec.Struct, frozen=True):
    """A page of API keys."""

    items: list[ApiKey]
    next: str | None = None


class StreamKeyPage(msgspec.Struct, frozen=True):
    """A page of stream keys."""

    items: list[StreamKey]
    next: str | None = None


class NewStreamKeyView(NewStreamKey, frozen=True, kw_only=True):
    """A stream key with its secret and, where it publishes for one camera, where to send."""

    # Empty for a key that views, and for one of several cameras. Secret.
    publish_to: tuple[PublishAddress, ...] = ()


class KeyQuery(HomeQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whose keys."""

    everybodys: Annotated[
        bool, Meta(description="Everybody's that one manages; else one's own alone.")
    ] = False


InvitationName = Annotated[str, id_in_path("invitation", "The invitation's id.")]
KeyName = Annotated[str, id_in_path("key", "The key's id.")]


@invitations.get(
    "", summary="Open links", answer=InvitationPage, example=InvitationPage([examples.INVITATION])
)
async def list_invitations(
    who: Caller, asked: Annotated[HomeQuery, query(HomeQuery)], state: State
) -> Response:
    """Return invitations and password links that are open, without their tokens."""
    found = await state.people.invitations.list(who, state.cursors.page(asked), home=asked.home)
    return answer_page(found, asked, state.cursors, Invitation)


@invitations.post(
    "",
    summary="Invite somebody",
    status=201,
    answer=NewInvitation,
    example=examples.NEW_INVITATION,
    sent=InvitationDraft(role="operador", scope="city:sp", note="for the night shift"),
    refusals=frozenset({404}),
)
async def create_invitation(
    who: Caller, draft: Annotated[InvitationDraft, body(InvitationDraft)], state: State
) -> Response:
    """Make a link by which somebody becomes a user with a role. Its token is shown once."""
    return answer(await state.people.invitations.create(who, draft), status=201)


@invitations.delete("/{invitation}", summary="Withdraw a link", status=204)
async def delete_invitation(who: Caller, invitation: InvitationName, state: State) -> Response:
    """Withdraw an invitation or a password link."""
    await state.people.invitations.revoke(who, invitation)
    return no_content()


@api_keys.get("", summary="API keys", answer=ApiKeyPage, example=ApiKeyPage([examples.API_KEY]))
async def list_api_keys(
    who: Caller, asked: Annotated[KeyQuery, query(KeyQuery)], state: State
) -> Response:
    """Return API keys without their secrets."""
    found = await state.people.api_keys.list(
        who, state.cursors.page(asked), home=asked.home, everybodys=asked.everybodys
    )
    return answer_page(found, asked, state.cursors, ApiKey)


@api_keys.post(
    "",
    summary="New API key",
    status=201,
    answer=NewApiKey,
    example=NewApiKey(key=examples.API_KEY, token=f"vms_{examples.ID}_{examples.TOKEN}"),
    sent=ApiKeyDraft(name="report", role="visualizador", scope="city:sp"),
    refusals=frozenset({404}),
)
async def create_api_key(
    who: Caller, draft: Annotated[ApiKeyDraft, body(ApiKeyDraft)], state: State
) -> Response:
    """Make an API key; it never may more than its owner. Its token is shown once."""
    return answer(await state.people.api_keys.create(who, draft), status=201)


@api_keys.delete("/{key}", summary="Withdraw an API key", status=204)
async def delete_api_key(who: Caller, key: KeyName, state: State) -> Response:
    """Withdraw an API key; it is refused within a second."""
    await state.people.api_keys.revoke(who, key)
    return no_content()


@stream_keys.get(
    "", summary="Stream keys", answer=StreamKeyPage, example=StreamKeyPage([examples.STREAM_KEY])
)
async def list_stream_keys(
    who: Caller, asked: Annotated[KeyQuery, query(KeyQuery)], state: State
) -> Response:
    """Return stream keys without their secrets."""
    found = await state.people.stream_keys.list(
        who, state.cursors.page(asked), home=asked.home, everybodys=asked.everybodys
    )
    return answer_page(found, asked, state.cursors, StreamKey)


@stream_keys.post(
    "",
    summary="New stream key",
    status=201,
    answer=NewStreamKeyView,
    example=NewStreamKeyView(
        key=examples.PUBLISHING_KEY,
        secret=_SECRET,
        publish_to=publish_addresses(
            {"srt": "0.0.0.0:8890", "rtmp": "0.0.0.0:1935"},
            "vms.example.org",
            "gate",
            (StreamName.MAIN,),
            (examples.ID, _SECRET),
            origin="https://vms.example.org",
        ),
    ),
    sent=StreamKeyDraft(name="encoder", scope="camera:sp/gate", publish=True),
    refusals=frozenset({404}),
)
async def create_stream_key(
    who: Caller,
    draft: Annotated[StreamKeyDraft, body(StreamKeyDraft)],
    request: Request,
    state: State,
) -> Response:
    """Make a key for players, or with `publish` for cameras that call.

    Its id is the user name, its secret the password, shown once. A key that publishes for one
    camera comes with the addresses to type into its encoder; who makes it manages the camera.
    """
    made = await state.people.stream_keys.create(who, draft)
    found = NewStreamKeyView(
        key=made.key, secret=made.secret, publish_to=await _publish_to(who, made, request, state)
    )
    return answer(found, status=201)


async def _publish_to(
    who: Principal, made: NewStreamKey, request: Request, state: ApiState
) -> tuple[PublishAddress, ...]:
    """Return where the camera of a key sends its streams: those that are waited for, else main."""
    scope = Scope.parse(made.key.scope)
    if not made.key.publish or scope.kind is not ScopeKind.CAMERA:
        return ()
    streams: tuple[StreamName, ...] = ()
    # Who manages a camera without reading it gets the address of its main stream.
    with contextlib.suppress(NotFoundError, ForbiddenError):
        camera = await state.cameras.cameras.get(who, scope.id)
        streams = tuple(
            name for name, address in camera.addresses().items() if is_published(address)
        )
    scheme = "https" if visit_of(request).secure else "http"
    return publish_addresses(
        state.watch.listeners,
        request.url.hostname or "",
        scope.id,
        streams or (StreamName.MAIN,),
        (made.key.id, made.secret),
        origin=f"{scheme}://{request.url.netloc}" if request.url.netloc else "",
    )


@stream_keys.delete("/{key}", summary="Withdraw a stream key", status=204)
async def delete_stream_key(who: Caller, key: KeyName, state: State) -> Response:
    """Withdraw a stream key; who plays by it is cut."""
    await state.people.stream_keys.revoke(who, key)
    return no_content()
