"""Import and export of a city's cameras.

A row that names an id changes that camera. One without changes the camera of
the city whose main stream has the same address (where the camera calls us: the
same name), and makes a new one where there is none: so the same file a second
time changes nothing. Rows stand alone: those that cannot be are told, the
others are done, all in one transaction. A dry run does the same and leaves
nothing behind.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec
from msgspec import UNSET

from vms.admin import Function, Principal
from vms.cameras import access, store
from vms.cameras.editor import Editor
from vms.cameras.exchange import Format, Item, Row, read_rows, write_csv, write_json
from vms.cameras.model import Camera, Change, Draft, Secrets, draft_of
from vms.cameras.ports import CameraQuota, Places
from vms.cameras.store import Sealed
from vms.cameras.validation import apply, checked
from vms.common import (
    Clock,
    ConflictError,
    InvalidError,
    NotFoundError,
    Place,
    StreamName,
    VmsError,
    is_published,
    place_of,
)
from vms.database import Database, Unit, Vault


class RowOutcome(StrEnum):
    """What became of a row."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    FAILED = "failed"


class RowReport(msgspec.Struct, frozen=True):
    """One row of an import: what became of it, or why nothing did."""

    line: int
    outcome: RowOutcome
    # The camera; none for a new one of a dry run.
    id: str | None = None
    name: str | None = None
    code: str | None = None
    message: str | None = None
    values: dict[str, str | int | float] = {}


class ImportReport(msgspec.Struct, frozen=True):
    """What became of an import, row by row."""

    dry_run: bool
    created: int
    updated: int
    unchanged: int
    failed: int
    rows: tuple[RowReport, ...]


class _DryRunError(Exception):
    """Ends the transaction of a dry run, carrying its report."""

    def __init__(self, rows: list[RowReport]) -> None:
        super().__init__("dry run")
        self.rows = rows


