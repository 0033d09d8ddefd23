"""``/api/v1/auth/me`` and what else one does to one's own account."""

from typing import Annotated

import msgspec
from fastapi import Response

from vms.admin import Enrolment, Me, OwnChange, PasswordText, RecoveryCodes, Session, User
from vms.api.answers import answer, no_content
from vms.api.caller import Caller
from vms.api.inputs import IfMatch, body
from vms.api.operation import Operations
from vms.api.rest import examples
from vms.api.rest.auth import Code
from vms.api.rest.common import Done, id_in_path
from vms.api.state import State

ops = Operations("/api/v1/auth", tag="account")


class PasswordBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One's old password and the new one."""

    current: PasswordText
    new: PasswordText


class CodeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The code of an authenticator app."""

    code: Code


class SessionPage(msgspec.Struct, frozen=True):
    """All sessions of a user; they fit on one page."""

    items: tuple[Session, ...]
    next: str | None = None


SessionName = Annotated[str, id_in_path("session", "The session's id.")]
_CODES = RecoveryCodes(codes=("k3fq-81hd", "9c2m-x7pz"))


@ops.get("/me", summary="Who am I?", answer=Me, example=examples.ME, versioned=True)
async def get_me(who: Caller, state: State) -> Response:
    """Return who asks and what he may do."""
    me = await state.people.principals.me(who)
    return answer(me, version=None if me.user is None else me.user.version)


@ops.patch(
    "/me",
    summary="Change my account",
    answer=User,
    example=examples.USER,
    sent=OwnChange(name="Ana", language="pt"),
    versioned=True,
)
async def change_me(
    who: Caller,
    change: Annotated[OwnChange, body(OwnChange)],
    version: IfMatch,
    state: State,
) -> Response:
    """Change one's own name, address and language."""
    user = await state.people.users.change_self(who, version, change)
    return answer(user, version=user.version)


@ops.post(
    "/password",
    summary="Change my password",
    status=204,
    sent=PasswordBody("seven green bicycles", "eight blue tricycles"),
)
async def change_password(
    who: Caller, draft: Annotated[PasswordBody, body(PasswordBody)], state: State
) -> Response:
    """Change one's own password; every other session ends."""
    await state.people.users.change_password(who, draft.current, draft.new)
    return no_content()


@ops.post(
    "/totp",
    summary="Enrol a second factor",
    answer=Enrolment,
    example=Enrolment(
        secret="JBSWY3DPEHPK3PXP", url="otpauth://totp/VMS:ana?secret=JBSWY3DPEHPK3PXP&issuer=VMS"
    ),
)
async def begin_totp(who: Caller, state: State) -> Response:
    """Return a secret for an authenticator app; it counts once a code proves it."""
    return answer(await state.people.second_factor.begin(who))


@ops.post(
    "/totp/confirm",
    summary="Confirm a second factor",
    answer=RecoveryCodes,
    example=_CODES,
    sent=CodeBody("287082"),
)
async def confirm_totp(
    who: Caller, draft: Annotated[CodeBody, body(CodeBody)], state: State
) -> Response:
    """Prove the secret by a code. The recovery codes are shown this once; other sessions end."""
    return answer(await state.people.second_factor.confirm(who, draft.code))


@ops.post("/totp/remove", summary="Remove my second factor", status=204, sent=CodeBody("287082"))
async def remove_totp(
    who: Caller, draft: Annotated[CodeBody, body(CodeBody)], state: State
) -> Response:
    """Remove the second factor; who must have one can then only enrol another."""
    await state.people.second_factor.remove(who, draft.code)
    return no_content()


@ops.post(
    "/recovery-codes",
    summary="New recovery codes",
    answer=RecoveryCodes,
    example=_CODES,
    sent=CodeBody("287082"),
)
async def renew_recovery_codes(
    who: Caller, draft: Annotated[CodeBody, body(CodeBody)], state: State
) -> Response:
    """Replace all recovery codes; a one-time code proves that one may."""
    return answer(await state.people.second_factor.renew_codes(who, draft.code))


@ops.get(
    "/sessions", summary="My sessions", answer=SessionPage, example=SessionPage((examples.SESSION,))
)
async def list_my_sessions(who: Caller, state: State) -> Response:
    """Return where one is signed in."""
    return answer(SessionPage(await state.people.sessions.list(who)))


@ops.delete("/sessions", summary="End my other sessions", answer=Done, example=Done(2))
async def end_my_sessions(who: Caller, state: State) -> Response:
    """End all of one's own sessions but the one that asks."""
    return answer(Done(await state.people.sessions.revoke_all(who)))


@ops.delete("/sessions/{session}", summary="End a session", status=204)
async def end_session(who: Caller, session: SessionName, state: State) -> Response:
    """End a session: one's own, or one of a user whom one manages."""
    await state.people.sessions.revoke(who, session)
    return no_content()
