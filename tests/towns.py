"""Cities over a database, and the people who ask."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from vms.admin import (
    EVERY_FUNCTION,
    PLATFORM_FUNCTIONS,
    WHOLE_PLATFORM,
    CallerKind,
    Function,
    Held,
    Principal,
    Rights,
    Scope,
)
from vms.cities import (
    CameraGroups,
    Cities,
    City,
    CityDraft,
    CityPlaces,
    Plans,
    Quota,
    Quotas,
    Sites,
    Surroundings,
)
from vms.common import ManualClock, NotFoundError
from vms.database import PLATFORM, Database, Unit


def person(
    name: str, scope: Scope, functions: Iterable[Function], home: str | None = None
) -> Principal:
    """Return somebody who holds functions in one scope."""
    return Principal(
        kind=CallerKind.USER,
        id=name,
        rights=(Rights([Held(frozenset(functions), scope)]),),
        home=scope.city if home is None else home,
        user=name,
        address="192.0.2.7",
    )


ROOT = person("root", WHOLE_PLATFORM, EVERY_FUNCTION)
MANAGERS = EVERY_FUNCTION - PLATFORM_FUNCTIONS
ANA = person("ana", Scope.of_city("sp"), MANAGERS)
RIO = person("rui", Scope.of_city("rio"), MANAGERS)
VIEWER = person("vera", Scope.of_city("sp"), {Function.LIVE_VIEW, Function.CAMERA_READ})
NOBODY = Principal(kind=CallerKind.USER, id="nobody", rights=(), home="sp")


@dataclass
class Towns:
    """Everything of cities over one database. ``counts`` are what parts above would tell."""

    database: Database
    clock: ManualClock = field(default_factory=ManualClock)
    counts: dict[str, int] = field(default_factory=dict)
    # City and camera -> the groups that it is in.
    cameras: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        def count(name: str) -> Any:  # noqa: ANN401
            return lambda *_: self.counts.get(name, 0)

        self.around = Surroundings(
            quotas={Quota.CAMERAS: count("cameras"), Quota.USERS: count("users")},
            in_city={"cameras": count("cameras"), "users": count("users")},
            at_site={"cameras": count("site")},
            in_group={"cameras": count("group"), "grants": count("grants")},
        )
        self.cities = Cities(self.database, self.clock, self.around)
        self.plans = Plans(self.database, self.clock)
        self.sites = Sites(self.database, self.clock, self.around)
        self.groups = CameraGroups(self.database, self.clock, self.around)
        self.quotas = Quotas(self.around)
        self.places = CityPlaces(self._find_camera)

    def _find_camera(self, _unit: Unit, city: str, camera: str) -> frozenset[str]:
        if (city, camera) not in self.cameras:
            raise NotFoundError(f"there is no camera {camera!r}", code="camera_unknown")
        return self.cameras[city, camera]

    async def city(self, slug: str = "sp", plan: str = "basic", **more: Any) -> City:  # noqa: ANN401
        """Make a city."""
        return await self.cities.create(ROOT, slug, CityDraft(slug.upper(), plan, **more))

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Read what was written."""
        return await self.database.run(lambda unit: unit.rows(sql), PLATFORM, read=True)

    async def lines(self) -> list[tuple[str, str, str]]:
        """Return city, action and object of the audit's lines, in their order."""
        rows = await self.rows(
            "SELECT city, action, object, actor, address FROM audit_lines ORDER BY time_us, id"
        )
        assert all(row[4] == "192.0.2.7" for row in rows if row[3].startswith("user"))
        return [row[:3] for row in rows]

    async def events(self) -> list[tuple[str, str]]:
        """Return name and city of the events, in their order."""
        rows = await self.rows("SELECT name, city FROM outbox ORDER BY seq")
        return [(row[0], row[1]) for row in rows]

    async def run(self, work: Any) -> Any:  # noqa: ANN401
        """Run a unit of the platform."""

        def in_unit(unit: Unit) -> Any:  # noqa: ANN401
            return work(unit)

        return await self.database.run(in_unit, PLATFORM)
