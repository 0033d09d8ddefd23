"""The files of a folder or a ZIP alike: where their bytes lie, without copying them.

A ZIP that the product makes stores its files as they are, so they are read where they
lie; what is compressed or encrypted is unpacked into a folder of its own first.
"""

import hashlib
import io
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pyzipper  # type: ignore[import-untyped]

from vms.common import InvalidError, UnavailableError
from vms.engine.recording import FilePlace

ZIP = ".zip"
STEP = 1 << 20
# A case holds clips, which may be ZIPs; nothing of ours lies deeper.
MOST_DEPTH = 3
_LOCAL_HEAD = struct.Struct("<4s5H3L2H")
_LOCAL_MAGIC = b"PK\x03\x04"
_ENCRYPTED = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, and how people find it."""

    # Below what was given, with slashes.
    path: str
    place: FilePlace

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.path.rpartition("/")[2]

    @property
    def folder(self) -> str:
        """The folder that it lies in."""
        return self.path.rpartition("/")[0]

    def read(self, most: int) -> bytes:
        """Return its bytes, ``most`` at most."""
        with Path(self.place.path).open("rb") as stream:
            stream.seek(self.place.offset)
            return stream.read(min(most, self.place.bytes))

    def steps(self) -> Iterator[bytes]:
        """Yield its bytes piece by piece."""
        with Path(self.place.path).open("rb") as stream:
            stream.seek(self.place.offset)
            left = self.place.bytes
            while left and (data := stream.read(min(STEP, left))):
                left -= len(data)
                yield data

    def sha256(self) -> str:
        """Return its SHA-256 in hexadecimal."""
        digest = hashlib.sha256()
        for data in self.steps():
            digest.update(data)
        return digest.hexdigest()

    def crc32(self) -> int:
        """Return the checksum that a ZIP keeps."""
        found = 0
        for data in self.steps():
            found = zlib.crc32(data, found)
        return found


class _Slice(io.RawIOBase):
    """An entry as a file that can be sought in: a ZIP inside a ZIP."""

    def __init__(self, place: FilePlace) -> None:
        self._place = place
        self._at = 0
        self._stream = Path(place.path).open("rb")  # noqa: SIM115 - closed by ``close``

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._place.bytes}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._place.bytes - self._at)
        self._stream.seek(self._place.offset + self._at)
        data = self._stream.read(left if size < 0 else min(size, left))
        self._at += len(data)
        return data

    def close(self) -> None:
        self._stream.close()
        super().close()


def entry_of(path: Path, name: str) -> Entry:
    """Return a file under a name."""
    return Entry(name, FilePlace(str(path), 0, path.stat().st_size))


def of_folder(folder: Path) -> Iterator[Entry]:
    """Yield every file below a folder; links are followed nowhere."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield entry_of(path, path.relative_to(folder).as_posix())


@dataclass(slots=True)
class Unpacker:
    """Lists ZIPs; unpacks what must be. ``password`` is asked once, where one is needed."""

    password: Callable[[], str]
    # What a ZIP's own checksums say is wrong: path of the entry.
    torn: list[str] = field(default_factory=list)
    _work: TemporaryDirectory[str] | None = None
    _known: str | None = None

    def close(self) -> None:
        """Remove what was unpacked."""
        if self._work is not None:
            self._work.cleanup()

    def listed(self, zipped: Entry, depth: int = 0) -> Iterator[Entry]:
        """Yield the files of a ZIP, those of ZIPs inside too."""
        if depth >= MOST_DEPTH:
            raise InvalidError(f"{zipped.path}: ZIPs lie in ZIPs too deep", code="zip_unreadable")
        try:
            with _Slice(zipped.place) as stream, pyzipper.AESZipFile(stream) as members:
                found = [
                    self._member(zipped, members, info)
                    for info in members.infolist()
                    if not info.is_dir()
                ]
        except (zipfile.BadZipFile, pyzipper.BadZipFile, NotImplementedError) as error:
            raise InvalidError(
                f"{zipped.path}: {error}", code="zip_unreadable", values={"file": zipped.path}
            ) from None
        for entry in found:
            yield entry
            if entry.name.endswith(ZIP):
                yield from self.listed(entry, depth + 1)

    def _member(self, zipped: Entry, members: pyzipper.AESZipFile, info: zipfile.ZipInfo) -> Entry:
        path = f"{zipped.path}/{info.filename}"
        if info.flag_bits & _ENCRYPTED or info.compress_type != zipfile.ZIP_STORED:
            return self._unpacked(path, members, info)
        head = Entry(path, _within(zipped.place, info.header_offset, _LOCAL_HEAD.size))
        magic, *_, name, extra = _LOCAL_HEAD.unpack(head.read(_LOCAL_HEAD.size))
        if magic != _LOCAL_MAGIC:
            raise zipfile.BadZipFile(f"{info.filename} does not lie where the list says")
        begin = info.header_offset + _LOCAL_HEAD.size + name + extra
        entry = Entry(path, _within(zipped.place, begin, info.file_size))
        if entry.crc32() != info.CRC:
            self.torn.append(path)
        return entry

    def _unpacked(self, path: str, members: pyzipper.AESZipFile, info: zipfile.ZipInfo) -> Entry:
        if self._work is None:
            self._work = TemporaryDirectory(prefix="vms-verify-")
        folder = Path(self._work.name)
        free = shutil.disk_usage(folder).free
        if info.file_size > free:
            raise UnavailableError(
                f"unpacking {path} needs {info.file_size} bytes in {folder}; {free} are free",
                code="verify_no_room",
                values={"need": info.file_size, "free": free, "folder": str(folder)},
            )
        target = folder / str(len(list(folder.iterdir())))
        if info.flag_bits & _ENCRYPTED:
            if self._known is None:
                self._known = self.password()
            members.setpassword(self._known.encode())
        with target.open("wb") as out:
            try:
                with members.open(info) as data:
                    shutil.copyfileobj(data, out, STEP)
            except (zipfile.BadZipFile, pyzipper.BadZipFile, zlib.error, EOFError):
                self.torn.append(path)
            except RuntimeError:
                raise InvalidError(
                    f"the password does not open {path}",
                    code="zip_password",
                    values={"file": path},
                ) from None
        return entry_of(target, path)


def _within(outer: FilePlace, offset: int, size: int) -> FilePlace:
    if offset < 0 or offset + size > outer.bytes:
        raise zipfile.BadZipFile("a file in it is cut short")
    return FilePlace(outer.path, outer.offset + offset, size)
