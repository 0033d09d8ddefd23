"""Who may do what, where: functions, scopes, rights, and the principal who asks. Pure.

Rights are compiled once, when a principal is read, into sets that a question
looks up: a request asks often, a grant changes seldom.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from vms.common import CAMERA_ID_PATTERN, ForbiddenError, InvalidError, NotFoundError
from vms.database import PLATFORM, CityScope, PlatformScope

# The home of people who belong to no city: those of the platform.
PLATFORM_HOME = ""

CITY_PATTERN = r"[a-z0-9_-]{1,50}"
_CITY = re.compile(CITY_PATTERN)
_OBJECT = re.compile(CAMERA_ID_PATTERN)


def is_city(text: str) -> bool:
    """Tell whether there can be a city of this id."""
    return _CITY.fullmatch(text) is not None


class Function(StrEnum):
    """What one can be allowed to do. Fixed by code; roles collect them."""

    LIVE_VIEW = "live.view"
    AUDIO_LISTEN = "audio.listen"
    AUDIO_TALK = "audio.talk"
    PLAYBACK_VIEW = "playback.view"
    CLIP_EXPORT = "clip.export"
    RECORDING_HOLD = "recording.hold"
    PTZ_CONTROL = "ptz.control"
    CAMERA_READ = "camera.read"
    CAMERA_MANAGE = "camera.manage"
    GROUP_MANAGE = "group.manage"
    USER_READ = "user.read"
    USER_MANAGE = "user.manage"
    ROLE_MANAGE = "role.manage"
    KEY_MANAGE = "key.manage"
    AUDIT_READ = "audit.read"
    CITY_READ = "city.read"
    CITY_MANAGE = "city.manage"
    PLAN_MANAGE = "plan.manage"
    EVENT_READ = "event.read"
    SYSTEM_READ = "system.read"
    SYSTEM_MANAGE = "system.manage"


EVERY_FUNCTION = frozenset(Function)

# They mean the installation as a whole; a role that holds one is granted on the platform only.
PLATFORM_FUNCTIONS = frozenset(
    {Function.PLAN_MANAGE, Function.SYSTEM_READ, Function.SYSTEM_MANAGE, Function.CITY_MANAGE}
)

# Who holds one of these must have a second factor: they change people, roles, cities or cameras,
# or what decides who sees a camera (groups) and who acts in another's name (keys).
GUARDED_FUNCTIONS = frozenset(
    {
        Function.CAMERA_MANAGE,
        Function.GROUP_MANAGE,
        Function.USER_MANAGE,
        Function.ROLE_MANAGE,
        Function.KEY_MANAGE,
        Function.CITY_MANAGE,
        Function.PLAN_MANAGE,
        Function.SYSTEM_MANAGE,
    }
)


class ScopeKind(StrEnum):
    """How wide a scope is, the widest first."""

    PLATFORM = "platform"
    CITY = "city"
    GROUP = "group"
    CAMERA = "camera"


@dataclass(frozen=True, slots=True)
class Scope:
    """A part of the installation: all of it, a city, a group of cameras, a camera."""

    kind: ScopeKind
    city: str = ""
    # The group's or the camera's id.
    id: str = ""

    def __str__(self) -> str:
        match self.kind:
            case ScopeKind.PLATFORM:
                return "platform"
            case ScopeKind.CITY:
                return f"city:{self.city}"
            case _:
                return f"{self.kind}:{self.city}/{self.id}"

    @staticmethod
    def parse(text: str) -> "Scope":
        """Read ``platform``, ``city:CITY``, ``group:CITY/GROUP`` or ``camera:CITY/CAMERA``."""
        kind, _colon, rest = text.partition(":")
        city, slash, name = rest.partition("/")
        if text == "platform":
            return WHOLE_PLATFORM
        if kind == "city" and not slash and _CITY.fullmatch(city):
            return Scope(ScopeKind.CITY, city)
        if kind in {"group", "camera"} and _CITY.fullmatch(city) and _OBJECT.fullmatch(name):
            return Scope(ScopeKind(kind), city, name)
        raise InvalidError(
            f"{text!r} is not a scope: write platform, city:CITY, group:CITY/GROUP "
            "or camera:CITY/CAMERA",
            code="scope_invalid",
            values={"scope": text},
        )

    @staticmethod
    def of_city(city: str) -> "Scope":
        """Return the scope of a whole city."""
        return Scope(ScopeKind.CITY, city)


WHOLE_PLATFORM = Scope(ScopeKind.PLATFORM)


@dataclass(frozen=True, slots=True)
class Held:
    """Functions in a scope: what a grant of a role comes to."""

    functions: frozenset[Function]
    scope: Scope


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a city that one holds: all of it, or some groups and cameras."""

    whole: bool = False
    groups: frozenset[str] = frozenset()
    cameras: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return self.whole or bool(self.groups) or bool(self.cameras)

    def has(self, camera: str, groups: Iterable[str] = ()) -> bool:
        """Tell whether a camera that is in these groups belongs to the part."""
        return self.whole or camera in self.cameras or not self.groups.isdisjoint(groups)


