"""What knowing the caller costs each request: may he do it, and is his token good.

    benchmarks/permission_check.py [--json]

Prints the machine and the commit. A permission is looked up in sets that were
made when the caller was read from the database, at most a second ago. The
caller here holds five roles in a hundred places: more than anybody should.
"""

import asyncio
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from vms.admin import (
    SHIPPED_ROLES,
    CallerKind,
    Function,
    HashSettings,
    Held,
    People,
    Principal,
    Rights,
    Scope,
    ScopeKind,
    SignInDraft,
    Tokens,
    UserDraft,
    Visit,
    system_principal,
)
from vms.common import SystemClock
from vms.database import Database, Unit, Vault, upgrade

ROUNDS = 20_000
REPEATS = 7
PASSWORD = "seven green bicycles"  # noqa: S105 - of a database that lives for seconds


@dataclass(frozen=True)
class Cost:
    """One measure, in microseconds of CPU; the target is none where none was set."""

    what: str
    best_us: float
    median_us: float
    target_us: float | None = None

    def __str__(self) -> str:
        target = f", target < {self.target_us:.0f}" if self.target_us else ""
        return f"{self.best_us:.2f} us of CPU, median {self.median_us:.2f}{target}"


class AnyPlace:
    """Every place exists."""

    def groups_of(self, unit: Unit, scope: Scope) -> frozenset[str]:  # noqa: ARG002
        """No camera is in a group."""
        return frozenset()

    def check_active(self, unit: Unit, city: str) -> None:
        """No city is suspended."""


class NoQuota:
    """A city may have any number of users."""

    def check(self, unit: Unit, city: str) -> None:
        """Let everybody in."""


def widely_employed() -> Principal:
    """Somebody with five roles in a hundred places, in a key that is bounded by its owner."""
    operator = SHIPPED_ROLES["operador"].functions
    held = [
        Held(operator, Scope(kind, f"city{number % 5}", f"{kind}{number}"))
        for kind in (ScopeKind.GROUP, ScopeKind.CAMERA)
        for number in range(50)
    ]
    rights = Rights(held)
    return Principal(kind=CallerKind.API_KEY, id="key", rights=(rights, rights), user="ana")


def timed(work: Callable[[], object], rounds: int) -> list[float]:
    """Microseconds of CPU of one call, for each repeat."""
    found = []
    for _ in range(REPEATS):
        begin = time.process_time_ns()
        for _ in range(rounds):
            work()
        found.append((time.process_time_ns() - begin) / rounds / 1_000)
    return sorted(found)


async def timed_async(work: Callable[[], Awaitable[object]], rounds: int) -> list[float]:
    """As ``timed``, for what is awaited; threads of the database count too."""
    found = []
    for _ in range(REPEATS):
        begin = time.process_time_ns()
        for _ in range(rounds):
            await work()
        found.append((time.process_time_ns() - begin) / rounds / 1_000)
    return sorted(found)


def cost(what: str, found: list[float], target_us: float | None = None) -> Cost:
    """What was found."""
    return Cost(what, found[0], found[len(found) // 2], target_us)


def permission_costs() -> list[Cost]:
    """A permission that is held last of all, and one that is not held."""
    who = widely_employed()
    groups = tuple(f"group{number}" for number in range(100, 103))

    def held() -> bool:
        return who.may(Function.PTZ_CONTROL, city="city4", camera="camera49", groups=groups)

    def refused() -> bool:
        return who.may(Function.CAMERA_MANAGE, city="city4", camera="camera49", groups=groups)

    assert held() and not refused()  # noqa: S101, PT018 - a measure of the wrong thing is none
    return [
        cost("permission, held", timed(held, ROUNDS), 20),
        cost("permission, refused", timed(refused, ROUNDS), 20),
    ]


async def token_costs(folder: Path) -> list[Cost]:
    """An access token: kept as checked, checked anew, and its caller read anew."""
    database = Database.open(f"sqlite:///{folder / 'vms.db'}")
    upgrade(database)
    people = People.open(
        database,
        Vault([bytes(32)]),
        SystemClock(),
        places=AnyPlace(),
        quota=NoQuota(),
        hashing=HashSettings(time_cost=1, memory_kib=64),
    )
    await people.start()
    draft = UserDraft(login="ana", name="ana", password=PASSWORD, home="sp")
    await people.users.create(system_principal("bench"), draft)
    tokens = await people.sign_in.sign_in(SignInDraft(login="ana", password=PASSWORD), Visit())
    assert isinstance(tokens, Tokens)  # noqa: S101 - no second factor is demanded of her

    async def kept() -> None:
        await people.principal(tokens.access)

    async def reread() -> None:
        people.principals.forget_all()
        await people.principal(tokens.access)

    async def checked() -> None:
        people.keys.forget_checked()
        await people.principal(tokens.access)

    found = [
        cost("token to caller, both kept", await timed_async(kept, ROUNDS // 4)),
        cost("token checked anew (RS256)", await timed_async(checked, ROUNDS // 40)),
        cost("caller read anew (SQLite)", await timed_async(reread, ROUNDS // 40)),
    ]
    people.close()
    database.close()
    return found


def measure() -> list[Cost]:
    """All of it."""
    with tempfile.TemporaryDirectory(prefix="vms-bench-") as folder:
        return permission_costs() + asyncio.run(token_costs(Path(folder)))


def main() -> int:
    """Print the costs; 1 where a target is missed."""
    costs = measure()
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    ).stdout.strip()
    machine = f"{platform.machine()}, Python {platform.python_version()}, {platform.release()}"
    if "--json" in sys.argv:
        told = [{**vars(one)} for one in costs]
        print(json.dumps({"machine": machine, "commit": commit, "costs": told}))
    else:
        print(f"machine: {machine}\ncommit: {commit}\n")
        for one in costs:
            print(f"{one.what:28} {one}")
    return int(any(one.target_us and one.median_us >= one.target_us for one in costs))


if __name__ == "__main__":
    sys.exit(main())
