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
from vms.recording.model import ExportGap

SUMS = "SHA256SUMS"
VERIFIER = "verify.html"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NAMES = "FILES.txt"


class Packed(msgspec.Struct, frozen=True):
    """The file of an export."""

    file: str
    bytes: int
    sha256: str
    gaps: tuple[ExportGap, ...] = ()


def local_name(path: Path, camera: str, file: ExportFile, zone: tzinfo) -> str:
    """Return a file's name by the city's clock; its offset tells an hour that comes twice apart."""
    begin = (_EPOCH + timedelta(microseconds=file.from_us)).astimezone(zone)
    sub = "_sub" if ".sub" in path.name else ""
    return f"{camera}{sub}_{begin:%Y-%m-%d_%H-%M-%S_%z}{path.suffix}"


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
        files = [(path.name, path) for path in sorted(work.iterdir())]
        path = self._zip(home / f"export-{home.name}.zip", files, password)
        shutil.rmtree(work)
        return _packed(path)

    def archive(
        self, home: Path, case: bytes, clips: Iterable[tuple[str, Path]], password: str | None
    ) -> Packed:
        """Return a case in one file."""
        told = home / "case.json"
        told.write_bytes(case)
        files = [(told.name, told), *((f"clips/{name}", path) for name, path in clips)]
        path = self._zip(home / f"case-{home.name}.zip", files, password)
        told.unlink()
        return _packed(path)

    def _zip(self, path: Path, files: Iterable[tuple[str, Path]], password: str | None) -> Path:
        files = list(files)
        if self.verifier.is_file():
            files.append((VERIFIER, self.verifier))
        sums = "".join(f"{_digest(file)}  {name}\n" for name, file in files)
        how = {} if password is None else {"encryption": pyzipper.WZ_AES}
        with pyzipper.AESZipFile(path, "w", zipfile.ZIP_STORED, **how) as packed:
            if password is not None:
                packed.setpassword(password.encode())
                packed.setencryption(pyzipper.WZ_AES, nbits=256)
            for name, file in files:
                packed.write(file, name)
            packed.writestr(SUMS, sums)
        path.chmod(0o600)
        return path


def _packed(path: Path) -> Packed:
    return Packed(path.name, path.stat().st_size, _digest(path))


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