_NOTHING: frozenset[Function] = frozenset()
_Where = tuple[str, str]


class Rights:
    """What somebody holds, ready to be asked."""

    __slots__ = ("_cameras", "_cities", "_everywhere", "_groups", "_known")

    def __init__(self, held: Iterable[Held] = ()) -> None:
        everywhere: set[Function] = set()
        cities: dict[str, frozenset[Function]] = {}
        groups: dict[_Where, frozenset[Function]] = {}
        cameras: dict[_Where, frozenset[Function]] = {}
        for one in held:
            scope, functions = one.scope, one.functions
            match scope.kind:
                case ScopeKind.PLATFORM:
                    everywhere |= functions
                case ScopeKind.CITY:
                    cities[scope.city] = cities.get(scope.city, _NOTHING) | functions
                case ScopeKind.GROUP | ScopeKind.CAMERA:
                    table = groups if scope.kind == ScopeKind.GROUP else cameras
                    where = (scope.city, scope.id)
                    table[where] = table.get(where, _NOTHING) | functions
        self._everywhere = frozenset(everywhere)
        self._cities: Mapping[str, frozenset[Function]] = MappingProxyType(cities)
        self._groups: Mapping[_Where, frozenset[Function]] = MappingProxyType(groups)
        self._cameras: Mapping[_Where, frozenset[Function]] = MappingProxyType(cameras)
        self._known = frozenset(cities) | {city for city, _ in (*groups, *cameras)}

    def allow(
        self, function: Function, city: str | None, camera: str | None, groups: Collection[str]
    ) -> bool:
        """Tell whether a function is held for a camera, a whole city or the platform."""
        if function in self._everywhere:
            return True
        if city is None:
            return False
        if function in self._cities.get(city, _NOTHING):
            return True
        if camera is not None and function in self._cameras.get((city, camera), _NOTHING):
            return True
        # A question about groups without a camera is about the groups themselves.
        return any(function in self._groups.get((city, group), _NOTHING) for group in groups)

    def know(self, city: str) -> bool:
        """Tell whether anything at all is held in a city."""
        return bool(self._everywhere) or city in self._known

    def cities(self, function: Function) -> frozenset[str] | None:
        """Return the cities where any part is held; ``None`` means all of them."""
        if function in self._everywhere:
            return None
        found = {city for city, functions in self._cities.items() if function in functions}
        for table in (self._groups, self._cameras):
            found |= {city for (city, _), functions in table.items() if function in functions}
        return frozenset(found)

    def part(self, function: Function, city: str) -> Part:
        """Return the part of a city where a function is held."""
        if self.allow(function, city, None, ()):
            return Part(whole=True)
        groups, cameras = (
            frozenset(name for (of, name), held in table.items() if of == city and function in held)
            for table in (self._groups, self._cameras)
        )
        return Part(groups=groups, cameras=cameras)

    def held(self) -> tuple[Held, ...]:
        """Return all of it, as plain pairs of functions and scope."""
        pairs = [(self._everywhere, WHOLE_PLATFORM)]
        pairs += [(functions, Scope.of_city(city)) for city, functions in self._cities.items()]
        for kind, table in ((ScopeKind.GROUP, self._groups), (ScopeKind.CAMERA, self._cameras)):
            pairs += [(held, Scope(kind, city, name)) for (city, name), held in table.items()]
        return tuple(Held(functions, scope) for functions, scope in pairs if functions)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rights) and set(self.held()) == set(other.held())

    def __hash__(self) -> int:
        return hash(frozenset(self.held()))

    @property
    def guarded(self) -> bool:
        """Whether a second factor is demanded."""
        return any(not one.functions.isdisjoint(GUARDED_FUNCTIONS) for one in self.held())


# Of a user; an API key has its own.
PER_MINUTE = 1200


def scope_of_home(home: str) -> PlatformScope | CityScope:
    """Return the rows that people of a home may touch."""
    return PLATFORM if home == PLATFORM_HOME else CityScope(home)


class CallerKind(StrEnum):
    """What kind of caller asks."""

    USER = "user"
    API_KEY = "api_key"
    # The product itself: its own tasks, the command line on the data folder, open mode.
    SYSTEM = "system"


