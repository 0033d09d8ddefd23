"""One file out of the files of an export: names that say when, a list of hashes, a ZIP.

A password encrypts the ZIP by AES-256 (WinZip's AE-2), which 7-Zip,
WinZip and newer file managers open. Video is stored, not compressed anew. The manifest is
signed and names files as the engine does, so they keep these names in a ZIP, where a
list tells their times by the city's clock; a clip alone carries that in its own name.
"""

import hashlib
import shutil
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import msgspec
import pyzipper  # type: ignore[import-untyped]

from vms.engine.recording import ExportFile
from vms.recording.model import CaseStill, ExportGap
from vms.recording.signing import CASE, SIGNATURE, SUMS

VERIFIER = "verify.html"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NAMES = "FILES.txt"
# Where the files of an archive are made that are none yet.
WORK = "work"


class Packed(msgspec.Struct, frozen=True):
    """The file of an export."""

    file: str
    bytes: int
    sha256: str
    gaps: tuple[ExportGap, ...] = ()


def local_name(path: Path, camera: str, file: ExportFile, zone: tzinfo) -> str:
    """Return a file's name by the city's clock; its offset tells an hour that comes twice apart."""
    sub = "_sub" if ".sub" in path.name else ""
    return f"{camera}{sub}_{_by_clock(file.from_us, zone)}{path.suffix}"


def still_name(still: CaseStill, zone: tzinfo) -> str:
    """Return the name of a still in an archive: its id tells two of one second apart."""
    return f"stills/{still.id}-{still.camera}_{_by_clock(still.at_us, zone)}.jpg"


def _by_clock(at_us: int, zone: tzinfo) -> str:
    at = (_EPOCH + timedelta(microseconds=at_us)).astimezone(zone)
    return f"{at:%Y-%m-%d_%H-%M-%S_%z}"


@dataclass(frozen=True, slots=True)
class Contents:
    """The files of an archive by their names there, and the list of their hashes."""

    files: Mapping[str, Path]
    sums: str

    @property
    def digest(self) -> str:
        """What is signed: the SHA-256 of the list."""
        return hashlib.sha256(self.sums.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Packing:
    """Packs; ``verifier`` is the page that goes along, where it was built."""

    verifier: Path

    def pack(
        self,
        home: Path,
        work: Path,
        names: Mapping[str, str],
        password: str | None,
        *,
        bare: bool,
    ) -> Packed:
        """Return one file; ``bare``: a single video stays what it is."""
        videos = [name for name in names if (work / name).is_file()]
        if bare and len(videos) == 1 and password is None:
            path = home / names[videos[0]]
            shutil.move(work / videos[0], path)
            shutil.rmtree(work)
            return _packed(path)
        listed = "".join(f"{name}  {told}\n" for name, told in sorted(names.items()))
        (work / NAMES).write_text(listed, encoding="utf-8")
        contents = self._listed({path.name: path for path in sorted(work.iterdir())})
        path = _zip(home / f"export-{home.name}.zip", contents, password)
        shutil.rmtree(work)
        return _packed(path)

    def contents(
        self,
        home: Path,
        case: bytes,
        clips: Iterable[tuple[str, Path]],
        stills: Mapping[str, bytes],
    ) -> Contents:
        """Return what belongs into the archive of a case; what is no file yet is made."""
        work = home / WORK
        files: dict[str, Path] = {}
        for name, data in {CASE: case, **stills}.items():
            files[name] = work / name
            files[name].parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            files[name].write_bytes(data)
        return self._listed(files | {f"clips/{name}": path for name, path in clips})

    def archive(
        self, home: Path, contents: Contents, signature: bytes, password: str | None
    ) -> Packed:
        """Return a case in one file."""
        return _packed(_zip(home / f"case-{home.name}.zip", contents, password, signature))

    def _listed(self, files: Mapping[str, Path]) -> Contents:
        if self.verifier.is_file():
            files = {**files, VERIFIER: self.verifier}
        sums = "".join(f"{_digest(file)}  {name}\n" for name, file in files.items())
        return Contents(files, sums)


def _zip(path: Path, contents: Contents, password: str | None, signature: bytes = b"") -> Path:
    how = {} if password is None else {"encryption": pyzipper.WZ_AES}
    with pyzipper.AESZipFile(path, "w", zipfile.ZIP_STORED, **how) as packed:
        if password is not None:
            packed.setpassword(password.encode())
            packed.setencryption(pyzipper.WZ_AES, nbits=256)
        for name, file in contents.files.items():
            packed.write(file, name)
        packed.writestr(SUMS, contents.sums)
        if signature:
            packed.writestr(SIGNATURE, signature)
    path.chmod(0o600)
    return path


def _packed(path: Path) -> Packed:
    return Packed(path.name, path.stat().st_size, _digest(path))


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
