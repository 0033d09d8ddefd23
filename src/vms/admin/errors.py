"""The refusals that several services share."""

from vms.common import ConflictError, ForbiddenError, NotFoundError, UnauthenticatedError


def user_unknown(user_id: str) -> NotFoundError:
    """There is no such user, or he is none of the asker's business."""
    return NotFoundError(
        f"there is no user {user_id!r}", code="user_unknown", values={"id": user_id}
    )


def group_unknown(group_id: str) -> NotFoundError:
    """There is no such group of users."""
    return NotFoundError(
        f"there is no group of users {group_id!r}",
        code="user_group_unknown",
        values={"id": group_id},
    )


def role_unknown(role_id: str) -> NotFoundError:
    """There is no such role for people of this home."""
    return NotFoundError(
        f"there is no role {role_id!r}", code="user_role_unknown", values={"id": role_id}
    )


def grant_unknown(grant_id: str) -> NotFoundError:
    """There is no such grant."""
    return NotFoundError(
        f"there is no grant {grant_id!r}", code="grant_unknown", values={"id": grant_id}
    )


def session_unknown(session_id: str) -> NotFoundError:
    """There is no such session, or it has ended."""
    return NotFoundError(
        f"there is no session {session_id!r}", code="session_unknown", values={"id": session_id}
    )


def key_unknown(key_id: str) -> NotFoundError:
    """There is no such key."""
    return NotFoundError(f"there is no key {key_id!r}", code="key_unknown", values={"id": key_id})


def invitation_unknown() -> NotFoundError:
    """The link was used, has run out, was withdrawn, or never was."""
    return NotFoundError(
        "the link is not valid: it was used, has run out or was withdrawn; ask for a new one",
        code="invitation_unknown",
    )


def login_taken(login: str) -> ConflictError:
    """Somebody of the same home has the login."""
    return ConflictError(
        f"the login {login!r} is taken", code="login_taken", values={"login": login}
    )


def group_taken(name: str) -> ConflictError:
    """There is a group of that name."""
    return ConflictError(
        f"there is a group {name!r} already", code="user_group_taken", values={"name": name}
    )


def role_taken(name: str) -> ConflictError:
    """There is a role of that name."""
    return ConflictError(
        f"there is a role {name!r} already", code="role_taken", values={"name": name}
    )


def exceeds() -> ForbiddenError:
    """What would be given, or taken over, is more than the asker holds."""
    return ForbiddenError(
        "nobody grants, or takes over, more than he holds himself", code="grant_exceeds"
    )


def sign_in_failed() -> UnauthenticatedError:
    """One answer for a wrong login, a wrong password, a disabled user."""
    return UnauthenticatedError(
        "login or password is wrong; where several cities are served here, name yours too",
        code="sign_in_failed",
    )


def session_ended() -> UnauthenticatedError:
    """The session was revoked, has run out, or its user was disabled."""
    return UnauthenticatedError("the session has ended; sign in again", code="session_ended")


def api_key_invalid() -> UnauthenticatedError:
    """No such key, a wrong secret, or it has run out."""
    return UnauthenticatedError("the API key is not valid", code="api_key_invalid")


def second_factor_failed() -> UnauthenticatedError:
    """The code is wrong, was used before, or belongs to another time."""
    return UnauthenticatedError(
        "the code is wrong or was used before; wait for the next one", code="second_factor_failed"
    )


def city_unknown(city: str) -> NotFoundError:
    """There is no such city, or it is none of the asker's business."""
    return NotFoundError(f"there is no city {city!r}", code="city_unknown", values={"city": city})
