"""Changes to cameras inside a unit of work: permissions, quota, ids, sealed passwords, traces."""

from collections.abc import Collection
from dataclasses import dataclass

import msgspec

from vms.admin import Function, Principal
from vms.cameras import access, store
from vms.cameras.model import (
    ADDRESSES,
    Camera,
    Draft,
    Secrets,
    changed_fields,
    draft_of_entry,
    wish_of,
)
from vms.cameras.ports import CameraQuota, Places
from vms.cameras.store import Sealed
from vms.cameras.trace import Trace
from vms.cameras.validation import checked
from vms.common import Clock, InvalidError, VmsError, camera_id, is_file, new_id
from vms.database import Unit, Vault
from vms.engine import CameraWish
from vms.proto import CameraEntry
from vms.telemetry import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Seeded:
    """What became of the cameras of the settings."""

    created: tuple[str, ...]
    # Imported before, whether they are still there or not.
    known: tuple[str, ...]
    refused: tuple[str, ...]


class Editor:
    """Changes to cameras inside a unit of work; permissions are checked here."""

    def __init__(
        self, vault: Vault, clock: Clock, quota: CameraQuota, places: Places, *, files: bool
    ) -> None:
        """``files`` tells whether this installation has a folder for ``file:`` addresses."""
        self._vault = vault
        self._files = files
        self._clock = clock
        self._quota = quota
        self._places = places
        self.trace = Trace(clock)

    def create(
        self, unit: Unit, who: Principal, city: str, chosen: str | None, draft: Draft
    ) -> str:
        """Make a camera of a checked draft and return its id."""
        access.require_new(who, city, draft.groups)
        if chosen is not None:
            # Only they see every city's ids, so a conflict tells them nothing new.
            who.require(Function.CAMERA_MANAGE)
            camera_id(chosen)
            if store.id_is_used(unit, chosen):
                raise store.id_taken(chosen)
        self._places.check_city(unit, city)
        self._check_places(unit, city, draft)
        self._check_files(draft, ADDRESSES)
        self._quota.check(unit, city, store.count_city(unit, city))
        camera = chosen or new_id()
        secrets = Secrets().after(draft)
        store.add(unit, city, camera, draft, self._seal(camera, secrets), self._clock.utc_us())
        self.trace.created(unit, who, city, camera)
        return camera

    def change(self, unit: Unit, who: Principal, held: Sealed, draft: Draft) -> tuple[str, ...]:
        """Change a camera to a checked draft; return the fields that changed."""
        before = held.camera
        secrets = self.open(held)
        fields = changed_fields(before, secrets, draft)
        if not fields:
            return ()
        access.require(who, Function.CAMERA_MANAGE, before)
        access.require_groups(who, before.city, set(before.groups) ^ set(draft.groups))
        self._check_places(unit, before.city, draft)
        self._check_files(draft, fields)
        sealed = self._reseal(held, secrets, secrets.after(draft))
        store.change(unit, before, before.version, draft, sealed, self._clock.utc_us())
        self.trace.updated(unit, who, before, fields)
        return fields

    def delete(self, unit: Unit, who: Principal, camera: Camera) -> None:
        """Delete a camera."""
        access.require(who, Function.CAMERA_MANAGE, camera)
        store.remove(unit, camera)
        self.trace.deleted(unit, who, camera)

    def seed(self, unit: Unit, who: Principal, entries: tuple[CameraEntry, ...]) -> Seeded:
        """Make those cameras of the settings whose ids were never used."""
        known = tuple(entry.id for entry in entries if store.id_is_used(unit, entry.id))
        created, refused = [], []
        for entry in entries:
            if entry.id in known:
                continue
            new = draft_of_entry(entry)
            try:
                self.create(unit, who, str(new.city), new.id, checked(new))
            except VmsError as error:
                # One that cannot be kept must not keep the product from starting.
                log.warning(
                    "camera_not_imported", camera=entry.id, code=error.code, detail=error.message
                )
                refused.append(entry.id)
            else:
                created.append(entry.id)
        return Seeded(tuple(created), known, tuple(refused))

    def wishes(self, unit: Unit) -> tuple[CameraWish, ...]:
        """Return every camera as the engine should run it."""
        return tuple(
            wish_of(one.camera, self._open_or_none(one) if one.camera.enabled else Secrets())
            for one in store.read_all(unit)
        )

    def open(self, held: Sealed) -> Secrets:
        """Return a camera's passwords."""
        opened = {
            name: self._vault.open(sealed, (*store.PASSWORDS[name], held.camera.id)).decode()
            for name, sealed in held.passwords.items()
        }
        return Secrets(**opened)

    def _open_or_none(self, held: Sealed) -> Secrets:
        try:
            return self.open(held)
        except VmsError as error:
            # All others must run; this one says "wrong password" until its own is given again.
            log.error("camera_password_lost", camera=held.camera.id, detail=error.message)  # noqa: TRY400
            return Secrets()

    def _seal(self, camera: str, secrets: Secrets) -> dict[str, bytes | None]:
        plain = msgspec.structs.asdict(secrets)
        return {
            name: None if text is None else self._vault.seal(text.encode(), (*where, camera))
            for name, where in store.PASSWORDS.items()
            for text in (plain[name],)
        }

    def _reseal(self, held: Sealed, before: Secrets, after: Secrets) -> dict[str, bytes | None]:
        """Seal what changed; what did not stays as it is."""
        sealed = self._seal(held.camera.id, after)
        kept = (name for name in sealed if getattr(before, name) == getattr(after, name))
        return sealed | {name: held.passwords.get(name) for name in kept}

    def _check_files(self, draft: Draft, fields: Collection[str]) -> None:
        """Refuse a file where there is no folder for files; one that was there stays."""
        for name in ADDRESSES:
            address: str | None = getattr(draft, name)
            if name in fields and address is not None and is_file(address) and not self._files:
                raise InvalidError(
                    f"{name}: the settings of this installation name no folder for files; "
                    "set source.media_dir",
                    code="camera_files_off",
                    values={"field": name},
                )

    def _check_places(self, unit: Unit, city: str, draft: Draft) -> None:
        if draft.site is not None and draft.site not in self._places.sites(unit, city):
            raise _no_place("site", draft.site, city)
        if draft.groups:
            known = self._places.groups(unit, city)
            for group in draft.groups:
                if group not in known:
                    raise _no_place("groups", group, city)


def _no_place(field: str, place: str, city: str) -> InvalidError:
    return InvalidError(
        f"{field}: {city} has none with the id {place!r}",
        code=f"camera_{field}_unknown",
        values={"field": field, "id": place},
    )
