"""Proving files and folders as they lie, without a server: what they are, and what is wrong.

A camera's folder (``CAMERA/ledger.vms-idx`` and ``CAMERA/YYYY-MM-DD/…``) is proved as a whole;
of one hour or one day given alone, that much is. Any other video is an export, proved by the
manifest beside it or in it. Lists of SHA-256 are held against the files that they name; that of
a case is signed.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import msgspec

from vms.common import InvalidError, VmsError
from vms.engine.recording import (
    CameraFiles,
    FileAnswer,
    FileFinding,
    FileReport,
    LooseFiles,
)
from vms.recording.entries import ZIP, Entry, Unpacker, entry_of, of_folder
from vms.recording.signing import CASE, SIGNATURE, SUMS, signers

LEDGER = "ledger.vms-idx"
MANIFEST, ITS_MANIFEST = "manifest.json", ".manifest.json"
VIDEOS = (".mp4", ".mkv")
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
# Names of parts: ``docs/design/recording-format.md``.
PART = re.compile(
    r"(?:video|index|thumb)_(?P<stem>(?P<hour>[01]\d|2[0-3])(?:-[1-9]\d{0,4})?(?P<sub>\.sub)?)"
    r"\.(?:mp4e?|vms-idx|sha256|webp)"
)
CAMERA = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
MASTER, ITS_KEY = "master-", ".key"
MASTER_BYTES = 32
MOST_LISTED = 16 << 20
GOOD = frozenset({"intact", "rebuilt", "removed"})
UNPROVED = frozenset({"unsealed", "unread"})
# Of a whole export: what its manifest says was not signed so.
OF_MANIFEST = frozenset({"key_unknown", "signature_wrong", "proof_wrong"})


class Verdict(StrEnum):
    """What comes of it."""

    INTACT = "intact"
    # Nothing was changed, but what proves some of it is not there.
    UNPROVED = "unproved"
    DAMAGED = "damaged"
    UNREADABLE = "unreadable"


class Proved(msgspec.Struct, frozen=True, kw_only=True):
    """What was proved of one thing: a camera's folder, a video, a list of hashes."""

    path: str
    verdict: Verdict
    city: str = ""
    camera: str = ""
    fragments: int = 0
    keys: tuple[str, ...] = ()
    # The keys lead to the one that is trusted.
    signer_known: bool = False
    findings: tuple[FileFinding, ...] = ()
    error: str = ""


Verify = Callable[[CameraFiles | LooseFiles], FileAnswer]


@dataclass(frozen=True, slots=True)
class Trust:
    """The fingerprint that is trusted, and the keys of encrypted parts."""

    pin: str = ""
    masters: Mapping[str, bytes] = field(default_factory=dict)


def master_keys(folder: Path) -> dict[str, bytes]:
    """Return the keys of encrypted parts that a folder holds, by their names."""
    found: dict[str, bytes] = {}
    for path in sorted(folder.iterdir()):
        name = path.name.removeprefix(MASTER).removesuffix(ITS_KEY)
        if not name or path.name != f"{MASTER}{name}{ITS_KEY}":
            continue
        key = path.read_bytes()
        if len(key) != MASTER_BYTES:
            raise InvalidError(
                f"{path} does not hold {MASTER_BYTES} bytes",
                code="key_file_invalid",
                values={"file": str(path)},
            )
        found[name] = key
    return found


def worst(proved: Iterable[Proved]) -> Verdict:
    """Return the verdict on everything: damage counts more than what cannot be read."""
    order = (Verdict.INTACT, Verdict.UNPROVED, Verdict.UNREADABLE, Verdict.DAMAGED)
    return max((one.verdict for one in proved), key=order.index, default=Verdict.UNREADABLE)


