"""Who may touch whom: the questions that every use case about people asks first.

What belongs to a city one knows nothing of does not exist. Nobody gives, or
takes over, more than he holds himself.
"""

from collections.abc import Callable, Iterable

from vms.admin.errors import city_unknown, exceeds, group_unknown, role_unknown, user_unknown
from vms.admin.model import (
    PLATFORM_HOME,
    WHOLE_PLATFORM,
    CallerKind,
    Function,
    Held,
    Principal,
    Role,
    Scope,
    ScopeKind,
)
from vms.admin.ports import Places
from vms.admin.store import people
from vms.admin.views import Group, User
from vms.common import (
    ForbiddenError,
    InvalidError,
    UnauthenticatedError,
    VmsError,
)
from vms.database import Unit


def whole(home: str) -> Scope:
    """Return all that a home is: a city, or the platform."""
    return WHOLE_PLATFORM if home == PLATFORM_HOME else Scope.of_city(home)


def require_in(who: Principal, function: Function, home: str) -> None:
    """Demand a function for all of a home."""
    who.require(function, city=None if home == PLATFORM_HOME else home)


def require_new_in(
    unit: Unit, who: Principal, function: Function, home: str, places: Places
) -> None:
    """Demand a function for something new in a home that there is."""
    require_in(who, function, home)
    if home != PLATFORM_HOME:
        places.groups_of(unit, Scope.of_city(home))


def require_for(
    who: Principal, function: Function, home: str, unknown: Callable[[], VmsError]
) -> None:
    """Demand a function for something that was found; in a foreign city it does not exist."""
    if home not in {who.home, PLATFORM_HOME} and not who.knows(home):
        raise unknown()
    require_in(who, function, home)


def home_for(who: Principal, function: Function, home: str | None) -> str | None:
    """Return whose rows a list may show: a home, or none for all. Refuse what it may not."""
    if home is None and who.home != PLATFORM_HOME:
        home = who.home
    if home is None:
        who.require(function)
        return None
    require_in(who, function, home)
    return home


def is_self(who: Principal, user_id: str | None) -> bool:
    """Tell whether a person asks about himself. His API key is not he: it may less."""
    return who.kind is CallerKind.USER and user_id == who.user


def require_enrolled(who: Principal) -> None:
    """Refuse who must enrol a second factor first."""
    if who.must_enrol:
        raise ForbiddenError(
            "a second factor is demanded: enrol one first", code="second_factor_required"
        )


def require_user(who: Principal, *, enrolling: bool = False) -> str:
    """Demand a person, signed in; return his id. ``enrolling``: even before he has enrolled."""
    if who.kind is not CallerKind.USER or who.user is None:
        raise ForbiddenError("only a person, signed in, may do this", code="person_required")
    if not enrolling:
        require_enrolled(who)
    return who.user


def require_session(who: Principal, *, enrolling: bool = False) -> str:
    """Demand a person with a session; return the session."""
    require_user(who, enrolling=enrolling)
    if who.session is None:
        raise UnauthenticatedError("there is no session", code="not_signed_in")
    return who.session


def refuse_keys(who: Principal) -> None:
    """An API key makes no other keys: they would outlive it."""
    if who.kind is CallerKind.API_KEY:
        raise ForbiddenError("an API key cannot make keys", code="person_required")
    require_enrolled(who)


def require_known(who: Principal, scope: Scope) -> None:
    """A scope in a city that one knows nothing of does not exist."""
    if scope.city and scope.city != who.home and not who.knows(scope.city):
        raise city_unknown(scope.city)


def giveable(
    unit: Unit, who: Principal, home: str, role_id: str, scope: Scope, places: Places
) -> Role:
    """Return a role that the asker may give to people of a home in a scope."""
    require_known(who, scope)
    if home not in {PLATFORM_HOME, scope.city}:
        raise InvalidError(
            f"people of {home} can hold roles in {home} only, not in {scope}",
            code="scope_foreign",
            values={"home": home, "scope": str(scope)},
        )
    role = people.role(unit, home, role_id)
    if role is None:
        raise role_unknown(role_id)
    if role.platform_only and scope.kind is not ScopeKind.PLATFORM:
        raise InvalidError(
            f"the role {role.name} can be given on the platform only",
            code="role_platform_only",
            values={"role": role.name},
        )
    groups = places.groups_of(unit, scope)
    if not who.holds(Held(role.functions, scope), groups):
        raise exceeds()
    return role


def require_covers(who: Principal, held: Iterable[Held]) -> None:
    """Demand that all of this is held by the asker himself."""
    if not who.covers(held):
        raise exceeds()


def manageable(
    unit: Unit, who: Principal, user_id: str, function: Function = Function.USER_MANAGE
) -> User:
    """Return a user whom the asker may change: he holds whatever that user holds."""
    user = visible_user(unit, who, user_id, function)
    if not is_self(who, user.id):
        require_covers(who, people.held_by_user(unit, user.home, user.id))
    return user


def visible_user(
    unit: Unit, who: Principal, user_id: str, function: Function = Function.USER_READ
) -> User:
    """Return a user whom the asker may see."""
    user = people.user(unit, user_id)
    require_for(who, function, user.home, lambda: user_unknown(user_id))
    return user


def visible_group(
    unit: Unit, who: Principal, group_id: str, function: Function = Function.USER_READ
) -> Group:
    """Return a group of users that the asker may see."""
    group = people.group(unit, group_id)
    require_for(who, function, group.home, lambda: group_unknown(group_id))
    return group


def may_touch_key(
    who: Principal, home: str, owner: str | None, unknown: Callable[[], VmsError]
) -> None:
    """Demand that a key is one's own, or that one manages those of its home."""
    if not (owner is not None and is_self(who, owner)):
        require_for(who, Function.KEY_MANAGE, home, unknown)