@dataclass(frozen=True)
class Principal:
    """Who asks: a user, an API key or the product itself, and what it may do.

    All of ``rights`` must allow: an API key's are its own and, second, its
    owner's of this moment, so it never outlives what its owner lost.
    """

    kind: CallerKind
    # The user's or the key's id; a word for the product's own part.
    id: str
    rights: tuple[Rights, ...]
    # The city one belongs to; PLATFORM_HOME for the platform's people.
    home: str = PLATFORM_HOME
    # The person behind it: the user himself, or the key's owner.
    user: str | None = None
    session: str | None = None
    # Signed in, but a second factor is demanded first: nothing is allowed but to enrol.
    must_enrol: bool = False
    # How many requests a minute are answered.
    per_minute: int = PER_MINUTE
    # Where the request came from, for the audit.
    address: str = field(default="", compare=False)

    @property
    def scope(self) -> PlatformScope | CityScope:
        """What units of work are opened with: nobody of a city ever sees another's rows."""
        return scope_of_home(self.home)

    @property
    def actor(self) -> str:
        """How the audit names the caller."""
        return f"{self.kind}:{self.id}"

    def may(
        self,
        function: Function,
        *,
        city: str | None = None,
        camera: str | None = None,
        groups: Collection[str] = (),
    ) -> bool:
        """Tell whether a function is allowed: for a camera, a whole city, or the platform."""
        for rights in self.rights:
            if not rights.allow(function, city, camera, groups):
                return False
        return bool(self.rights)

    def require(
        self,
        function: Function,
        *,
        city: str | None = None,
        camera: str | None = None,
        groups: Collection[str] = (),
    ) -> None:
        """Refuse what is not allowed. A city one holds nothing in does not exist."""
        if self.may(function, city=city, camera=camera, groups=groups):
            return
        if self.must_enrol:
            raise ForbiddenError(
                "a second factor is demanded: enrol one first", code="second_factor_required"
            )
        if city is not None and not self.knows(city):
            raise NotFoundError(
                f"there is no city {city!r}", code="city_unknown", values={"city": city}
            )
        raise ForbiddenError(
            f"{function} is not allowed here; ask whoever manages the users",
            code="permission_missing",
            values={"function": function.value, "city": city or "", "camera": camera or ""},
        )

    def knows(self, city: str) -> bool:
        """Tell whether anything of a city is visible."""
        return bool(self.rights) and all(rights.know(city) for rights in self.rights)

    def cities(self, function: Function) -> frozenset[str] | None:
        """Return the cities where any part may be visible; ``None`` means all."""
        if not self.rights:
            return frozenset()
        found: frozenset[str] | None = None
        for rights in self.rights:
            cities = rights.cities(function)
            if cities is not None:
                found = cities if found is None else found & cities
        return found

    def parts(self, function: Function, city: str) -> tuple[Part, ...]:
        """Return the parts of a city that limit a list: a camera must be in each of them."""
        return tuple(rights.part(function, city) for rights in self.rights) or (Part(),)

    def holds(self, held: Held, groups: Collection[str] = ()) -> bool:
        """Tell whether all of some functions are held in a scope.

        For a camera's scope ``groups`` are the groups that the camera is in.
        """
        scope = held.scope
        city, camera = scope.city or None, None
        within: Collection[str] = ()
        if scope.kind == ScopeKind.GROUP:
            within = (scope.id,)
        elif scope.kind == ScopeKind.CAMERA:
            camera, within = scope.id, groups
        return all(
            self.may(function, city=city, camera=camera, groups=within)
            for function in held.functions
        )

    def covers(self, held: Iterable[Held]) -> bool:
        """Tell whether all of this is held: nobody grants, or takes over, more than he has."""
        return all(self.holds(one) for one in held)

    def seen_from(self, address: str) -> "Principal":
        """Return the same principal, asking from an address."""
        return replace(self, address=address)


def system_principal(part: str) -> Principal:
    """Return the product's own part as a principal; it may do everything."""
    return Principal(
        kind=CallerKind.SYSTEM,
        id=part,
        rights=(Rights([Held(EVERY_FUNCTION, WHOLE_PLATFORM)]),),
    )


@dataclass(frozen=True, slots=True)
class Role:
    """A named set of functions: shipped with the product, or made by a city or the platform."""

    id: str
    name: str
    functions: frozenset[Function]
    # Whose role it is; shipped ones are everybody's.
    home: str = PLATFORM_HOME
    shipped: bool = False
    version: int = 1

    @property
    def platform_only(self) -> bool:
        """Whether it can be granted on the whole platform only."""
        return not self.functions.isdisjoint(PLATFORM_FUNCTIONS)


_VIEWER = frozenset({Function.LIVE_VIEW, Function.CAMERA_READ})
_OPERATOR = _VIEWER | {
    Function.AUDIO_LISTEN,
    Function.AUDIO_TALK,
    Function.PLAYBACK_VIEW,
    Function.CLIP_EXPORT,
    Function.PTZ_CONTROL,
    Function.EVENT_READ,
}


def _shipped(name: str, functions: frozenset[Function]) -> Role:
    return Role(id=name, name=name, functions=functions, shipped=True)


ADMIN_ROLE = "admin"
MANAGER_ROLE = "gestor"
SHIPPED_ROLES: Mapping[str, Role] = MappingProxyType(
    {
        role.id: role
        for role in (
            _shipped(ADMIN_ROLE, EVERY_FUNCTION),
            _shipped(MANAGER_ROLE, EVERY_FUNCTION - PLATFORM_FUNCTIONS),
            _shipped("operador", _OPERATOR),
            _shipped("visualizador", _VIEWER),
        )
    }
)
