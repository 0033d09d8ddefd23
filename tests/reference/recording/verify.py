"""The section "Verifying" of the page, for the recordings of one camera on one volume."""

import hashlib
from pathlib import Path

from . import boxes, disk, ledger, names, records, video
from .disk import Disk, Fragment, Part
from .fields import NO_HASH, TornError, Values, sha256
from .report import (
    CHANGED,
    HELD,
    INTACT,
    MISSING,
    REBUILT,
    REMOVED,
    UNREAD,
    UNSEALED,
    Finding,
    Report,
)  # fmt: skip

UNCHAINED = "what it follows is not there"


def verify(
    files: Path | dict[str, bytes],
    camera: str,
    pinned: bytes | None = None,
    master_keys: dict[str, bytes] | None = None,
) -> Report:
    """Verify what is there, below a root or in memory; the steps are numbered as on the page."""
    if isinstance(files, Path):
        files = disk.files_of(files, camera)
    found = disk.read(files, camera, master_keys or {})  # (1)
    return Verifier(found, pinned).report


class Verifier:
    """Goes through the steps and collects what is found."""

    def __init__(self, found: Disk, pinned: bytes | None) -> None:
        """Verify."""
        self.disk, self.report = found, Report("unknown" if pinned is None else "pinned")
        self.report.findings += found.findings
        self.report.strangers += found.strangers
        self.ledger = names.ledger(found.camera)
        keys = [e.values for e in found.entries if e.type == ledger.KEY]
        self.keys = ledger.known_keys(found.city, found.camera, keys, pinned)
        self.states: dict[int, tuple[str, str]] = {}  # of a Fragment, by its id()
        self.check_ledger()
        self.removed = [
            e.values for e in found.entries if e.type == ledger.REMOVED and self.signed(e)
        ]
        self.check_holds()
        for stream in sorted({part.name.stream for part in found.parts} | self.sealed_streams()):
            self.check_stream(stream)
        for part in found.parts:
            self.check_videos(part)
            self.check_close(part)

    def say(self, state: str, why: str, entry: ledger.Entry) -> None:
        """Say something of a record of the ledger."""
        at = entry.values["utc_us"]
        why = f"record {entry.values['number']}: {why}"
        self.report.findings.append(Finding(state, self.ledger, why, from_us=at, to_us=at))

    def sealed_streams(self) -> set[int]:
        """Return the streams that have a seal."""
        return {e.values["stream"] for e in self.disk.entries if e.type == ledger.SEAL}

    def check_ledger(self) -> None:
        """Step (2): numbers without holes, and the chain."""
        before, last = ledger.start(self.disk.city, self.disk.camera), 0
        for entry in self.disk.entries:
            number = entry.values["number"]
            if number != last + 1:
                self.say(MISSING, f"records {last + 1} to {number - 1} are not there", entry)
            elif sha256(before, entry.leaf) != entry.chain:
                self.say(CHANGED, "it does not follow the one before", entry)
            before, last = entry.chain, number

    def signed(self, entry: ledger.Entry) -> bool:
        """Say whether a record's key is known and its signature right; if not, name it."""
        key = self.keys.get(entry.values["key_id"])
        data = ledger.signed_bytes(entry.type, self.disk.city, self.disk.camera, entry.values)
        if key is not None and ledger.is_signed(key, entry.values["signature"], data):
            return True
        self.say(
            CHANGED, "its key is not known" if key is None else "its signature is wrong", entry
        )
        return False

    def check_holds(self) -> None:
        """Name what was removed while a hold was on it."""
        for number, entry in enumerate(self.disk.entries):
            if entry.type == ledger.REMOVED:
                span = (entry.values["from_us"], entry.values["to_us"])
                if ledger.held(self.disk.entries[:number], entry.values["stream"], *span):
                    self.say(HELD, "it removed what was held", entry)

    def check_stream(self, stream: int) -> None:
        """Steps (3) to (6) for one stream."""
        fragments = sorted(
            (f for part in self.disk.parts if part.name.stream == stream for f in part.fragments),
            key=lambda each: each.sequence,
        )
        chain: bytes | None = records.chain_start(self.disk.camera, stream)
        before: Values | None = None
        last = 0
        for entry in self.disk.entries:
            if (entry.type, entry.values["stream"]) != (ledger.SEAL, stream):
                continue
            seal = entry.values
            lost = self.check_seal(entry, before)
            if lost is None or seal["kind"] == ledger.INTERIM:
                continue
            own = [f for f in fragments if seal["first"] <= f.sequence <= seal["last"]]
            self.check_fragments(entry, own, None if lost else chain, last)
            self.check_root(entry, own)
            before, chain = seal, seal["chain_last"]
            last = seal["last"] or last
        self.walk(stream, [f for f in fragments if f.sequence > last], chain, last, UNSEALED)

    def check_seal(self, entry: ledger.Entry, before: Values | None) -> bool | None:
        """Step (3). Return whether the seal before is lost; None where this one proves nothing."""
        if not self.signed(entry):
            return None
        number = before["seal"] if before else 0
        if entry.values["seal"] != number + 1:
            self.say(MISSING, f"the seals {number + 1} to {entry.values['seal'] - 1}", entry)
            return True
        named = ledger.seal_hash(self.disk.city, self.disk.camera, before) if before else NO_HASH
        if entry.values["before"] != named:
            self.say(CHANGED, "it names another seal before", entry)
        return False

    def check_fragments(
        self, entry: ledger.Entry, own: list[Fragment], chain: bytes | None, last: int
    ) -> None:
        """Steps (4) and (5) for the fragments of a seal."""
        seal = entry.values
        if seal["fragments"] == 0:
            return
        before = seal["first"] - 1 if chain is None else last
        end = self.walk(seal["stream"], own, chain, before, INTACT)
        tail = (own[-1].sequence if own else seal["first"] - 1) + 1
        if tail <= seal["last"]:
            self.explain(seal["stream"], tail, seal["last"], own[-1] if own else None, None)
        elif end != seal["chain_last"]:
            self.mark(own[-1], CHANGED, "it is not the last one that the seal names")

    def walk(
        self, stream: int, own: list[Fragment], chain: bytes | None, last: int, state: str
    ) -> bytes | None:
        """Follow the chain over fragments; return the chain of the last."""
        before = None
        for each in own:
            if each.sequence > last + 1 and not self.explain(
                stream, last + 1, each.sequence - 1, before, each
            ):
                chain = None
            if chain is None:
                self.mark(each, UNSEALED, UNCHAINED)
            elif sha256(chain, records.core(each.values)) != each.values["chain"]:
                self.mark(each, CHANGED, "it does not follow the one before")
            else:
                self.mark(each, state, "younger than the last seal" if state == UNSEALED else "")
            before, chain, last = each, each.values["chain"], each.sequence
        return chain

    def explain(
        self, stream: int, first: int, last: int, before: Fragment | None, after: Fragment | None
    ) -> bool:
        """Step (4): say of each sequence that is in no index why. True where none was written."""
        at, written = first, False
        whole = [r for r in self.removed if r["stream"] == stream and r["groups"] == ledger.ALL]
        while at <= last:
            cover = next((r for r in whole if r["first"] <= at <= r["last"]), None)
            if cover is not None:
                end = min(last, cover["last"])
                why, span = cover["why"], (cover["from_us"], cover["to_us"])
                self.report.findings.append(
                    Finding(REMOVED, self.file_of(stream, at), why, at, end, *span)
                )
            else:
                end = min([last, *(r["first"] - 1 for r in whole if r["first"] > at)])
                if self.gap_before(stream, end + 1):
                    at = end + 1
                    continue
                from_us = before.end_us if before else 0
                to_us = after.values["utc_us"] if after else 0
                self.report.findings.append(
                    Finding(MISSING, self.file_of(stream, at), "", at, end, from_us, to_us)
                )
            at, written = end + 1, True
        return not written

    def gap_before(self, stream: int, sequence: int) -> bool:
        """Say whether a GAP tells that nothing was written before a fragment."""
        return any(
            (e.type, e.values["stream"]) == (ledger.GAP, stream) and e.values["before"] == sequence
            for e in self.disk.entries
        )

    def file_of(self, stream: int, sequence: int) -> str:
        """Return the file in which a fragment was first written, by the CONFIGs."""
        configs = [
            e.values for e in self.disk.entries
            if (e.type, e.values["stream"]) == (ledger.CONFIG, stream)
            and e.values["first"] <= sequence
        ]  # fmt: skip
        if not configs:
            return ""
        last = configs[-1]
        encrypted = bool(last["encrypted"])
        return names.Part(self.disk.camera, last["hour"], last["part"], stream, encrypted).video

    def check_root(self, entry: ledger.Entry, own: list[Fragment]) -> None:
        """Step (6), where all leaves are there."""
        seal = entry.values
        of_ledger = seal["leaves"] - seal["fragments"]
        leaves = [
            e.leaf for e in self.disk.entries
            if e.type in ledger.SEALED and e.values["stream"] == seal["stream"]
            and e.values["number"] < seal["number"]
        ]  # fmt: skip
        leaves = leaves[len(leaves) - of_ledger :] if of_ledger else []
        if self.disk.ledger_damaged or len(own) != seal["fragments"] or len(leaves) != of_ledger:
            return
        leaves += [records.fragment_leaf(f.values) for f in own]
        if ledger.root(leaves) == seal["root"]:
            for each in own:
                if self.states[id(each)][0] == UNSEALED:  # the chain before it is lost
                    self.mark(each, INTACT)
        elif not any(self.states[id(each)][0] == CHANGED for each in own):
            # The chain that the seal names proves the fragments, so it is no fragment.
            self.say(CHANGED, "a CONFIG, GAP or CLOCK that it covers is another", entry)

    def mark(self, fragment: Fragment, state: str, why: str = "") -> None:
        """Set the state of a fragment."""
        self.states[id(fragment)] = (state, why)

    def check_videos(self, part: Part) -> None:
        """Step (7)."""
        for fragment in part.fragments:
            state, why = self.states.get(id(fragment), (UNSEALED, "no seal that counts covers it"))
            if part.video is None or fragment.video_end > len(part.video):
                self.report.findings.append(fragment.finding(MISSING, "its video is not there"))
                continue
            try:
                left, gone = self.check_video(part, fragment, part.video)
            except TornError as error:
                self.report.findings.append(fragment.finding(CHANGED, str(error)))
                continue
            if part.name.encrypted and part.key is None and state != CHANGED:
                state, why = UNREAD, "no key to open it"
            if state == INTACT and fragment.record.rebuilt:
                state = REBUILT
            if gone:
                self.removed_groups(fragment, gone)
            if left or not gone:
                self.report.findings.append(fragment.finding(state, why, left))

    def check_video(self, part: Part, fragment: Fragment, data: bytes) -> tuple[int, int]:
        """Hold one fragment's video against its record; return groups that are there, and not."""
        values = fragment.values
        clear = data[values["offset"] : fragment.video_end]
        if part.name.encrypted:
            if part.key is None:
                return ledger.ALL, 0
            clear = video.decrypt(clear, self.disk.camera, part.key)
        record, samples = video.open_fragment(clear)
        if records.core(record.values()) != records.core(values):
            raise TornError("the record in the video is another one than in the index")
        track = video.video_track(values)
        left = gone = 0
        for group, name in (
            (ledger.KEYS, "key"),
            (ledger.OTHERS, "video"),
            (ledger.AUDIO, "audio"),
        ):
            found = boxes.group_hash(group, samples, track)
            if values[name] == found == NO_HASH:
                continue
            if found == values[name]:
                left |= group
            elif found == NO_HASH:
                gone |= group
            else:
                raise TornError(f"the hash of its group {name!r} is another")
        return left, gone

    def removed_groups(self, fragment: Fragment, gone: int) -> None:
        """Say why groups of a fragment are not in the video."""
        for group in (ledger.KEYS, ledger.OTHERS, ledger.AUDIO):
            if not gone & group:
                continue
            cover = [
                r for r in self.removed
                if r["stream"] == fragment.part.name.stream and r["groups"] & group
                and r["first"] <= fragment.sequence <= r["last"]
            ]  # fmt: skip
            state, why = (REMOVED, cover[0]["why"]) if cover else (MISSING, "no REMOVED names it")
            self.report.findings.append(fragment.finding(state, why, group))

    def check_close(self, part: Part) -> None:
        """Files as a whole: what no fragment's hashes cover is named by the part."""
        name, data, span = part.name, part.video, part.span()
        blamed = {finding.file for finding in self.report.bad()}
        if data is None or part.close is None:
            same = True
        else:
            same = (part.close["size"], part.close["sha256"]) == (len(data), sha256(data))
        if not same and name.video not in blamed:
            why = "its hash is not that of CLOSE; no fragment's samples differ"
            self.report.findings.append(Finding(CHANGED, name.video, why, *span))
            blamed.add(name.video)
        if part.close and part.close["count"] != len(part.fragments) and name.index not in blamed:
            why = f"CLOSE counts {part.close['count']} fragments"
            self.report.findings.append(Finding(CHANGED, name.index, why, *span))
        self.check_sums(part, blamed)

    def check_sums(self, part: Part, blamed: set[str]) -> None:
        """The file of checksums; it does not know an index that was made anew."""
        name = part.name
        if part.sums is None or blamed & {name.video, name.index}:
            return
        anew = any(fragment.record.rebuilt for fragment in part.fragments)
        lines = 1 if anew else 2
        if (
            part.sums.splitlines(keepends=True)[:lines]
            != sums(part).splitlines(keepends=True)[:lines]
        ):
            why = "it names other sums"
            self.report.findings.append(Finding(CHANGED, name.sums, why, *part.span()))


def sums(part: Part) -> bytes:
    """Return what the file of checksums must hold."""
    files = ((part.name.video, part.video), (part.name.index, part.index))
    return "".join(
        f"{hashlib.sha256(data or b'').hexdigest()}  {path.rsplit('/')[-1]}\n"
        for path, data in files
    ).encode()