class Offline:
    """Proves what lies at a path."""

    def __init__(self, verify: Verify, trust: Trust, unpacker: Unpacker) -> None:
        self._verify = verify
        self._trust = trust
        self._unpacker = unpacker

    def prove(self, path: Path) -> list[Proved]:
        """Return what was proved of a file or a folder; at least one line."""
        try:
            scope, entries = _entries(path, self._unpacker)
            found = [*self._cameras(entries, scope), *self._exports(entries)]
            if scope.only is None:
                found += [*_sums(entries, self._trust.pin), *self._torn(entries)]
        except VmsError as error:
            return [Proved(path=str(path), verdict=Verdict.UNREADABLE, error=error.message)]
        except OSError as error:
            return [Proved(path=str(path), verdict=Verdict.UNREADABLE, error=str(error))]
        if not found:
            nothing = "there is no recording, no export and no manifest here"
            return [Proved(path=str(path), verdict=Verdict.UNREADABLE, error=nothing)]
        return found

    # --- recordings

    def _cameras(self, entries: Sequence[Entry], scope: "_Scope") -> Iterable[Proved]:
        trees: dict[str, list[Entry]] = {}
        loose: dict[str, list[Entry]] = {}
        for entry in entries:
            home = _camera_folder(entry)
            if home is not None:
                trees.setdefault(home, []).append(entry)
            elif PART.fullmatch(entry.name):
                loose.setdefault(entry.folder, []).append(entry)
        for folder, files in loose.items():
            # Parts without the folders of their days: the ledger beside them is theirs.
            ledger = [e for e in trees.get(folder, ()) if e.name == LEDGER]
            if len(ledger) == len(trees.get(folder, ())):
                trees.pop(folder, None)
            yield self._loose(folder, [*files, *ledger])
        for folder, files in trees.items():
            yield self._camera(folder, files, scope)

    def _camera(self, folder: str, files: Sequence[Entry], scope: "_Scope") -> Proved:
        camera = _camera_of(folder, files)
        start = len(folder) + 1
        answer = self._verify(
            CameraFiles(
                camera=camera,
                files={f"{camera}/{one.path[start:]}": one.place for one in files},
                hours=scope.hours,
                stream=scope.stream,
                pin=tuple(bytes.fromhex(self._trust.pin)) or None,
                masters={name: tuple(key) for name, key in self._trust.masters.items()},
            )
        )
        only = scope.only
        if only is None:
            return _told(folder, answer)
        return _told(scope.given, answer, lambda file: only in file or LEDGER in file)

    def _loose(self, folder: str, files: Sequence[Entry]) -> Proved:
        asked = LooseFiles({one.name: one.place for one in files}, self._trust.pin)
        return _told(folder or files[0].path, self._verify(asked))

    # --- exports

    def _exports(self, entries: Sequence[Entry]) -> Iterable[Proved]:
        known = {entry.path: entry for entry in entries}
        manifests = {e.path for e in entries if e.name.endswith(MANIFEST)}
        for entry in entries:
            if not entry.name.endswith(VIDEOS) or _is_recorded(entry):
                continue
            beside = next((known[p] for p in _manifests_of(entry) if p in manifests), None)
            if beside is not None:
                manifests.discard(beside.path)
            yield self._export(entry, beside)
        for path in sorted(manifests):
            missing = FileFinding("missing", "file_missing", _video_of(known[path]))
            yield Proved(path=path, verdict=Verdict.DAMAGED, findings=(missing,))

    def _export(self, video: Entry, beside: Entry | None) -> Proved:
        files = {video.name: video.place}
        if beside is None:
            return _told(video.path, self._verify(LooseFiles(files, self._trust.pin)))
        together = LooseFiles({**files, MANIFEST: beside.place}, self._trust.pin)
        answer = self._verify(together)
        if answer.error is None:
            return _blaming(_told(video.path, answer), beside)
        # The manifest inside may tell which of the two was damaged.
        inside = self._verify(LooseFiles(files, self._trust.pin))
        told = _told(video.path, inside if inside.error is None else answer)
        torn = FileFinding("changed", "file_torn", beside.path, detail=answer.error[1])
        return msgspec.structs.replace(
            told, verdict=Verdict.DAMAGED, findings=(*told.findings, torn)
        )

    def _torn(self, entries: Sequence[Entry]) -> Iterable[Proved]:
        known = {entry.path for entry in entries}
        for path in self._unpacker.torn:
            if path in known:
                torn = FileFinding("changed", "file_hash_other", path, detail="ZIP")
                yield Proved(path=path, verdict=Verdict.DAMAGED, findings=(torn,))


@dataclass(frozen=True, slots=True)
class _Scope:
    """How much of a camera's folder was meant."""

    hours: tuple[int, int] | None = None
    stream: int | None = None
    # Findings about files whose path holds this, and about the ledger, are told alone.
    only: str | None = None
    # Its path.
    given: str = ""


