"""What cities refuse, in one place: the same words for the same thing."""

from vms.cities.model import Quota
from vms.common import ConflictError, ForbiddenError, NotFoundError, TooManyError


def city_unknown(city: str) -> NotFoundError:
    """Return the one answer for a city that is not there and for one of others."""
    return NotFoundError(f"there is no city {city!r}", code="city_unknown", values={"city": city})


def plan_unknown(plan: str) -> NotFoundError:
    """Return the one answer for a plan that is not there and for one of others."""
    return NotFoundError(f"there is no plan {plan!r}", code="plan_unknown", values={"plan": plan})


def site_unknown(site: str) -> NotFoundError:
    """Return the one answer for a site that is not there and for one of others."""
    return NotFoundError(f"there is no site {site!r}", code="site_unknown", values={"id": site})


def group_unknown(group: str) -> NotFoundError:
    """Return the one answer for a camera group that is not there and for one of others."""
    return NotFoundError(
        f"there is no camera group {group!r}", code="camera_group_unknown", values={"id": group}
    )


def city_suspended(city: str) -> ForbiddenError:
    """Refuse what a suspended city may not do."""
    return ForbiddenError(
        f"the city {city} is suspended; ask who runs the platform",
        code="city_suspended",
        values={"city": city},
    )


def taken(what: str, value: str) -> ConflictError:
    """Refuse an id or a name that is in use, or was."""
    return ConflictError(
        f"{what} {value!r} is taken", code=f"{what}_taken", values={"value": value}
    )


def in_use(what: str, name: str, uses: dict[str, int]) -> ConflictError:
    """Refuse to delete what others still need."""
    told = ", ".join(f"{count} {use}" for use, count in sorted(uses.items()))
    return ConflictError(
        f"{what} {name!r} is in use: {told}", code=f"{what}_in_use", values={"id": name, **uses}
    )


def quota_reached(city: str, quota: Quota, limit: int, used: int) -> TooManyError:
    """Refuse what would go over a limit, and say what the limit is."""
    return TooManyError(
        f"city {city}: at most {limit} {quota.replace('_', ' ')}; {used} are in use",
        code=f"quota_{quota}",
        values={"city": city, "limit": limit, "used": used},
    )
