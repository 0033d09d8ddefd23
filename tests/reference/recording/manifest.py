"""The manifest of an export: made, and verified without anything else than the export."""

import json
from base64 import b64decode, b64encode
from itertools import pairwise
from typing import Any

from . import boxes, ledger, mkv, records, video
from .boxes import Sample
from .fields import NO_HASH, Cursor, Fields, TornError, Value, Values, sha256
from .ledger import Entry
from .report import CHANGED, INTACT, MISSING, REMOVED, UNSEALED, Finding, Report

GROUPS = ((ledger.KEYS, "key"), (ledger.OTHERS, "video"), (ledger.AUDIO, "audio"))


def text(data: bytes) -> str:
    """Write bytes as Base64."""
    return b64encode(data).decode()


def signed_bytes(manifest: Values) -> bytes:
    """Return what the signature of a manifest is over."""
    plain = {name: value for name, value in manifest.items() if name != "signature"}
    words = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return b"vms manifest 1\0" + words.encode()


def sample_rows(samples: list[Sample]) -> list[list[int]]:
    """Return the times of samples as the manifest has them."""
    return [[s.track, s.delta, s.shift, int(s.key), len(s.data)] for s in samples]


def read_entry(data: str) -> Entry:
    """Read a record of the ledger out of a manifest."""
    raw = b64decode(data)
    return ledger.entry(records.Record(raw[0], raw[1:]))


def split_manifest(data: bytes) -> tuple[bytes, bytes | None]:
    """Return an MP4 without the manifest in its last box, and the manifest."""
    last = list(video.children(data, 0, len(data)))[-1]
    if last.name == b"uuid" and data[last.body : last.body + 16] == boxes.U_MANIFEST:
        return data[: last.at], data[last.body + 16 : last.end]
    return data, None


def verify_export(
    data: bytes, manifest: bytes | None = None, pinned: bytes | None = None
) -> Report:
    """Verify one exported file; the manifest beside it, or the one in it."""
    is_mkv = data[:4] == b"\x1a\x45\xdf\xa3"
    if manifest is None:
        bare, manifest = (
            (b"", mkv.attachment(data, "manifest.json")) if is_mkv else split_manifest(data)
        )
    else:
        bare = data
    if manifest is None:
        raise TornError("there is no manifest")
    return Export(json.loads(manifest), data, bare, pinned, is_mkv=is_mkv).report


