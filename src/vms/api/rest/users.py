"""``/api/v1/users``: the people of a city or of the platform, and what they are granted."""

from typing import Annotated

import msgspec
from fastapi import Response

from vms.admin import Grant, GrantDraft, NewInvitation, User, UserChange, UserDraft
from vms.api.answers import answer, answer_page, no_content
from vms.api.caller import Caller
from vms.api.inputs import IfMatch, body, query
from vms.api.operation import Operations
from vms.api.rest import examples
from vms.api.rest.account import SessionPage
from vms.api.rest.common import Done, HomeQuery, PartText, id_in_path
from vms.api.state import State

ops = Operations("/api/v1/users", tag="users")


class UserPage(msgspec.Struct, frozen=True):
    """A page of users."""

    items: list[User]
    next: str | None = None


class UserQuery(HomeQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which users."""

    text: PartText | None = None


class GrantPage(msgspec.Struct, frozen=True):
    """All grants of a holder; they fit on one page."""

    items: tuple[Grant, ...]
    next: str | None = None


UserName = Annotated[str, id_in_path("user", "The user's id.")]
GrantName = Annotated[str, id_in_path("grant", "The grant's id.")]


@ops.get("", summary="Users", answer=UserPage, example=UserPage([examples.USER]))
async def list_users(
    who: Caller, asked: Annotated[UserQuery, query(UserQuery)], state: State
) -> Response:
    """Return users in the order of their making; `text` is part of a name or login."""
    page = state.cursors.page(asked)
    found = await state.people.users.list(who, page, home=asked.home, text=asked.text)
    return answer_page(found, asked, state.cursors, User)


@ops.post(
    "",
    summary="New user",
    status=201,
    answer=User,
    example=examples.USER,
    sent=UserDraft(
        login="ana",
        name="Ana",
        password="seven green bicycles",
        grants=(GrantDraft(role="operador", scope="city:sp"),),
    ),
    refusals=frozenset({404}),
    versioned=True,
)
async def create_user(
    who: Caller, draft: Annotated[UserDraft, body(UserDraft)], state: State
) -> Response:
    """Make a user. Better is an invitation: then nobody else knows the password."""
    user = await state.people.users.create(who, draft)
    return answer(user, status=201, version=user.version, location=f"/api/v1/users/{user.id}")


@ops.get("/{user}", summary="User", answer=User, example=examples.USER, versioned=True)
async def get_user(who: Caller, user: UserName, state: State) -> Response:
    """Return a user."""
    found = await state.people.users.get(who, user)
    return answer(found, version=found.version)


@ops.patch(
    "/{user}",
    summary="Change a user",
    answer=User,
    example=examples.USER,
    sent=UserChange(name="Ana", enabled=True),
    refusals=frozenset({409}),
    versioned=True,
)
async def change_user(
    who: Caller,
    user: UserName,
    change: Annotated[UserChange, body(UserChange)],
    version: IfMatch,
    state: State,
) -> Response:
    """Change a user; a field that is not sent stays. To disable one ends his sessions."""
    found = await state.people.users.change(who, user, version, change)
    return answer(found, version=found.version)


@ops.delete("/{user}", summary="Delete a user", status=204, refusals=frozenset({409}))
async def delete_user(who: Caller, user: UserName, version: IfMatch, state: State) -> Response:
    """Delete a user with his sessions, grants and keys."""
    await state.people.users.delete(who, user, version)
    return no_content()


@ops.post(
    "/{user}/password-reset",
    summary="Link for a new password",
    status=201,
    answer=NewInvitation,
    example=examples.NEW_INVITATION,
)
async def create_password_reset(who: Caller, user: UserName, state: State) -> Response:
    """Make the link by which the user sets a new password, good for a day. Shown once."""
    return answer(await state.people.invitations.create_reset(who, user), status=201)


@ops.delete("/{user}/second-factor", summary="Remove a second factor", status=204)
async def reset_second_factor(who: Caller, user: UserName, state: State) -> Response:
    """Remove the second factor of somebody who lost it; his sessions end."""
    await state.people.second_factor.reset(who, user)
    return no_content()


@ops.get(
    "/{user}/sessions",
    summary="Sessions of a user",
    answer=SessionPage,
    example=SessionPage((examples.SESSION,)),
)
async def list_sessions(who: Caller, user: UserName, state: State) -> Response:
    """Return where a user is signed in."""
    return answer(SessionPage(await state.people.sessions.list(who, user)))


@ops.delete("/{user}/sessions", summary="End the sessions of a user", answer=Done, example=Done(2))
async def end_sessions(who: Caller, user: UserName, state: State) -> Response:
    """Sign a user out everywhere."""
    return answer(Done(await state.people.sessions.revoke_all(who, user)))


@ops.get(
    "/{user}/grants",
    summary="Grants of a user",
    answer=GrantPage,
    example=GrantPage((examples.GRANT,)),
)
async def list_grants(who: Caller, user: UserName, state: State) -> Response:
    """Return which roles a user has where; those of his groups are not among them."""
    return answer(GrantPage(await state.people.grants.list(who, "user", user)))


@ops.post(
    "/{user}/grants",
    summary="Grant a role",
    status=201,
    answer=Grant,
    example=examples.GRANT,
    sent=GrantDraft(role="operador", scope="group:sp/g1"),
)
async def give_grant(
    who: Caller, user: UserName, draft: Annotated[GrantDraft, body(GrantDraft)], state: State
) -> Response:
    """Give a user a role in a scope. Nobody grants what he does not hold himself."""
    return answer(await state.people.grants.give(who, "user", user, draft), status=201)


grants = Operations("/api/v1/grants", tag="users")


@grants.delete("/{grant}", summary="Take a grant back", status=204, refusals=frozenset({409}))
async def take_grant(who: Caller, grant: GrantName, state: State) -> Response:
    """Take back a role that a user or a group was given; it holds within a second."""
    await state.people.grants.take(who, grant)
    return no_content()
