"""Sheets of small pictures on disk: a file an hour of a camera, sealed as secrets are.

``DATA/thumbs/CAMERA/YYYY-MM-DD/HH.thumb``. They are derived from recordings and may be deleted at
any time. They are sealed because a recording may be encrypted, and its pictures must not lie
beside it in plain.
"""

import contextlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from vms.common import StreamName, VmsError, camera_id
from vms.database import Vault
from vms.telemetry import get_logger

log = get_logger(__name__)

HOUR_US = 3_600_000_000
HOUR_S = 3600
ENDING = ".thumb"


class Tile(msgspec.Struct, frozen=True):
    """Where on the sheet the picture of an instant is."""

    at_us: int
    x: int
    y: int


class SheetIndex(msgspec.Struct, frozen=True, kw_only=True):
    """What is on a sheet: tiles in the order of time; a time without one has no picture."""

    camera: str
    # Of which stream the pictures are.
    stream: StreamName
    from_us: int
    to_us: int
    width: int
    height: int
    tile_width: int
    tile_height: int
    # From one tile to the next.
    every_us: int
    tiles: tuple[Tile, ...]


class Sheet(msgspec.Struct, frozen=True):
    """A sheet and what is on it."""

    index: SheetIndex
    # WebP.
    data: bytes


_decoder = msgspec.msgpack.Decoder(Sheet)


@dataclass(frozen=True, slots=True)
class SheetFiles:
    """The folder of sheets."""

    folder: Path
    vault: Vault

    def path(self, camera: str, hour: int) -> Path:
        """Return where an hour's sheet is kept; hours are counted from 1970."""
        at = datetime.fromtimestamp(hour * HOUR_S, UTC)
        return self.folder / str(camera_id(camera)) / f"{at:%Y-%m-%d}" / f"{at:%H}{ENDING}"

    def has(self, camera: str, hour: int) -> bool:
        """Tell whether there is one."""
        return self.path(camera, hour).is_file()

    def read(self, camera: str, hour: int) -> Sheet | None:
        """Return a sheet; one that cannot be read is deleted, for it can be made again."""
        path = self.path(camera, hour)
        try:
            return _decoder.decode(self.vault.open(path.read_bytes(), _place(camera, hour)))
        except FileNotFoundError:
            return None
        except (VmsError, msgspec.MsgspecError, OSError) as error:
            log.warning("sprite_unreadable", path=str(path), detail=str(error))
            self.remove(camera, hour)
            return None

    def write(self, hour: int, sheet: Sheet) -> None:
        """Keep a sheet: whole, or not at all."""
        path = self.path(sheet.index.camera, hour)
        sealed = self.vault.seal(msgspec.msgpack.encode(sheet), _place(sheet.index.camera, hour))
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(sealed)
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)

    def remove(self, camera: str, hour: int) -> None:
        """Delete a sheet, and its day's folder with the last one."""
        path = self.path(camera, hour)
        path.unlink(missing_ok=True)
        # The folders go with what was in them; one that is not empty stays.
        for folder in (path.parent, path.parent.parent):
            with contextlib.suppress(OSError):
                folder.rmdir()

    def cameras(self) -> Iterator[str]:
        """Yield the cameras that have sheets."""
        if self.folder.is_dir():
            yield from sorted(path.name for path in self.folder.iterdir() if path.is_dir())

    def hours(self, camera: str) -> Iterator[int]:
        """Yield the hours that have a sheet."""
        for path in sorted((self.folder / camera).glob(f"*/*{ENDING}")):
            try:
                at = datetime.fromisoformat(f"{path.parent.name}T{path.stem}:00:00+00:00")
            except ValueError:
                continue
            yield int(at.timestamp()) // HOUR_S


def _place(camera: str, hour: int) -> tuple[str, ...]:
    return ("thumbs", camera, str(hour))
