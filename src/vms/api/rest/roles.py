"""``/api/v1/roles`` and ``/api/v1/user-groups``: sets of functions, sets of users."""

from typing import Annotated

import msgspec
from fastapi import Response

from vms.admin import Grant, GrantDraft, Group, GroupDraft, RoleDraft, RoleView
from vms.api.answers import answer, answer_page, no_content
from vms.api.caller import Caller
from vms.api.inputs import IfMatch, body, query
from vms.api.operation import Operations
from vms.api.rest import examples
from vms.api.rest.common import HomeQuery, id_in_path
from vms.api.rest.users import GrantPage
from vms.api.state import State

roles = Operations("/api/v1/roles", tag="roles")
groups = Operations("/api/v1/user-groups", tag="users")


class RolePage(msgspec.Struct, frozen=True):
    """A page of roles."""

    items: list[RoleView]
    next: str | None = None


class GroupPage(msgspec.Struct, frozen=True):
    """A page of groups of users."""

    items: list[Group]
    next: str | None = None


RoleName = Annotated[str, id_in_path("role", "The role's id.", "operador")]
GroupName = Annotated[str, id_in_path("group", "The id of the group of users.")]


@roles.get("", summary="Roles", answer=RolePage, example=RolePage([examples.ROLE]))
async def list_roles(
    who: Caller, asked: Annotated[HomeQuery, query(HomeQuery)], state: State
) -> Response:
    """Return the shipped roles and those of the cities one may see."""
    found = await state.people.roles.list(who, state.cursors.page(asked), home=asked.home)
    return answer_page(found, asked, state.cursors, RoleView)


@roles.post(
    "",
    summary="New role",
    status=201,
    answer=RoleView,
    example=examples.ROLE,
    sent=RoleDraft(name="Gatekeepers", functions=("camera.read", "live.view")),
    versioned=True,
)
async def create_role(
    who: Caller, draft: Annotated[RoleDraft, body(RoleDraft)], state: State
) -> Response:
    """Make a role of functions that one holds oneself."""
    role = await state.people.roles.create(who, draft)
    return answer(role, status=201, version=role.version, location=f"/api/v1/roles/{role.id}")


@roles.get("/{role}", summary="Role", answer=RoleView, example=examples.ROLE, versioned=True)
async def get_role(who: Caller, role: RoleName, state: State) -> Response:
    """Return a role."""
    found = await state.people.roles.get(who, role)
    return answer(found, version=found.version)


@roles.put(
    "/{role}",
    summary="Change a role",
    answer=RoleView,
    example=examples.ROLE,
    sent=RoleDraft(name="Gatekeepers", functions=("camera.read", "live.view")),
    refusals=frozenset({409}),
    versioned=True,
)
async def change_role(
    who: Caller,
    role: RoleName,
    draft: Annotated[RoleDraft, body(RoleDraft)],
    version: IfMatch,
    state: State,
) -> Response:
    """Change a role; whoever has it may do more or less within a second."""
    found = await state.people.roles.change(who, role, version, draft)
    return answer(found, version=found.version)


@roles.delete("/{role}", summary="Delete a role", status=204, refusals=frozenset({409}))
async def delete_role(who: Caller, role: RoleName, version: IfMatch, state: State) -> Response:
    """Delete a role that nobody has any more."""
    await state.people.roles.delete(who, role, version)
    return no_content()


@groups.get("", summary="Groups of users", answer=GroupPage, example=GroupPage([examples.GROUP]))
async def list_user_groups(
    who: Caller, asked: Annotated[HomeQuery, query(HomeQuery)], state: State
) -> Response:
    """Return groups of users in the order of their making."""
    found = await state.people.groups.list(who, state.cursors.page(asked), home=asked.home)
    return answer_page(found, asked, state.cursors, Group)


@groups.post(
    "",
    summary="New group of users",
    status=201,
    answer=Group,
    example=examples.GROUP,
    sent=GroupDraft(name="Night shift", members=(examples.OTHER_ID,)),
    refusals=frozenset({404}),
    versioned=True,
)
async def create_user_group(
    who: Caller, draft: Annotated[GroupDraft, body(GroupDraft)], state: State
) -> Response:
    """Make a group of users of one home; it can then be granted roles."""
    group = await state.people.groups.create(who, draft)
    where = f"/api/v1/user-groups/{group.id}"
    return answer(group, status=201, version=group.version, location=where)


@groups.get(
    "/{group}", summary="Group of users", answer=Group, example=examples.GROUP, versioned=True
)
async def get_user_group(who: Caller, group: GroupName, state: State) -> Response:
    """Return a group of users."""
    found = await state.people.groups.get(who, group)
    return answer(found, version=found.version)


@groups.put(
    "/{group}",
    summary="Change a group of users",
    answer=Group,
    example=examples.GROUP,
    sent=GroupDraft(name="Night shift", members=(examples.OTHER_ID,)),
    refusals=frozenset({409}),
    versioned=True,
)
async def change_user_group(
    who: Caller,
    group: GroupName,
    draft: Annotated[GroupDraft, body(GroupDraft)],
    version: IfMatch,
    state: State,
) -> Response:
    """Change name and members of a group."""
    found = await state.people.groups.change(who, group, version, draft)
    return answer(found, version=found.version)


@groups.delete("/{group}", summary="Delete a group of users", status=204)
async def delete_user_group(
    who: Caller, group: GroupName, version: IfMatch, state: State
) -> Response:
    """Delete a group of users with its grants; its members stay."""
    await state.people.groups.delete(who, group, version)
    return no_content()


@groups.get(
    "/{group}/grants",
    summary="Grants of a group",
    answer=GrantPage,
    example=GrantPage((examples.GRANT,)),
)
async def list_group_grants(who: Caller, group: GroupName, state: State) -> Response:
    """Return which roles a group of users has where."""
    return answer(GrantPage(await state.people.grants.list(who, "group", group)))


@groups.post(
    "/{group}/grants",
    summary="Grant a role to a group",
    status=201,
    answer=Grant,
    example=examples.GRANT,
    sent=GrantDraft(role="operador", scope="group:sp/g1"),
)
async def give_group_grant(
    who: Caller, group: GroupName, draft: Annotated[GrantDraft, body(GrantDraft)], state: State
) -> Response:
    """Give all members of a group a role in a scope."""
    return answer(await state.people.grants.give(who, "group", group, draft), status=201)