class Transfer:
    """Imports and exports cameras."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        clock: Clock,
        quota: CameraQuota,
        places: Places,
        *,
        files: bool = False,
    ) -> None:
        """``files`` tells whether this installation has a folder for ``file:`` addresses."""
        self._database = database
        self._vault = vault
        self._clock = clock
        self._quota = quota
        self._places = places
        self._files = files

    async def import_(
        self, who: Principal, city: str, data: bytes, kind: Format, *, dry_run: bool = False
    ) -> ImportReport:
        """Import a file into a city."""
        _require_somewhere(who, city)
        rows = await asyncio.to_thread(read_rows, data, kind)

        def work(unit: Unit) -> list[RowReport]:
            self._places.check_city(unit, city)
            editor = self._editor(_Remembered(self._places))
            found = _Import(unit, who, city, editor, self._places).run(rows)
            if dry_run:
                raise _DryRunError(found)
            return found

        try:
            done = await self._database.run(work, who.scope)
        except _DryRunError as ended:
            done = [_without_new_id(row) for row in ended.rows]
        return _report(done, dry_run=dry_run)

    async def export(
        self,
        who: Principal,
        city: str,
        kind: Format,
        *,
        passwords: bool = False,
        separator: str = ",",
    ) -> bytes:
        """Return the cameras of a city that somebody sees, as a file.

        Passwords only of the cameras that he may change, and that is audited.
        """
        seen = access.visible(who, city)
        editor = self._editor(self._places)

        def work(unit: Unit) -> list[tuple[Camera, Secrets | None]]:
            self._places.check_city(unit, city)
            held = [
                one
                for one in store.read_city(unit, city)
                if seen is None or access.may(who, Function.CAMERA_READ, one.camera)
            ]
            if not passwords:
                return [(one.camera, None) for one in held]
            for one in held:
                access.require(who, Function.CAMERA_MANAGE, one.camera)
            editor.trace.exported(unit, who, city, len(held))
            return [(one.camera, editor.open(one)) for one in held]

        found = await self._database.run(work, who.scope, read=not passwords)
        if kind == "json":
            return await asyncio.to_thread(write_json, found, passwords=passwords)
        text = await asyncio.to_thread(write_csv, found, passwords=passwords, separator=separator)
        return text.encode()

    def _editor(self, places: Places) -> Editor:
        return Editor(self._vault, self._clock, self._quota, places, files=self._files)


def _require_somewhere(who: Principal, city: str) -> None:
    """Refuse who may change nothing in a city; each row is asked for again."""
    cities = who.cities(Function.CAMERA_MANAGE)
    if cities is not None and city not in cities:
        who.require(Function.CAMERA_MANAGE, city=city)


def _without_new_id(row: RowReport) -> RowReport:
    if row.outcome is not RowOutcome.CREATED:
        return row
    return msgspec.structs.replace(row, id=None)


def _report(rows: list[RowReport], *, dry_run: bool) -> ImportReport:
    counts = dict.fromkeys(RowOutcome, 0)
    for row in rows:
        counts[row.outcome] += 1
    return ImportReport(
        dry_run=dry_run,
        created=counts[RowOutcome.CREATED],
        updated=counts[RowOutcome.UPDATED],
        unchanged=counts[RowOutcome.UNCHANGED],
        failed=counts[RowOutcome.FAILED],
        rows=tuple(rows),
    )


@dataclass(slots=True)
class _Remembered:
    """Sites and groups, asked for once a transaction."""

    places: Places
    _sites: dict[str, Mapping[str, str]] = field(default_factory=dict)
    _groups: dict[str, Mapping[str, str]] = field(default_factory=dict)
    _cities: set[str] = field(default_factory=set)

    def check_city(self, unit: Unit, city: str) -> None:
        if city not in self._cities:
            self.places.check_city(unit, city)
            self._cities.add(city)

    def sites(self, unit: Unit, city: str) -> Mapping[str, str]:
        if city not in self._sites:
            self._sites[city] = self.places.sites(unit, city)
        return self._sites[city]

    def groups(self, unit: Unit, city: str) -> Mapping[str, str]:
        if city not in self._groups:
            self._groups[city] = self.places.groups(unit, city)
        return self._groups[city]


def _where(source: Camera | Draft) -> Place:
    """Return the place of a main stream; cameras that call us are told apart by their names."""
    address = source.addresses()[StreamName.MAIN]
    return Place("publish", "", 0, source.name) if is_published(address) else place_of(address)


class _Import:
    """One import, inside its transaction."""

    def __init__(
        self, unit: Unit, who: Principal, city: str, editor: Editor, places: Places
    ) -> None:
        self._unit = unit
        self._who = who
        self._city = city
        self._editor = editor
        held = [
            one
            for one in store.read_city(unit, city)
            if access.may(who, Function.CAMERA_READ, one.camera)
        ]
        self._by_id = {one.camera.id: one for one in held}
        self._by_place: dict[Place, list[Sealed]] = {}
        for one in held:
            self._by_place.setdefault(_where(one.camera), []).append(one)
        self._sites = _Names("site", places.sites(unit, city))
        self._groups = _Names("groups", places.groups(unit, city))
        # The line in which a camera, or the place of a new one, stood first.
        self._lines: dict[str | Place, int] = {}

    def run(self, rows: list[Row]) -> list[RowReport]:
        """Do every row."""
        return [self._row(row) for row in rows]

    def _row(self, row: Row) -> RowReport:
        if isinstance(row.wanted, VmsError):
            return _failed(row.line, None, row.wanted)
        try:
            return self._do(row.line, self._named(row.wanted))
        except VmsError as error:
            return _failed(row.line, row.wanted, error)

    def _named(self, item: Item) -> Item:
        """Return an item whose site and groups, where told by name, are told by id."""
        given: dict[str, object] = {}
        if isinstance(item.site, str):
            given["site"] = self._sites.resolve(item.site)
        if item.groups is not UNSET:
            given["groups"] = tuple(map(self._groups.resolve, item.groups))
        return msgspec.structs.replace(item, **given)

    def _do(self, line: int, item: Item) -> RowReport:
        change = Change(**{name: getattr(item, name) for name in Change.__struct_fields__})
        held = self._held(item.id)
        if held is not None:
            return self._change(line, held, change)
        draft = checked(apply(Draft(name=""), change))
        if item.id is None:
            same = self._by_place.get(_where(draft), [])
            if len(same) > 1:
                raise ConflictError(
                    f"{len(same)} cameras have this address; name one by its id",
                    code="import_ambiguous",
                    values={"count": len(same)},
                )
            if same:
                return self._change(line, same[0], change)
        self._once(line, item.id or _where(draft))
        camera = self._editor.create(self._unit, self._who, self._city, item.id, draft)
        return RowReport(line, RowOutcome.CREATED, camera, draft.name)

    def _held(self, camera: str | None) -> Sealed | None:
        if camera is None:
            return None
        held = self._by_id.get(camera)
        if held is None and not self._who.may(Function.CAMERA_MANAGE):
            # Whoever's it is: ids are chosen by the platform alone.
            raise NotFoundError(
                f"{self._city} has no camera {camera!r}; leave the id out for a new one",
                code="camera_unknown",
                values={"camera": camera},
            )
        return held

    def _change(self, line: int, held: Sealed, change: Change) -> RowReport:
        draft = checked(apply(draft_of(held.camera), change))
        self._once(line, held.camera.id)
        fields = self._editor.change(self._unit, self._who, held, draft)
        outcome = RowOutcome.UPDATED if fields else RowOutcome.UNCHANGED
        return RowReport(line, outcome, held.camera.id, draft.name)

    def _once(self, line: int, key: str | Place) -> None:
        """Refuse a second row for the same camera: which one should hold?"""
        first = self._lines.setdefault(key, line)
        if first != line:
            raise ConflictError(
                f"line {first} is about the same camera",
                code="import_twice",
                values={"line": first},
            )


class _Names:
    """Sites or groups of a city, found by id or by a name that only one has."""

    def __init__(self, column: str, names: Mapping[str, str]) -> None:
        self._column = column
        self._ids = names
        self._by_name: dict[str, list[str]] = {}
        for id_, name in names.items():
            self._by_name.setdefault(name, []).append(id_)

    def resolve(self, told: str) -> str:
        """Return the id of what is told by its id or its name."""
        if told in self._ids:
            return told
        found = self._by_name.get(told, [])
        if len(found) == 1:
            return found[0]
        raise InvalidError(
            f"{self._column}: {len(found) or 'none'} is called {told[:64]!r}; name it by its id",
            code=f"camera_{self._column}_unknown",
            values={"field": self._column, "id": told[:64]},
        )


def _failed(line: int, item: Item | None, error: VmsError) -> RowReport:
    name = None if item is None or item.name is UNSET else item.name
    return RowReport(
        line,
        RowOutcome.FAILED,
        None if item is None else item.id,
        name,
        error.code,
        error.message,
        error.values,
    )
