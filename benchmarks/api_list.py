"""An API worker with 50 cameras, for measurements: the real services over a real database.

    api_list.py FOLDER DATABASE_URL

Prints the access token of an operator when it serves at FOLDER/api.sock.
"""

import asyncio
import dataclasses
import sys
from pathlib import Path

from api_worker import NoMedia
from vms.admin import GrantDraft, SignInDraft, Tokens, UserDraft, Visit, system_principal
from vms.api import create_app
from vms.bus import MemoryBus
from vms.cameras import NewCamera
from vms.common import LOCAL_CITY, SystemClock
from vms.database import upgrade
from vms.engine import DesiredState
from vms.ingest import Bystander, IngestWatch
from vms.proto import DatabaseSettings, Launch
from vms.services.api import Server, listen
from vms.services.house import House
from vms.services.listen import listen_unix
from vms.services.worker import wiring_of

CAMERAS = 50
SYSTEM = system_principal("bench")
PASSWORD = "seven green bicycles"  # noqa: S105 - of nobody


async def furnish(house: House, launch: Launch) -> str:
    """Makes cameras and an operator; returns the operator's token."""
    await house.furnish(launch)
    for number in range(CAMERAS):
        await house.cameras.create(
            SYSTEM,
            NewCamera(
                city=LOCAL_CITY,
                name=f"Gate {number}",
                maker="intelbras",
                host=f"192.0.2.{number + 1}",
                user="admin",
                password=PASSWORD,
                tags=("entrance",),
            ),
        )
    grants = (GrantDraft(role="operador", scope=f"city:{LOCAL_CITY}"),)
    await house.people.users.create(
        SYSTEM,
        UserDraft(login="ana", name="Ana", password=PASSWORD, home=LOCAL_CITY, grants=grants),
    )
    tokens = await house.people.sign_in.sign_in(
        SignInDraft(login="ana", password=PASSWORD), Visit(address="127.0.0.1")
    )
    if not isinstance(tokens, Tokens):
        raise TypeError("an operator needs no second factor")
    return tokens.access


class Generous:
    """The people's services; a user may ask more often than in earnest."""

    def __init__(self, house: House) -> None:
        self.__dict__.update({name: getattr(house.people, name) for name in _GATE})

    def per_minute(self, who: object) -> int:
        """Allows plenty; the request is counted all the same."""
        del who
        return 10_000_000


_GATE = ("principal", "renewed", "heard", "device")


async def main(folder: Path, url: str) -> None:
    """Serves until it is ended."""
    launch = Launch(data=str(folder), database=DatabaseSettings(url=url))
    house = House.open(launch, SystemClock())
    await asyncio.to_thread(upgrade, house.database)
    token = await furnish(house, launch)
    watch = IngestWatch(NoMedia(), DesiredState(0, ()), house.clock, steering=Bystander())
    wiring = wiring_of(house, MemoryBus(), watch, b"k" * 32)
    app = create_app(dataclasses.replace(wiring, gate=Generous(house), events=None))
    server = Server(listen(app), on_ready=lambda: print(f"ready {token}", flush=True))
    await server.serve(sockets=[listen_unix(folder / "api.sock")])


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