def _entries(path: Path, unpacker: Unpacker) -> tuple[_Scope, list[Entry]]:
    """Return all files that matter for a path, and how much was meant."""
    if path.is_dir():
        whole = path.resolve()
        if DAY.fullmatch(whole.name) and any(PART.fullmatch(p.name) for p in whole.iterdir()):
            scope = _Scope(_hours(whole.name), None, f"{whole.name}/", str(path))
            return scope, _around(whole.parent)
        return _Scope(), list(_opened(of_folder(path), unpacker, str(path)))
    if not path.exists():
        raise InvalidError(f"{path} is not there")
    part = PART.fullmatch(path.name)
    folder = path.resolve().parent
    if part is not None and DAY.fullmatch(folder.name):
        scope = _Scope(
            _hours(folder.name, int(part["hour"])),
            1 if part["sub"] else 0,
            f"_{part['stem']}.",
            str(path),
        )
        return scope, _around(folder.parent)
    if part is not None:
        stem = f"_{part['stem']}."
        beside = [p for p in sorted(folder.iterdir()) if stem in p.name or p.name == LEDGER]
        return _Scope(only=""), [entry_of(p, str(path.parent / p.name)) for p in beside]
    if path.name == LEDGER:
        return _Scope(), _around(folder)
    return _Scope(), list(_opened([entry_of(path, str(path))], unpacker, ""))


def _opened(entries: Iterable[Entry], unpacker: Unpacker, under: str) -> Iterable[Entry]:
    """Yield entries by their paths as people gave them, ZIPs replaced by what is in them."""
    for entry in entries:
        named = Entry(f"{under.rstrip('/')}/{entry.path}" if under else entry.path, entry.place)
        if named.name.endswith(ZIP):
            yield from unpacker.listed(named)
        elif named.name.endswith(VIDEOS) and not _is_recorded(named) and not under:
            yield named
            yield from _beside(named)
        elif named.name.endswith(MANIFEST) and not under:
            yield named
            yield from _its_video(named)
        else:
            yield named


def _beside(video: Entry) -> Iterable[Entry]:
    """Yield the manifest of a video that was given alone."""
    for path in map(Path, _manifests_of(video)):
        if path.is_file():
            yield entry_of(path, str(path))
            return


def _its_video(manifest: Entry) -> Iterable[Entry]:
    """Yield the video of a manifest that was given alone."""
    path = Path(manifest.path).parent / Path(_video_of(manifest)).name
    if path.is_file():
        yield entry_of(path, str(path))


def _around(folder: Path) -> list[Entry]:
    """Return all files of a camera's folder."""
    return [
        Entry(f"{folder.as_posix()}/{entry.path}", entry.place)
        for entry in of_folder(folder)
        if entry.name == LEDGER or PART.fullmatch(entry.name)
    ]


def _hours(day: str, hour: int | None = None) -> tuple[int, int]:
    begin = int(datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()) // 3600
    return (begin, begin + 23) if hour is None else (begin + hour, begin + hour)


def _camera_folder(entry: Entry) -> str | None:
    """Return the camera's folder that an entry belongs to; none: to none."""
    if entry.name == LEDGER:
        return entry.folder
    home, _, day = entry.folder.rpartition("/")
    return home if DAY.fullmatch(day) and PART.fullmatch(entry.name) else None


def _is_recorded(entry: Entry) -> bool:
    return PART.fullmatch(entry.name) is not None


def _camera_of(folder: str, files: Sequence[Entry]) -> str:
    """Return whose folder it is: its name under ``cameras``, else what the ledger says."""
    above, _, name = folder.rpartition("/")
    if CAMERA.fullmatch(name) and above.rpartition("/")[2] == "cameras":
        return name
    ledger = next((one for one in files if one.name == LEDGER), None)
    return (ledger and _said_by(ledger.read(1024))) or name


def _said_by(head: bytes) -> str:
    """Return the camera in the HEADER record at the begin of a ledger; nothing: none there."""
    # Magic 8, then length 4, type 1, version 1, flags 2, kind 1, and two texts.
    at = 17
    texts: list[bytes] = []
    for _ in range(2):
        size = head[at] if at < len(head) else 0
        texts.append(head[at + 1 : at + 1 + size])
        at += 1 + size
    camera = texts[1].decode(errors="replace")
    return camera if CAMERA.fullmatch(camera) else ""


def _manifests_of(video: Entry) -> tuple[str, str]:
    stem = video.path.rpartition(".")[0]
    folder = f"{video.folder}/" if video.folder else ""
    return f"{stem}{ITS_MANIFEST}", f"{folder}{MANIFEST}"


def _video_of(manifest: Entry) -> str:
    """Return the video that a manifest speaks of."""
    try:
        told = msgspec.json.decode(manifest.read(MOST_LISTED << 5), type=dict[str, object])
        return str(told.get("file", ""))
    except msgspec.DecodeError:
        return manifest.name.removesuffix(ITS_MANIFEST)