class Export:
    """Verifies one export."""

    def __init__(
        self, manifest: Values, data: bytes, bare: bytes, pinned: bytes | None, *, is_mkv: bool
    ) -> None:
        """Verify."""
        self.manifest = manifest
        self.report = Report("unknown" if pinned is None else "pinned")
        self.city, self.camera = manifest["city"], manifest["camera"]
        keys = [read_entry(each).values for each in manifest["keys"]]
        self.keys = ledger.known_keys(self.city, self.camera, keys, pinned)
        self.check_signature()
        if manifest["sha256"] and sha256(bare).hex() != manifest["sha256"]:
            self.say(CHANGED, "its hash is not that of the manifest")
        self.seals = [self.read_seal(b64decode(each)) for each in manifest["seals"]]
        self.entries = [entry for each in manifest["ledger"] if (entry := self.proved_entry(each))]
        fragments = [self.read_fragment(each) for each in manifest["fragments"]]
        if manifest["kind"] == "original":
            self.check_order(fragments)
            self.check_samples(fragments, data, is_mkv=is_mkv)
        else:
            for each in fragments:
                self.check_source(each)

    def say(self, state: str, why: str) -> None:
        """Say something of the whole."""
        self.report.findings.append(Finding(state, self.manifest["file"], why))

    def of_fragment(
        self, values: Values, state: str, why: str = "", groups: int = ledger.ALL
    ) -> None:
        """Say something of a fragment."""
        start, at = values["utc_us"], values["sequence"]
        end = start + values["duration_us"]
        self.report.findings.append(
            Finding(state, self.manifest["file"], why, at, at, start, end, groups)
        )

    def check_signature(self) -> None:
        """The manifest itself."""
        public = b64decode(self.manifest["public_key"])
        signature = b64decode(self.manifest["signature"])
        if sha256(public).hex() != self.manifest["key_id"] or sha256(public) not in self.keys:
            self.say(CHANGED, "the manifest's key is not known")
        elif not ledger.is_signed(public, signature, signed_bytes(self.manifest)):
            self.say(CHANGED, "the manifest's signature is wrong")

    def read_seal(self, raw: bytes) -> Values:
        """Read a seal; one that is not signed as it must be proves nothing."""
        head = b"\0".join([b"vms seal 1", self.city.encode(), self.camera.encode(), b""])
        stream: Fields = [("stream", "u8")]
        cursor = Cursor(raw, len(head))
        values = cursor.values(stream + ledger.SEAL_SIGNED + ledger.SIGNATURE)
        key = self.keys.get(values["key_id"], b"")
        right = raw[: len(head)] == head and values["stream"] == self.manifest["stream"]
        if not (key and right and ledger.is_signed(key, values["signature"], raw[:-64])):
            self.say(CHANGED, f"seal {values['seal']} is not signed by a key that is known")
            values["root"] = NO_HASH
        return values

    def proves(self, each: Values, leaf: bytes) -> bool:
        """Say whether a leaf is under the root of its seal."""
        seal = self.seals[each["seal"]]
        path = [b64decode(step) for step in each["proof"]]
        try:
            found = ledger.root_by_path(leaf, each["leaf"], seal["leaves"], path)
        except (TornError, IndexError):
            return False
        return found == bytes(seal["root"])

    def proved_entry(self, each: Values) -> Entry | None:
        """Return a record of the ledger if its seal, or its own signature, proves it."""
        entry = read_entry(each["record"])
        if entry.type == ledger.REMOVED:
            data = ledger.signed_bytes(ledger.REMOVED, self.city, self.camera, entry.values)
            key = self.keys.get(entry.values["key_id"])
            right = key is not None and ledger.is_signed(key, entry.values["signature"], data)
        else:
            right = self.proves(each, entry.leaf)
        if not right:
            self.say(CHANGED, f"record {entry.values['number']} of the ledger is not proved")
        return entry if right else None

    def read_fragment(self, each: Values) -> Values:
        """Read a fragment's core and chain, and whether its seal proves them."""
        raw = b64decode(each["record"])
        values = Cursor(raw).values([*records.CORE_FIELDS, ("chain", "hash")])
        sealed = "proof" in each
        proved = not sealed or self.proves(each, bytes([records.FRAGMENT]) + raw)
        return values | {"proved": proved, "sealed": sealed, "of": each}

    def check_order(self, fragments: list[Values]) -> None:
        """Each follows the one before, or it is said why not."""
        for before, each in pairwise(fragments):
            first, last = before["sequence"] + 1, each["sequence"] - 1
            follows = sha256(before["chain"], records.core(each)) == each["chain"]
            if follows:
                continue
            cover = next((r for r in self.removed(ledger.ALL) if r["first"] <= first), None)
            if cover is not None and last <= cover["last"]:
                state, why = REMOVED, cover["why"]
            else:
                state, why = MISSING, "the next does not follow the one before"
            span = (first, last, before["utc_us"] + before["duration_us"], each["utc_us"])
            self.report.findings.append(Finding(state, self.manifest["file"], why, *span))

    def removed(self, groups: int) -> list[Values]:
        """Return the REMOVED records of some groups."""
        found = [e.values for e in self.entries if e.type == ledger.REMOVED]
        return [values for values in found if values["groups"] & groups == groups]

    def check_samples(self, fragments: list[Values], data: bytes, *, is_mkv: bool) -> None:
        """The hashes of the groups that the file holds."""
        try:
            found = self.mkv_samples(fragments, data) if is_mkv else mp4_samples(data)
        except TornError as error:
            self.say(CHANGED, str(error))
            return
        if len(found) != len(fragments):
            self.say(CHANGED, f"it holds {len(found)} fragments, {len(fragments)} are named")
        for values, samples in zip(fragments, found, strict=False):
            self.check_groups(values, samples)

    def check_source(self, values: Values) -> None:
        """A fragment that pictures of a derived file were taken from."""
        groups = values["of"]["groups"]
        if not values["proved"]:
            self.of_fragment(values, CHANGED, "its seal does not prove it", groups)
        elif values["sealed"]:
            self.of_fragment(values, INTACT, "the file was made from it", groups)
        else:
            self.of_fragment(values, UNSEALED, "leaves of its seal are not there", groups)

    def check_groups(self, values: Values, samples: list[Sample]) -> None:
        """One fragment."""
        track, left = video.video_track(values), values["of"]["groups"]
        if not values["proved"]:
            self.of_fragment(values, CHANGED, "its seal does not prove it")
            return
        wrong = [
            name for group, name in GROUPS
            if left & group and boxes.group_hash(group, samples, track) != values[name]
        ]  # fmt: skip
        if wrong:
            self.of_fragment(values, CHANGED, f"the hash of its group {wrong[0]!r} is another")
            return
        if values["sealed"]:
            self.of_fragment(values, INTACT, groups=left)
        else:
            self.of_fragment(values, UNSEALED, "leaves of its seal are not there", groups=left)
        gone = [g for g, name in GROUPS if not left & g and values[name] != NO_HASH]
        for group in gone:
            covers = [
                r for r in self.removed(group) if r["first"] <= values["sequence"] <= r["last"]
            ]
            state, why = (
                (REMOVED, covers[0]["why"]) if covers else (MISSING, "left out of the export")
            )
            self.of_fragment(values, state, why, group)

    def mkv_samples(self, fragments: list[Values], data: bytes) -> list[list[Sample]]:
        """Give the blocks of each track to the fragments, with the times of the manifest."""
        blocks = {track: iter(found) for track, found in mkv.blocks(data).items()}
        made = []
        for values in fragments:
            samples = []
            for track, delta, shift, flags, length in values["of"]["samples"]:
                block = next(blocks.get(track, iter(())), b"")
                wrong = b"" if len(block) != length else block
                samples.append(Sample(track, delta, shift, bool(flags), 0, wrong))
            made.append(samples)
        if any(next(left, None) is not None for left in blocks.values()):
            self.say(CHANGED, "it holds blocks that no fragment names")
        return made


def mp4_samples(data: bytes) -> list[list[Sample]]:
    """Return the samples of each `moof`."""
    found = video.children(data, 0, len(data))
    return [video.samples_of(data, box) for box in found if box.name == b"moof"]


def entry_text(entry: Entry) -> str:
    """Return a record of the ledger as a manifest holds it."""
    return text(bytes([entry.type]) + entry.middle + entry.chain)


def proof(leaves: list[bytes], leaf: bytes, seal: int) -> Values:
    """Return where a leaf is and what proves it."""
    at = leaves.index(leaf)
    path: list[Value] = [text(step) for step in ledger.audit_path(at, leaves)]
    return {"seal": seal, "leaf": at, "proof": path}


def dump(manifest: dict[str, Any]) -> bytes:
    """Write a manifest."""
    return (json.dumps(manifest, ensure_ascii=False) + "\n").encode()
