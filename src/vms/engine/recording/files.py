"""Proving files without an engine that runs: what goes in and what comes out. Plain data, no IO.

The names of states and reasons are those of ``docs/design/recording-format.md``.
"""

import msgspec


class FilePlace(msgspec.Struct, frozen=True):
    """Where bytes lie: of a member of a ZIP they begin at ``offset`` of the ZIP."""

    path: str
    offset: int
    bytes: int


class CameraFiles(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="camera"):
    """The folder of a camera: its files by their paths below ``cameras``."""

    camera: str
    files: dict[str, FilePlace]
    # First and last hour since 1970; none: all.
    hours: tuple[int, int] | None = None
    # 0 main, 1 sub; none: both.
    stream: int | None = None
    # The fingerprint that is trusted, as bytes.
    pin: tuple[int, ...] | None = None
    # Keys of encrypted parts by their names.
    masters: dict[str, tuple[int, ...]] = {}

    def __repr__(self) -> str:
        return f"CameraFiles(camera={self.camera!r}, files={len(self.files)})"


class LooseFiles(msgspec.Struct, frozen=True, tag_field="kind", tag="files"):
    """A video with its ``manifest.json``, or files of a recording without their folders."""

    files: dict[str, FilePlace]
    # In hexadecimal; empty: none is trusted.
    pin: str = ""


class FileFinding(msgspec.Struct, frozen=True):
    """The state of something, where and when."""

    state: str
    why: str
    file: str
    # Numbers of fragments; 0: none is meant.
    first: int = 0
    last: int = 0
    from_us: int = 0
    to_us: int = 0
    detail: str = ""


class FileReport(msgspec.Struct, frozen=True):
    """What was proved of one camera's folder, or of one video."""

    city: str
    camera: str
    # ``pinned`` or ``unknown``.
    signer: str
    keys: tuple[str, ...]
    genuine: bool
    fragments: int
    findings: tuple[FileFinding, ...]


class FileAnswer(msgspec.Struct, frozen=True):
    """One of three."""

    export: FileReport | None = None
    recording: FileReport | None = None
    # Code and detail: nothing could be proved or refuted.
    error: tuple[str, str] | None = None
