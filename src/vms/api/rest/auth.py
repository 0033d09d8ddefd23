"""``/api/v1/auth``: signing in and out, and the links that make an account."""

from typing import Annotated

import msgspec
from fastapi import Request, Response
from msgspec import Meta

from vms.admin import (
    AcceptDraft,
    Offer,
    PasswordText,
    SignInDraft,
    Ticket,
    Tokens,
    TokenText,
    User,
)
from vms.api.answers import answer, no_content
from vms.api.caller import Caller, Visitor, check_same_site
from vms.api.cookies import REFRESH_COOKIE, put_cookies, take_cookies
from vms.api.inputs import JSON_MEDIA, body
from vms.api.operation import Operations
from vms.api.rest import examples
from vms.api.rest.common import From
from vms.api.state import ApiState, State
from vms.common import UnauthenticatedError

ops = Operations("/api/v1/auth", tag="auth")

Cookies = Annotated[
    bool, Meta(description="A browser: the tokens come as cookies that no script reads.")
]
Code = Annotated[
    str, Meta(max_length=32, description="The authenticator's six digits, or a recovery code.")
]


class SignInBody(SignInDraft, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who signs in. The city only where a login lives in several homes."""

    cookies: Cookies = False


class SecondFactorBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The second step of signing in."""

    ticket: TokenText
    code: Code
    cookies: Cookies = False


class RefreshBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The refresh token; absent where it is a cookie."""

    refresh: TokenText | None = None
    # A link's token becomes the session of the browser that opened it.
    cookies: Cookies = False


class ResetBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new password, by a link."""

    token: TokenText
    password: PasswordText


class LinkBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands in a link."""

    token: TokenText


class SignedIn(msgspec.Struct, frozen=True, kw_only=True, tag_field="state", tag="signed_in"):
    """Somebody is signed in. Tokens are null where they came as cookies."""

    user: User
    session: str
    # Nothing is allowed before a second factor is enrolled.
    must_enrol: bool
    access: str | None
    access_expires_us: int
    refresh: str | None
    refresh_expires_us: int
    # Send it as the cookie vms_device when you sign in next: others cannot lock you out then.
    device: str | None


class SecondFactorAsked(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="state", tag="second_factor"
):
    """The password was right; the code is asked for."""

    ticket: str
    expires_us: int


class SetupState(msgspec.Struct, frozen=True):
    """Whether the first admin is still to be made."""

    needed: bool


class KeySet(msgspec.Struct, frozen=True):
    """The public keys of access tokens (RFC 7517)."""

    keys: list[dict[str, str]]


_SIGNED_IN = SignedIn(
    user=examples.USER,
    session=examples.ID,
    must_enrol=False,
    access="eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIwMWpkIn0.c2ln",
    access_expires_us=examples.US,
    refresh=examples.TOKEN,
    refresh_expires_us=examples.US,
    device="k1.01jd2q8x4t9zc7v3mhn5kwe.bWFj",
)
_LINKED = AcceptDraft(
    token=examples.TOKEN, login="ana", name="Ana", password="seven green bicycles"
)


def _signed_in(connection: Request, state: ApiState, tokens: Tokens, *, cookies: bool) -> Response:
    response = answer(
        SignedIn(
            user=tokens.user,
            session=tokens.session,
            must_enrol=tokens.must_enrol,
            access=None if cookies else tokens.access,
            access_expires_us=tokens.access_expires_us,
            refresh=None if cookies else tokens.refresh,
            refresh_expires_us=tokens.refresh_expires_us,
            device=None if cookies else tokens.device,
        )
    )
    if cookies:
        put_cookies(response, connection, tokens, state.clock.utc_us())
    return response


@ops.post(
    "/sign-in",
    summary="Sign in",
    answer=SignedIn | SecondFactorAsked,
    example=_SIGNED_IN,
    sent=SignInBody(login="ana", password="seven green bicycles"),
    refusals=frozenset({401}),
)
async def sign_in(
    request: Request,
    _visitor: Visitor,
    draft: Annotated[SignInBody, body(SignInBody)],
    visit: From,
    state: State,
) -> Response:
    """Check login and password. Where a second factor is enrolled, a ticket is the answer:
    send it with the code to `/auth/second-factor` within five minutes.
    """
    found = await state.people.sign_in.sign_in(draft, visit)
    if isinstance(found, Ticket):
        return answer(SecondFactorAsked(ticket=found.ticket, expires_us=found.expires_us))
    return _signed_in(request, state, found, cookies=draft.cookies)


@ops.post(
    "/second-factor",
    summary="Sign in, second step",
    answer=SignedIn,
    example=_SIGNED_IN,
    sent=SecondFactorBody(examples.TOKEN, "287082"),
    refusals=frozenset({401}),
)
async def sign_in_second_factor(
    request: Request,
    _visitor: Visitor,
    draft: Annotated[SecondFactorBody, body(SecondFactorBody)],
    visit: From,
    state: State,
) -> Response:
    """Check the code of an authenticator app, or a recovery code, which is used up by it."""
    tokens = await state.people.sign_in.second_factor(draft.ticket, draft.code, visit)
    return _signed_in(request, state, tokens, cookies=draft.cookies)


@ops.post(
    "/refresh",
    summary="New tokens",
    answer=SignedIn,
    example=_SIGNED_IN,
    sent=RefreshBody(examples.TOKEN),
    refusals=frozenset({401, 403, 409}),
)
async def refresh(
    request: Request,
    _visitor: Visitor,
    draft: Annotated[RefreshBody, body(RefreshBody)],
    visit: From,
    state: State,
) -> Response:
    """Exchange the refresh token, which is used up by it; a used one that comes again ends the
    session. Browsers send `{}`: theirs is a cookie.
    """
    cookies = draft.cookies or draft.refresh is None
    token = draft.refresh or request.cookies.get(REFRESH_COOKIE)
    if draft.refresh is None:
        check_same_site(request)
    if not token:
        raise UnauthenticatedError("there is no refresh token", code="not_signed_in")
    tokens = await state.people.sign_in.refresh(token, visit)
    return _signed_in(request, state, tokens, cookies=cookies)


@ops.post("/sign-out", summary="Sign out", status=204)
async def sign_out(who: Caller, state: State) -> Response:
    """End the session that asks."""
    await state.people.sign_in.sign_out(who)
    response = no_content()
    take_cookies(response)
    return response


@ops.get(
    "/setup",
    summary="Is an admin missing?",
    answer=SetupState,
    example=SetupState(needed=False),
)
async def get_setup(_visitor: Visitor, state: State) -> Response:
    """Tell whether the first admin is still to be made, by the link that the server printed."""
    return answer(SetupState(await state.people.setup.is_needed()))


@ops.post(
    "/setup",
    summary="First admin",
    status=201,
    answer=User,
    example=examples.USER,
    sent=_LINKED,
    refusals=frozenset({404, 409}),
)
async def accept_setup(
    _visitor: Visitor,
    draft: Annotated[AcceptDraft, body(AcceptDraft)],
    visit: From,
    state: State,
) -> Response:
    """Make the first admin by the setup link. Sign in next, and enrol a second factor."""
    user = await state.people.setup.accept(draft, visit, state.own.data)
    return answer(user, status=201)


@ops.post(
    "/invitations/look",
    summary="What a link offers",
    answer=Offer,
    example=Offer(home="sp", role="operador", login=None, expires_us=examples.US),
    sent=LinkBody(examples.TOKEN),
    refusals=frozenset({404}),
)
async def look_at_invitation(
    _visitor: Visitor, draft: Annotated[LinkBody, body(LinkBody)], state: State
) -> Response:
    """Tell the holder of a link what it is for."""
    return answer(await state.people.invitations.look(draft.token))


@ops.post(
    "/invitations/accept",
    summary="Accept an invitation",
    status=201,
    answer=User,
    example=examples.USER,
    sent=_LINKED,
    refusals=frozenset({403, 404, 409}),
)
async def accept_invitation(
    _visitor: Visitor,
    draft: Annotated[AcceptDraft, body(AcceptDraft)],
    visit: From,
    state: State,
) -> Response:
    """Become a user by the link of an invitation, which is used up by it."""
    return answer(await state.people.invitations.accept(draft, visit), status=201)


@ops.post(
    "/password-reset",
    summary="Set a password by a link",
    status=204,
    sent=ResetBody(examples.TOKEN, "seven green bicycles"),
    refusals=frozenset({404}),
)
async def reset_password(
    _visitor: Visitor, draft: Annotated[ResetBody, body(ResetBody)], visit: From, state: State
) -> Response:
    """Set a new password by the link that an admin made; all sessions end."""
    await state.people.invitations.accept_reset(draft.token, draft.password, visit)
    return no_content()


@ops.get(
    "/jwks",
    summary="Public keys",
    answer=KeySet,
    example=KeySet([{"kty": "RSA", "kid": "k1", "alg": "RS256", "use": "sig", "e": "AQAB"}]),
)
async def get_jwks(_visitor: Visitor, state: State) -> Response:
    """Return the keys that access tokens are checked with, for other services."""
    found = msgspec.json.encode(state.people.keys.jwks())
    return Response(found, 200, {"Cache-Control": "public, max-age=60"}, JSON_MEDIA)
