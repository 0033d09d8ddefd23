"""What must be there before any process of an installation starts."""

import asyncio
from pathlib import Path

from vms.common import Clock, ConflictError, InvalidError
from vms.database import BACKUPS, check_vault, database_url, ensure_current, file_of, schema_state
from vms.proto import Launch
from vms.services.house import House
from vms.telemetry import get_logger

log = get_logger(__name__)


async def prepare(launch: Launch, clock: Clock) -> bool:
    """Bring the database up to date and furnish it; tell whether there is an admin."""
    with House.opened(launch, clock) as house:
        before = await asyncio.to_thread(ensure_current, house.database, house.data / BACKUPS)
        if not before.is_current:
            log.info("database_upgraded", before=before.current, now=before.newest)
        await asyncio.to_thread(check_vault, house.database, house.vault)
        await house.furnish(launch)
        has_admin = not await house.people.setup.is_needed()
    if not has_admin:
        refuse_far_listeners(launch)
    return has_admin


def refuse_far_listeners(launch: Launch) -> None:
    """Before there is an admin, nobody from outside may be the first to find the setup."""
    for key, host in launch.far_listeners():
        raise InvalidError(
            f"{key} = {host}: before there is an admin with a second factor, only loopback is "
            "allowed; make one with vms admin create, or by the setup link on this machine",
            code="admin_needed",
            values={"key": key, "value": host},
        )


async def setup_link(launch: Launch, clock: Clock, page: str) -> str | None:
    """Return a new link by which the first admin is made, or nothing where there is one."""
    with House.opened(launch, clock) as house:
        return await house.people.setup.renew_link(
            Path(launch.data), lambda token: f"{page}/setup#{token}"
        )


async def refuse_open_over_admin(launch: Launch, clock: Clock) -> None:
    """``--open`` lets everybody do everything: not where somebody was given rights."""
    file = file_of(database_url(launch.database.url, Path(launch.data)))
    if file is not None and not file.exists():
        return
    with House.opened(launch, clock) as house:
        state = await asyncio.to_thread(schema_state, house.database)
        if state.current is None or await house.people.setup.is_needed():
            return
    raise ConflictError(
        f"{launch.data} has an admin: --open would let everybody in; start without --open, "
        "or choose another --data",
        code="open_over_admin",
        values={"data": launch.data},
    )
