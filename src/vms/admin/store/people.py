"""Users, groups of users, roles and grants."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import RowMapping, and_, delete, exists, func, insert, or_, select, update

from vms.admin.drafts import HolderKind
from vms.admin.errors import group_taken, group_unknown, login_taken, role_taken, user_unknown
from vms.admin.model import SHIPPED_ROLES, Function, Held, Role, Scope, ScopeKind
from vms.admin.store import tables
from vms.admin.store.rows import by_id, contains, home_is, page_of, remove, visible
from vms.admin.views import Grant, Group, User
from vms.common import Page, Slice
from vms.database import Unit, insert_unique, update_versioned

_users, _groups, _members = tables.users, tables.user_groups, tables.user_group_members
_roles, _grants = tables.roles, tables.grants


@dataclass(frozen=True, slots=True)
class Account:
    """A user with what only signing in needs."""

    user: User
    # None: nobody can sign in by a password.
    password: str | None
    totp_secret: bytes | None
    totp_step: int


def _account(row: RowMapping) -> Account:
    user = User(
        id=row["id"],
        home=row["city"],
        login=row["login"],
        name=row["name"],
        email=row["email"],
        language=row["language"],
        enabled=row["enabled"],
        second_factor=row["totp_enrolled"],
        created_us=row["created_us"],
        signed_in_us=row["signed_in_us"],
        version=row["version"],
    )
    return Account(user, row["password"], row["totp_secret"], row["totp_step"])


def add_user(unit: Unit, user: User, password: str | None) -> None:
    """Write a new user."""
    values = {
        "city": user.home,
        "id": user.id,
        "login": user.login,
        "name": user.name,
        "email": user.email,
        "language": user.language,
        "enabled": user.enabled,
        "password": password,
        "totp_secret": None,
        "totp_enrolled": user.second_factor,
        "totp_step": 0,
        "created_us": user.created_us,
        "signed_in_us": user.signed_in_us,
        "version": user.version,
    }
    insert_unique(unit, _users, values, login_taken(user.login))


def account(unit: Unit, user_id: str) -> Account:
    """Return a user with his secrets, or raise."""
    row = by_id(unit, _users, user_id)
    if row is None:
        raise user_unknown(user_id)
    return _account(row)


def user(unit: Unit, user_id: str) -> User:
    """Return a user, or raise."""
    return account(unit, user_id).user


def accounts_of_login(unit: Unit, login: str, home: str | None) -> list[Account]:
    """Return whoever has a login: in one home, or in any."""
    where = and_(visible(unit, _users), _users.c.login == login, *home_is(_users, home))
    return [_account(row) for row in unit.execute(select(_users).where(where)).mappings()]


def list_users(unit: Unit, page: Page, home: str | None, text: str | None) -> Slice[User]:
    """Return a page of users."""
    like = contains(_users.c.name, text) + contains(_users.c.login, text)
    where = [*home_is(_users, home), *([or_(*like)] if like else [])]
    return page_of(unit, _users, where, page, lambda row: _account(row).user)


def count_users(unit: Unit, city: str) -> int:
    """Return how many users a city has, disabled ones too."""
    [(count,)] = unit.rows("SELECT count(*) FROM users WHERE city = :city", {"city": city})
    return int(count)


def users_of_home(unit: Unit, home: str) -> list[Account]:
    """Return everybody of a home."""
    where = and_(visible(unit, _users), _users.c.city == home)
    return [_account(row) for row in unit.execute(select(_users).where(where)).mappings()]


def change_user(unit: Unit, before: User, version: int | None, values: Mapping[str, Any]) -> None:
    """Change a user if he still has the version."""
    login = values.get("login", before.login)
    if login != before.login and accounts_of_login(unit, login, before.home):
        raise login_taken(login)
    update_versioned(unit, _users, {"city": before.home, "id": before.id}, version, values)


def set_secrets(unit: Unit, home: str, user_id: str, values: Mapping[str, Any]) -> None:
    """Change what a person does not edit: password, second factor, time of signing in."""
    where = and_(visible(unit, _users), _users.c.city == home, _users.c.id == user_id)
    unit.execute(update(_users).where(where).values(**values))


def use_totp_step(unit: Unit, home: str, user_id: str, step: int) -> bool:
    """Use up a step; of two who try at once, one wins."""
    where = and_(_users.c.city == home, _users.c.id == user_id, _users.c.totp_step < step)
    changed = unit.execute(
        update(_users).where(visible(unit, _users), where).values(totp_step=step)
    )
    return changed.rowcount == 1


def remove_user(unit: Unit, user: User) -> None:
    """Delete a user with all that is his."""
    home, user_id = user.home, user.id
    for table in (tables.api_keys, tables.stream_keys, tables.invitations):
        where = and_(table.c.city == home, table.c.user_id == user_id)
        unit.execute(delete(table).where(visible(unit, table), where))
    made = and_(tables.invitations.c.creator_city == home, tables.invitations.c.creator == user_id)
    unit.execute(delete(tables.invitations).where(visible(unit, tables.invitations), made))
    remove_grants_of(unit, home, "user", user_id)
    remove(unit, _users, home, user_id)


def _group(unit: Unit, row: RowMapping) -> Group:
    members = unit.execute(
        select(_members.c.user_id)
        .where(_members.c.city == row["city"], _members.c.group_id == row["id"])
        .order_by(_members.c.user_id)
    ).scalars()
    return Group(
        id=row["id"],
        home=row["city"],
        name=row["name"],
        members=tuple(members),
        version=row["version"],
    )


def add_group(unit: Unit, group: Group, created_us: int) -> None:
    """Write a new group with its members."""
    values = {
        "city": group.home,
        "id": group.id,
        "name": group.name,
        "created_us": created_us,
        "version": group.version,
    }
    insert_unique(unit, _groups, values, group_taken(group.name))
    set_members(unit, group.home, group.id, group.members)


def group(unit: Unit, group_id: str) -> Group:
    """Return a group, or raise."""
    row = by_id(unit, _groups, group_id)
    if row is None:
        raise group_unknown(group_id)
    return _group(unit, row)


def list_groups(unit: Unit, page: Page, home: str | None, text: str | None) -> Slice[Group]:
    """Return a page of groups."""
    where = [*home_is(_groups, home), *contains(_groups.c.name, text)]
    return page_of(unit, _groups, where, page, lambda row: _group(unit, row))


def change_group(unit: Unit, before: Group, version: int | None, name: str) -> None:
    """Rename a group if it still has the version."""
    taken = and_(_groups.c.city == before.home, _groups.c.name == name, _groups.c.id != before.id)
    if unit.execute(select(exists().where(taken))).scalar_one():
        raise group_taken(name)
    key = {"city": before.home, "id": before.id}
    update_versioned(unit, _groups, key, version, {"name": name})


def set_members(unit: Unit, home: str, group_id: str, members: Iterable[str]) -> None:
    """Put these users into a group, and no others."""
    where = and_(_members.c.city == home, _members.c.group_id == group_id)
    unit.execute(delete(_members).where(visible(unit, _members), where))
    rows = [{"city": home, "group_id": group_id, "user_id": one} for one in sorted(set(members))]
    if rows:
        unit.execute(insert(_members), rows)


def remove_group(unit: Unit, group: Group) -> None:
    """Delete a group and what it was granted."""
    remove_grants_of(unit, group.home, "group", group.id)
    remove(unit, _groups, group.home, group.id)


def _role(row: RowMapping) -> Role:
    return Role(
        id=row["id"],
        name=row["name"],
        functions=functions_of(row["functions"]),
        home=row["city"],
        version=row["version"],
    )


def functions_of(text: str) -> frozenset[Function]:
    """Read the functions of a role. One that this version does not know allows nothing."""
    return frozenset(Function(name) for name in msgspec.json.decode(text) if name in set(Function))


def _functions_text(functions: Iterable[Function]) -> str:
    return msgspec.json.encode(sorted(functions)).decode()


def add_role(unit: Unit, role: Role, created_us: int) -> None:
    """Write a new role."""
    values = {
        "city": role.home,
        "id": role.id,
        "name": role.name,
        "functions": _functions_text(role.functions),
        "created_us": created_us,
        "version": role.version,
    }
    insert_unique(unit, _roles, values, role_taken(role.name))


def role(unit: Unit, home: str, role_id: str) -> Role | None:
    """Return a role that people of a home can hold: a shipped one, or one of that home."""
    if role_id in SHIPPED_ROLES:
        return SHIPPED_ROLES[role_id]
    row = by_id(unit, _roles, role_id)
    return _role(row) if row is not None and row["city"] == home else None


def own_role(unit: Unit, role_id: str) -> Role | None:
    """Return a role that somebody made, of whatever home the unit may see."""
    row = by_id(unit, _roles, role_id)
    return None if row is None else _role(row)


def list_roles(unit: Unit, page: Page, home: str | None) -> Slice[Role]:
    """Return a page of the roles that were made; the shipped ones are not among them."""
    return page_of(unit, _roles, home_is(_roles, home), page, _role)


def change_role(unit: Unit, role: Role, version: int | None) -> None:
    """Change a role if it still has the version."""
    taken = and_(_roles.c.city == role.home, _roles.c.name == role.name, _roles.c.id != role.id)
    if unit.execute(select(exists().where(taken))).scalar_one():
        raise role_taken(role.name)
    values = {"name": role.name, "functions": _functions_text(role.functions)}
    update_versioned(unit, _roles, {"city": role.home, "id": role.id}, version, values)


def remove_role(unit: Unit, role: Role) -> None:
    """Delete a role."""
    remove(unit, _roles, role.home, role.id)


def scopes_of_role(unit: Unit, role: Role) -> list[Scope]:
    """Return where a role is granted, to keys and invited people too."""
    found: set[str] = set()
    for table in (_grants, tables.api_keys, tables.invitations):
        where = and_(visible(unit, table), table.c.city == role.home, table.c.role == role.id)
        found |= set(unit.execute(select(table.c.scope).where(where).distinct()).scalars())
    return [Scope.parse(text) for text in sorted(found)]


def _grant(row: RowMapping) -> Grant:
    return Grant(
        id=row["id"],
        home=row["city"],
        holder_kind=row["holder_kind"],
        holder=row["holder"],
        role=row["role"],
        scope=row["scope"],
        created_us=row["created_us"],
    )


def add_grant(unit: Unit, grant: Grant) -> None:
    """Write a grant."""
    values = {**msgspec.structs.asdict(grant), "city": grant.home}
    del values["home"]
    unit.execute(insert(_grants).values(**values))


def grant(unit: Unit, grant_id: str) -> Grant | None:
    """Return a grant."""
    row = by_id(unit, _grants, grant_id)
    return None if row is None else _grant(row)


def grants_of(unit: Unit, home: str, kind: HolderKind, holder: str) -> list[Grant]:
    """Return what a user or a group holds itself."""
    where = and_(_grants.c.city == home, _grants.c.holder_kind == kind, _grants.c.holder == holder)
    found = unit.execute(select(_grants).where(visible(unit, _grants), where).order_by("id"))
    return [_grant(row) for row in found.mappings()]


def count_grants_of_group(unit: Unit, city: str, group: str) -> int:
    """Return how many grants, keys and invitations name a group of cameras."""
    scope = str(Scope(ScopeKind.GROUP, city, group))
    return sum(
        unit.execute(
            select(func.count()).where(visible(unit, table), table.c.scope == scope)
        ).scalar_one()
        for table in (_grants, tables.api_keys, tables.stream_keys, tables.invitations)
    )


def remove_grant(unit: Unit, grant: Grant) -> None:
    """Delete a grant."""
    remove(unit, _grants, grant.home, grant.id)


def remove_grants_of(unit: Unit, home: str, kind: HolderKind, holder: str) -> None:
    """Delete all that a user or a group holds."""
    where = and_(_grants.c.city == home, _grants.c.holder_kind == kind, _grants.c.holder == holder)
    unit.execute(delete(_grants).where(visible(unit, _grants), where))


# What a user holds: himself and through his groups. Read at least every second by each worker.
_HELD_BY_USER = """
    SELECT g.role, g.scope, r.functions FROM grants g
    LEFT JOIN roles r ON r.city = g.city AND r.id = g.role
    WHERE g.city = :city AND (
        (g.holder_kind = 'user' AND g.holder = :user_id)
        OR (g.holder_kind = 'group' AND g.holder IN (
            SELECT m.group_id FROM user_group_members m
            WHERE m.city = :city AND m.user_id = :user_id)))
"""
_HELD_BY_GROUP = """
    SELECT g.role, g.scope, r.functions FROM grants g
    LEFT JOIN roles r ON r.city = g.city AND r.id = g.role
    WHERE g.city = :city AND g.holder_kind = 'group' AND g.holder = :group_id
"""


def held_by_user(unit: Unit, home: str, user_id: str) -> list[Held]:
    """Return what a user holds, himself and through his groups."""
    return _held(unit.rows(_HELD_BY_USER, {"city": home, "user_id": user_id}))


def held_by_group(unit: Unit, home: str, group_id: str) -> list[Held]:
    """Return what each member of a group holds through it."""
    return _held(unit.rows(_HELD_BY_GROUP, {"city": home, "group_id": group_id}))


def _held(rows: Iterable[tuple[Any, ...]]) -> list[Held]:
    found = []
    for role_id, scope, functions in rows:
        shipped = SHIPPED_ROLES.get(role_id)
        if shipped is not None:
            found.append(Held(shipped.functions, Scope.parse(scope)))
        elif functions is not None:
            found.append(Held(functions_of(functions), Scope.parse(scope)))
    return found
