"""The services about people, on the database of a data folder: for commands."""

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from vms import config
from vms.admin import People, count_users, system_principal
from vms.cameras import camera_groups
from vms.cities import CityPlaces, Quota, Quotas, Surroundings
from vms.cli.texts import Texts
from vms.common import InvalidError, SystemClock
from vms.database import (
    BACKUPS,
    Database,
    Vault,
    database_url,
    ensure_current,
    hold_folder,
    schema_state,
)

T = TypeVar("T")

CLI = system_principal("cli")


def with_people(data: Path | None, work: Callable[[People], Awaitable[T]]) -> T:
    """Do something with the people of a data folder, whether or not the product runs."""
    folder = data or config.default_data()
    settings = config.load(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = Database.open(database_url(settings.database.url, folder), threads=1)
    try:
        if not schema_state(database).is_current:
            with hold_folder(folder):
                ensure_current(database, folder / BACKUPS)
        quotas = Quotas(Surroundings(quotas={Quota.USERS: count_users}))
        people = People.open(
            database,
            Vault.load(folder),
            SystemClock(),
            places=CityPlaces(camera_groups),
            quota=quotas.of(Quota.USERS),
        )
        try:
            return asyncio.run(_started(people, work))
        finally:
            people.close()
    finally:
        database.close()


async def _started(people: People, work: Callable[[People], Awaitable[T]]) -> T:
    await people.start()
    return await work(people)


def read_password(texts: Texts) -> str:
    """Ask for a password twice; from a pipe, read one line."""
    if not is_typed():
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = getpass.getpass(f"{texts('admin.password')}: ")
        if getpass.getpass(f"{texts('admin.password_again')}: ") != password:
            raise InvalidError("the two passwords differ", code="password_differs")
    if not password:
        raise InvalidError("no password came", code="password_missing")
    return password


def is_typed() -> bool:
    """Tell whether a person types what is read."""
    return sys.stdin.isatty()
