"""The people of a demonstration: one a role, with passwords that nobody knows before."""

import secrets
from dataclasses import dataclass

from vms.admin import GrantDraft, SignInDraft, Tokens, UserDraft, Visit
from vms.common import LOCAL_CITY, Clock
from vms.proto import Launch
from vms.services.house import SYSTEM, House

VIEWER = "visualizador"
_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
_PASSWORD_LENGTH = 14


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """How somebody of the demonstration signs in; those who manage have a second factor."""

    login: str
    password: str
    role: str
    secret: str | None = None


def _password() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(_PASSWORD_LENGTH))


async def invite_everybody(launch: Launch, clock: Clock) -> tuple[DemoPerson, ...]:
    """Make one user a role where there is no admin yet; nobody otherwise."""
    with House.opened(launch, clock) as house:
        await house.people.start()
        if not await house.people.setup.is_needed():
            return ()
        return (
            await _manager(house, "admin", None),
            await _manager(house, "gestor", LOCAL_CITY),
            await _watcher(house, "operador"),
            await _watcher(house, VIEWER),
        )


async def _manager(house: House, role: str, city: str | None) -> DemoPerson:
    password = _password()
    made = await house.people.console.create_admin(SYSTEM, role, role.title(), password, city)
    return DemoPerson(role, password, role, made.enrolment.secret)


async def _watcher(house: House, role: str) -> DemoPerson:
    password = _password()
    grant = GrantDraft(role=role, scope=f"city:{LOCAL_CITY}")
    draft = UserDraft(
        login=role, name=role.title(), password=password, home=LOCAL_CITY, grants=(grant,)
    )
    await house.people.users.create(SYSTEM, draft)
    return DemoPerson(role, password, role)


async def viewer_link(
    launch: Launch, clock: Clock, people: tuple[DemoPerson, ...], page: str
) -> str | None:
    """Return a link that signs the viewer in, once: its token is used up by the first use."""
    viewer = next((one for one in people if one.role == VIEWER), None)
    if viewer is None:
        return None
    with House.opened(launch, clock) as house:
        await house.people.start()
        draft = SignInDraft(login=viewer.login, password=viewer.password)
        visit = Visit(address="127.0.0.1", agent="vms demo")
        found = await house.people.sign_in.sign_in(draft, visit)
    return f"{page}/enter#{found.refresh}" if isinstance(found, Tokens) else None