def _sums(entries: Sequence[Entry], pin: str) -> Iterable[Proved]:
    """Hold lists of hashes against the files that they name, and their signatures against them."""
    known = {entry.path: entry for entry in entries}
    for entry in entries:
        if entry.name != SUMS:
            continue
        folder = f"{entry.folder}/" if entry.folder else ""
        found: list[FileFinding] = []
        listed: set[str] = set()
        for line in entry.read(MOST_LISTED).decode(errors="replace").splitlines():
            digest, _, name = line.partition("  ")
            listed.add(name)
            named = known.get(f"{folder}{name}")
            if named is None:
                found.append(FileFinding("missing", "file_missing", f"{folder}{name}"))
            elif named.sha256() != digest:
                found.append(FileFinding("changed", "file_hash_other", named.path, detail=SUMS))
        keys: tuple[str, ...] = ()
        if not {f"{folder}{CASE}", f"{folder}{SIGNATURE}"}.isdisjoint(known):
            keys, wrong = _signed(entry, known.get(f"{folder}{SIGNATURE}"), pin)
            found += [*wrong, *_unlisted(entries, folder, listed)]
        yield Proved(
            path=entry.path,
            verdict=_verdict(found),
            keys=keys,
            signer_known=pin in keys,
            findings=tuple(found),
        )


def _signed(
    sums: Entry, signature: Entry | None, pin: str
) -> tuple[tuple[str, ...], list[FileFinding]]:
    """Return the keys that lead to the one that signed a list, and what is wrong with that."""
    if signature is None:
        missing = sums.path.removesuffix(SUMS) + SIGNATURE
        return (), [FileFinding("unsealed", "signature_missing", missing)]
    try:
        digest, keys = signers(signature.read(MOST_LISTED))
    except InvalidError as error:
        wrong = FileFinding("changed", "signature_wrong", signature.path, detail=error.message)
        return (), [wrong]
    if digest != sums.sha256():
        return keys, [FileFinding("changed", "file_hash_other", sums.path, detail=SIGNATURE)]
    if pin and pin not in keys:
        return keys, [FileFinding("changed", "key_unknown", signature.path)]
    return keys, []


def _unlisted(entries: Sequence[Entry], folder: str, listed: set[str]) -> Iterable[FileFinding]:
    """Yield what somebody put into a ZIP whose list is signed; folders may hold other files."""
    if not folder.endswith(f"{ZIP}/"):
        return
    once = listed | {SUMS, SIGNATURE}
    for entry in entries:
        name = entry.path.removeprefix(folder)
        if name == entry.path or f"{ZIP}/" in name:
            continue
        if name not in once:
            yield FileFinding("changed", "not_listed", entry.path)
        # Of two under one name only one can be meant.
        once.discard(name)


def _blaming(told: Proved, manifest: Entry) -> Proved:
    """Return what was proved, with the manifest named where its own words are not signed."""
    found = tuple(
        msgspec.structs.replace(one, file=manifest.name)
        if one.why in OF_MANIFEST and not one.first
        else one
        for one in told.findings
    )
    return msgspec.structs.replace(told, findings=found)


def _sources(found: Sequence[FileFinding]) -> tuple[FileFinding, ...]:
    """Return what a file was made from that is no recording itself, as one finding."""
    all_ = [one for one in found if one.state == "intact" and one.why == "derived"]
    if not all_:
        return ()
    first, last = all_[0], all_[-1]
    return (msgspec.structs.replace(first, last=last.last, to_us=last.to_us),)


def _verdict(found: Iterable[FileFinding]) -> Verdict:
    bad = {one.state for one in found} - GOOD
    if not bad:
        return Verdict.INTACT
    return Verdict.DAMAGED if bad - UNPROVED else Verdict.UNPROVED


def _told(
    path: str, answer: FileAnswer, is_meant: Callable[[str], bool] = lambda _: True
) -> Proved:
    report: FileReport | None = answer.export or answer.recording
    if report is None:
        detail = answer.error[1] if answer.error else ""
        return Proved(path=path, verdict=Verdict.UNREADABLE, error=detail)
    meant = [one for one in report.findings if is_meant(one.file)]
    found = (*_sources(meant), *(one for one in meant if one.state != "intact"))
    return Proved(
        path=path,
        verdict=_verdict(found),
        city=report.city,
        camera=report.camera,
        fragments=report.fragments,
        keys=report.keys,
        signer_known=report.signer == "pinned",
        findings=found,
    )
