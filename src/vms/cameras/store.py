"""Cameras in the database.

Every statement names the city where the unit's scope is one: that is the first
lock, row-level security of PostgreSQL the second. Whole reads go by plain SQL.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    delete,
    insert,
)

from vms.cameras.model import (
    SECRET,
    Area,
    Camera,
    CameraItem,
    CameraState,
    Draft,
    RosterEntry,
    Status,
    Why,
)
from vms.cameras.validation import search_key
from vms.common import ConflictError, Page, Slice
from vms.database import Unit, insert_unique, metadata, update_versioned

cameras_table = Table(
    "cameras",
    metadata,
    Column("city", String(63), primary_key=True),
    Column("id", String(63), primary_key=True),
    Column("name", Text, nullable=False),
    # The name as it is searched and sorted: without case and accents.
    Column("name_key", Text, nullable=False),
    Column("maker", String(31), nullable=False),
    Column("host", Text),
    Column("port", Integer),
    Column("channel", Integer, nullable=False),
    Column("sub_stream", Boolean, nullable=False),
    Column("url", Text),
    Column("sub_url", Text),
    Column("transport", String(3)),
    # NULL: as the address says.
    Column("on_demand", Boolean),
    Column("username", Text),
    # Sealed by the vault.
    Column("password", LargeBinary),
    Column("sub_username", Text),
    Column("sub_password", LargeBinary),
    # A second address of each stream, and its own login.
    Column("backup_url", Text),
    Column("backup_sub_url", Text),
    Column("backup_username", Text),
    Column("backup_password", LargeBinary),
    # JSON lists of addresses; their passphrases, an object, are sealed.
    Column("push", Text, nullable=False, server_default="[]"),
    Column("sub_push", Text, nullable=False, server_default="[]"),
    Column("push_passphrases", LargeBinary),
    Column("enabled", Boolean, nullable=False),
    Column("site", String(63)),
    Column("tags", Text, nullable=False),
    Column("latitude", Double),
    Column("longitude", Double),
    Column("masks", Text, nullable=False),
    Column("zones", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    Index("ix_cameras_city_name_key", "city", "name_key", "id"),
    # For the platform, who sees every city in one list.
    Index("ix_cameras_name_key", "name_key", "id"),
    Index("ix_cameras_id", "id"),
)

groups_table = Table(
    "camera_group_members",
    metadata,
    Column("city", String(63), primary_key=True),
    Column("camera", String(63), primary_key=True),
    Column("group_id", String(63), primary_key=True),
    ForeignKeyConstraint(
        ["city", "camera"],
        ["cameras.city", "cameras.id"],
        ondelete="CASCADE",
        name="fk_camera_group_members_camera",
    ),
    Index("ix_camera_group_members_city_group_id", "city", "group_id"),
)

# Every id that was ever given, of all cities and never removed: so none is used again. It has no
# city, so whoever finds one taken learns no more than that.
ids_table = Table("camera_ids", metadata, Column("id", String(63), primary_key=True))

# The places of sealed passwords: table and column; the camera follows.
PASSWORDS = {name: ("cameras", name) for name in SECRET}

_LIKE_SPECIAL = re.compile(r"([!%_])")
_KEY_END = "\t"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visible:
    """The cameras that are visible of one city: all, or those in one of each pair's two lists."""

    city: str
    # Each limits further; none: the whole city.
    parts: tuple[tuple[frozenset[str], frozenset[str]], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a list is narrowed to."""

    city: str | None = None
    group: str | None = None
    site: str | None = None
    # A part of the name, whatever its case and accents.
    name: str | None = None
    enabled: bool | None = None
    state: CameraState | None = None
    # Nothing: every camera of every city.
    visible: tuple[Visible, ...] | None = None


@dataclass(frozen=True, slots=True)
class Sealed:
    """A camera with its passwords as they are kept."""

    camera: Camera
    # By field, see ``PASSWORDS``; of those that it has.
    passwords: Mapping[str, bytes]


# --- reading

_STATUS = "s.state, s.reason, s.reason_values, s.since_us"
_JOIN_STATUS = (
    "LEFT JOIN camera_status s ON s.city = c.city AND s.camera = c.id AND s.stream = 'main'"
)
_FULL = (
    "c.id, c.city, c.name, c.maker, c.host, c.port, c.channel, c.sub_stream, c.url, c.sub_url, "
    "c.transport, c.on_demand, c.username, c.password, c.sub_username, c.sub_password, "
    "c.backup_url, c.backup_sub_url, c.backup_username, c.backup_password, c.push, c.sub_push, "
    "c.push_passphrases, c.enabled, c.site, "
    "c.tags, c.latitude, c.longitude, c.masks, c.zones, c.version, c.created_us, c.updated_us"
)
_ITEM = (
    "c.id, c.city, c.name, c.maker, c.enabled, c.site, c.tags, c.latitude, c.longitude, "
    "c.masks <> '[]', c.version"
)
_JOINED_GROUPS = {
    "sqlite": "group_concat(g.group_id, ' ')",
    "postgresql": "string_agg(g.group_id, ' ')",
}

_areas = msgspec.json.Decoder(tuple[Area, ...])
_tags = msgspec.json.Decoder(tuple[str, ...])
_values = msgspec.json.Decoder(dict[str, str | int | float])
_encode = msgspec.json.Encoder().encode


def find(unit: Unit, camera: str) -> Sealed | None:
    """Return a camera of the unit's scope."""
    found = _read(unit, "c.id = :id", {"id": camera})
    return found[0] if found else None


def read_city(unit: Unit, city: str) -> list[Sealed]:
    """Return every camera of a city, in the order of their names."""
    return _read(unit, "c.city = :of", {"of": city})


def read_all(unit: Unit) -> list[Sealed]:
    """Return every camera of the unit's scope."""
    return _read(unit, "1 = 1", {})


def _read(unit: Unit, where: str, values: Mapping[str, Any]) -> list[Sealed]:
    rows = unit.rows(
        f"SELECT {_FULL}, {_groups_of(unit)}, {_STATUS} FROM cameras c {_JOIN_STATUS} "  # noqa: S608 - only names above
        f"WHERE {where}{_in_scope(unit)} ORDER BY c.name_key, c.id",
        {**values, "scope": unit.scope.city},
    )
    return [_sealed(row) for row in rows]


def _groups_of(unit: Unit) -> str:
    return (
        f"(SELECT {_JOINED_GROUPS[unit.store]} FROM camera_group_members g "  # noqa: S608
        "WHERE g.city = c.city AND g.camera = c.id)"
    )


def _in_scope(unit: Unit) -> str:
    return "" if unit.scope.city is None else " AND c.city = :scope"


def _sealed(row: tuple[Any, ...]) -> Sealed:
    (
        id_, city, name, maker, host, port, channel, sub_stream, url, sub_url, transport,
        on_demand, user, password, sub_user, sub_password, backup_url, backup_sub_url, backup_user,
        backup_password, push, sub_push, push_passphrases, enabled, site, tags, latitude, longitude,
        masks, zones, version, created_us, updated_us, groups, *status,
    ) = row  # fmt: skip
    camera = Camera(
        id=id_, city=city, name=name, maker=maker, host=host, port=port, channel=channel,
        sub_stream=bool(sub_stream), url=url, sub_url=sub_url, transport=transport,
        on_demand=None if on_demand is None else bool(on_demand), user=user,
        has_password=password is not None, sub_user=sub_user,
        has_sub_password=sub_password is not None, backup_url=backup_url,
        backup_sub_url=backup_sub_url, backup_user=backup_user,
        has_backup_password=backup_password is not None, push=_tags.decode(push),
        sub_push=_tags.decode(sub_push), has_push_passphrases=push_passphrases is not None,
        enabled=bool(enabled), site=site,
        groups=_split(groups), tags=_tags.decode(tags), latitude=latitude, longitude=longitude,
        masks=_areas.decode(masks), zones=_areas.decode(zones), version=version,
        created_us=created_us, updated_us=updated_us,
        status=_status(bool(enabled), *status),
    )  # fmt: skip
    secrets = (password, sub_password, backup_password, push_passphrases)
    sealed = zip(SECRET, secrets, strict=True)
    return Sealed(camera, {name: bytes(one) for name, one in sealed if one is not None})


def _split(groups: str | None) -> tuple[str, ...]:
    return tuple(sorted(groups.split(" "))) if groups else ()


def _status(
    enabled: bool,  # noqa: FBT001 - a column
    state: str | None,
    reason: str | None,
    values: str | None,
    since_us: int | None,
) -> Status:
    # Who follows the streams tells a moment later; the switch itself tells at once.
    if not enabled:
        return Status(CameraState.OFF, None, since_us if state == CameraState.OFF else None)
    if state is None or state == CameraState.OFF:
        return Status()
    why = None if reason is None else Why(reason, _values.decode(values or "{}"))
    return Status(CameraState(state), why, since_us)


def list_page(unit: Unit, wanted: Filter, page: Page) -> Slice[CameraItem]:
    """Return one page, in the order of the names."""
    where, values = _conditions(unit, wanted)
    if page.after is not None:
        key, _, last = page.after.rpartition(_KEY_END)
        where.append("(c.name_key, c.id) > (:after_key, :after_id)")
        values |= {"after_key": key, "after_id": last}
    rows = unit.rows(
        f"SELECT {_ITEM}, c.name_key, {_groups_of(unit)}, {_STATUS} "  # noqa: S608 - only names above
        f"FROM cameras c {_JOIN_STATUS} WHERE {' AND '.join(where)} "
        "ORDER BY c.name_key, c.id LIMIT :limit",
        {**values, "limit": page.limit + 1},
    )
    shown = rows[: page.limit]
    more = f"{shown[-1][11]}{_KEY_END}{shown[-1][0]}" if len(rows) > len(shown) else None
    return Slice(tuple(map(_item, shown)), more)


def _item(row: tuple[Any, ...]) -> CameraItem:
    (
        id_, city, name, maker, enabled, site, tags, latitude, longitude, masked, version, _,
        groups, *status,
    ) = row  # fmt: skip
    return CameraItem(
        id_, city, name, maker, bool(enabled), site, _split(groups), _tags.decode(tags),
        latitude, longitude, bool(masked), version, _status(bool(enabled), *status),
    )  # fmt: skip


def _conditions(unit: Unit, wanted: Filter) -> tuple[list[str], dict[str, Any]]:
    where: list[str] = ["1 = 1"]
    values: dict[str, Any] = {}
    simple = {"city": unit.scope.city, "of": wanted.city, "site": wanted.site}
    for name, column in (("city", "c.city"), ("of", "c.city"), ("site", "c.site")):
        if simple[name] is not None:
            where.append(f"{column} = :{name}")
            values[name] = simple[name]
    if wanted.group is not None:
        where.append(_in_groups([":of_group"]))
        values["of_group"] = wanted.group
    if wanted.name is not None:
        where.append("c.name_key LIKE :name ESCAPE '!'")
        part = _LIKE_SPECIAL.sub(r"!\1", search_key(wanted.name))
        values["name"] = f"%{part}%"
    if wanted.enabled is not None:
        where.append("c.enabled = :enabled")
        values["enabled"] = wanted.enabled
    if wanted.state is not None:
        where.append(_IN_STATE[wanted.state])
    if wanted.visible is not None:
        where.append(_visible(wanted.visible, values))
    return where, values


# As ``_status`` tells it.
_IN_STATE = {
    CameraState.ONLINE: "c.enabled AND s.state = 'online'",
    CameraState.OFFLINE: "c.enabled AND s.state = 'offline'",
    CameraState.OFF: "NOT c.enabled",
    CameraState.UNKNOWN: "c.enabled AND COALESCE(s.state, 'off') IN ('unknown', 'off')",
}


def _in_groups(places: Iterable[str]) -> str:
    return (
        "EXISTS (SELECT 1 FROM camera_group_members m WHERE m.city = c.city AND m.camera = c.id "  # noqa: S608
        f"AND m.group_id IN ({', '.join(places)}))"
    )


def _visible(visible: Iterable[Visible], values: dict[str, Any]) -> str:
    """Return the condition for what may be seen, its values put into ``values``."""

    def place(value: str) -> str:
        name = f"v{len(values)}"
        values[name] = value
        return f":{name}"

    whole: list[str] = []
    found: list[str] = []
    for one in visible:
        if not one.parts:
            whole.append(place(one.city))
            continue
        limits = [f"c.city = {place(one.city)}"]
        for groups, cameras in one.parts:
            ways = ["1 = 0"]
            if groups:
                ways.append(_in_groups(map(place, sorted(groups))))
            if cameras:
                ways.append(f"c.id IN ({', '.join(map(place, sorted(cameras)))})")
            limits.append(f"({' OR '.join(ways)})")
        found.append(f"({' AND '.join(limits)})")
    if whole:
        found.append(f"c.city IN ({', '.join(whole)})")
    return f"({' OR '.join(found or ['1 = 0'])})"


def roster(unit: Unit) -> list[RosterEntry]:
    """Return every camera as those need it who watch streams."""
    rows = unit.rows(
        f"SELECT {_FULL}, {_groups_of(unit)}, NULL, NULL, NULL, NULL "  # noqa: S608 - only names above
        f"FROM cameras c WHERE 1 = 1{_in_scope(unit)}",
        {"scope": unit.scope.city},
    )
    return [_entry(_sealed(row).camera) for row in rows]


def _entry(camera: Camera) -> RosterEntry:
    return RosterEntry(
        id=camera.id,
        city=camera.city,
        name=camera.name,
        enabled=camera.enabled,
        masked=camera.masked,
        groups=camera.groups,
        streams=tuple(camera.addresses()),
    )


def place(unit: Unit, camera: str) -> tuple[str, frozenset[str]] | None:
    """Return city and groups of a camera of the unit's scope: what permissions depend on."""
    rows = unit.rows(
        f"SELECT c.city, {_groups_of(unit)} FROM cameras c WHERE c.id = :id{_in_scope(unit)}",  # noqa: S608 - only names above
        {"id": camera, "scope": unit.scope.city},
    )
    return (rows[0][0], frozenset(_split(rows[0][1]))) if rows else None


def is_on(unit: Unit, camera: str) -> bool:
    """Tell whether a camera of the unit's scope is there and switched on."""
    rows = unit.rows(
        f"SELECT c.enabled FROM cameras c WHERE c.id = :id{_in_scope(unit)}",  # noqa: S608 - only names above
        {"id": camera, "scope": unit.scope.city},
    )
    return bool(rows and rows[0][0])


def in_group(unit: Unit, city: str, group: str) -> tuple[str, ...]:
    """Return the cameras of a group."""
    rows = unit.rows(
        "SELECT camera FROM camera_group_members"
        " WHERE city = :city AND group_id = :group ORDER BY camera",
        {"city": city, "group": group},
    )
    return tuple(str(camera) for (camera,) in rows)


def count_city(unit: Unit, city: str) -> int:
    """Return how many cameras a city has."""
    [(count,)] = unit.rows("SELECT count(*) FROM cameras WHERE city = :city", {"city": city})
    return int(count)


def count_site(unit: Unit, city: str, site: str) -> int:
    """Return how many cameras stand at a site."""
    sql = "SELECT count(*) FROM cameras WHERE city = :city AND site = :site"
    [(count,)] = unit.rows(sql, {"city": city, "site": site})
    return int(count)


def count_group(unit: Unit, city: str, group: str) -> int:
    """Return how many cameras are in a group."""
    return len(in_group(unit, city, group))


# --- writing


def id_is_used(unit: Unit, camera: str) -> bool:
    """Say whether a camera has or had this id, in whatever city."""
    return bool(unit.rows("SELECT 1 FROM camera_ids WHERE id = :id", {"id": camera}))


def add(
    unit: Unit,
    city: str,
    camera: str,
    draft: Draft,
    sealed: Mapping[str, bytes | None],
    now_us: int,
) -> None:
    """Insert a camera; its id must be new."""
    insert_unique(unit, ids_table, {"id": camera}, id_taken(camera))
    values = _written(draft) | dict(sealed)
    unit.execute(
        insert(cameras_table).values(
            city=city, id=camera, version=1, created_us=now_us, updated_us=now_us, **values
        )
    )
    _link(unit, city, camera, draft.groups)


def change(
    unit: Unit,
    before: Camera,
    version: int | None,
    draft: Draft,
    sealed: Mapping[str, bytes | None],
    now_us: int,
) -> int:
    """Write a camera anew and return its new version."""
    values = _written(draft) | dict(sealed) | {"updated_us": now_us}
    key = {"city": before.city, "id": before.id}
    found = update_versioned(unit, cameras_table, key, version, values)
    if before.groups != draft.groups:
        unit.execute(
            delete(groups_table).where(
                groups_table.c.city == before.city, groups_table.c.camera == before.id
            )
        )
        _link(unit, before.city, before.id, draft.groups)
    return found


def remove(unit: Unit, camera: Camera) -> None:
    """Delete a camera; its id stays used."""
    unit.execute(
        delete(cameras_table).where(
            cameras_table.c.city == camera.city, cameras_table.c.id == camera.id
        )
    )


def id_taken(camera: str) -> ConflictError:
    """Return the refusal of an id; it does not tell whose it is or was."""
    return ConflictError(
        f"the id {camera!r} is or was in use; choose another one, or none",
        code="camera_id_taken",
        values={"id": camera},
    )


def _written(draft: Draft) -> dict[str, Any]:
    return {
        "name": draft.name,
        "name_key": search_key(draft.name),
        "maker": draft.maker,
        "host": draft.host,
        "port": draft.port,
        "channel": draft.channel,
        "sub_stream": draft.sub_stream,
        "url": draft.url,
        "sub_url": draft.sub_url,
        "transport": draft.transport,
        "on_demand": draft.on_demand,
        "username": draft.user,
        "sub_username": draft.sub_user,
        "backup_url": draft.backup_url,
        "backup_sub_url": draft.backup_sub_url,
        "backup_username": draft.backup_user,
        "push": _encode(draft.push).decode(),
        "sub_push": _encode(draft.sub_push).decode(),
        "enabled": draft.enabled,
        "site": draft.site,
        "tags": _encode(draft.tags).decode(),
        "latitude": draft.latitude,
        "longitude": draft.longitude,
        "masks": _encode(draft.masks).decode(),
        "zones": _encode(draft.zones).decode(),
    }


def _link(unit: Unit, city: str, camera: str, groups: Sequence[str]) -> None:
    if groups:
        unit.execute(
            insert(groups_table),
            [{"city": city, "camera": camera, "group_id": group} for group in groups],
        )
