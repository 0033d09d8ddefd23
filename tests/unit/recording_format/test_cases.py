"""The twelve cases of docs/design/recording-format.md, by the names they have there."""

import json
from pathlib import Path

import pytest

from recordings import DAY, LEDGER, copy, flip, judge, pinned, root
from reference.recording import ledger, names, records
from reference.recording.disk import Disk, files_of, read
from reference.recording.ledger import AUDIO, KEYS, OTHERS
from reference.recording.manifest import split_manifest, verify_export
from reference.recording.report import (
    CHANGED,
    HELD,
    INTACT,
    REBUILT,
    REMOVED,
    UNREAD,
    Report,
)
from reference.recording.scripts import HOUR, START, hold
from reference.recording.verify import verify
from reference.recording.video import rebuild
from reference.recording.writer import Writer


def disk(case: str) -> Disk:
    """Read the folder of a case."""
    return read(files_of(root(case), "gate"), "gate", {})


def entries(case: str, kind: int) -> list[ledger.Entry]:
    """Return the records of one type in the ledger of a case."""
    return [entry for entry in disk(case).entries if entry.type == kind]


def groups(report: Report) -> set[tuple[int, str, int]]:
    """Return each finding's fragment, state and groups."""
    return {(f.first, f.state, f.groups) for f in report.findings}


@pytest.mark.parametrize("case", ["mkv-export", "mkv-inside", "mp4-export"])
def test_an_export_verifies_by_itself(case: str) -> None:
    """With nothing but the file, its manifest and the pinned key."""
    report = verify_export(*exported(case), pinned(case))
    assert report.genuine
    assert [(f.first, f.state) for f in report.findings] == [(n, INTACT) for n in (3, 4, 5)]


def test_a_derived_file_names_what_it_was_made_from() -> None:
    """Pictures here and there, at other times: its hash proves the file, seals its sources."""
    data, _ = exported("derived")
    report = verify_export(data, None, pinned("derived"))
    assert report.genuine, report.bad()
    assert [(f.first, f.state) for f in report.findings] == [(3, INTACT), (5, INTACT)]
    assert '"kind": "derived"' in data.decode("latin-1")


def test_a_changed_picture_of_a_derived_file_is_found() -> None:
    data = bytearray(exported("derived")[0])
    data[data.index(b"mdat") + 40] ^= 1
    report = verify_export(bytes(data), None, pinned("derived"))
    assert [finding.state for finding in report.bad()] == [CHANGED]


def test_a_derived_file_whose_source_is_another_is_found() -> None:
    """A proof of one fragment is none of another."""
    data, _ = exported("derived")
    bare, manifest = split_manifest(data)
    told = json.loads(manifest or b"")
    told["fragments"][0] |= {"leaf": told["fragments"][1]["leaf"]}
    report = verify_export(bare, json.dumps(told).encode(), pinned("derived"))
    assert CHANGED in {finding.state for finding in report.findings if finding.first == 3}


def test_g711_mu_law_is_recorded_and_proved() -> None:
    report = judge("g711-mu-law")
    assert report.genuine, report.bad()
    entry = next(iter(entries("g711-mu-law", ledger.CONFIG)))
    assert [track["codec"] for track in entry.values["tracks"]] == ["avc3", "ulaw"]


def exported(case: str) -> tuple[bytes, bytes | None]:
    """Return an export and the manifest beside it."""
    folder = root(case) / "export"
    beside = folder / "manifest.json"
    file = next(path for path in folder.iterdir() if path != beside)
    return file.read_bytes(), beside.read_bytes() if beside.exists() else None


def test_mkv_export() -> None:
    """Group hashes verify with times from the manifest; a changed byte names the fragment."""
    data, manifest = exported("mkv-export")
    assert manifest is not None
    changed = bytearray(data)
    changed[data.rindex(b"\x1f\x43\xb6\x75") + 100] ^= 1  # within the last cluster
    report = verify_export(bytes(changed), manifest, pinned("mkv-export"))
    assert {f.first for f in report.bad()} == {0, 5}  # the file's hash, and the third fragment
    named = next(f for f in report.bad() if f.first)
    assert (named.state, named.from_us) == (CHANGED, START + 2_000_000)


def test_a_manifest_that_was_changed_is_found() -> None:
    """Every word of it is signed, and another key than the pinned one proves nothing."""
    data, manifest = exported("mkv-export")
    assert manifest is not None
    wrong = manifest.replace(b'"why": "case 12"', b'"why": "case 13"')
    whys = [f.why for f in verify_export(data, wrong, pinned("mkv-export")).bad()]
    assert whys == ["the manifest's signature is wrong"]
    assert not verify_export(data, manifest, bytes(32)).genuine


def test_key_frames_only() -> None:
    """`key` verifies, the others are `removed` by a signed REMOVED."""
    found = groups(judge("key-frames-only"))
    assert found == {
        (1, INTACT, KEYS), (1, REMOVED, OTHERS), (1, REMOVED, AUDIO),
        (2, REMOVED, OTHERS), (2, REMOVED, AUDIO),
        (3, INTACT, KEYS), (3, REMOVED, OTHERS), (3, REMOVED, AUDIO),
        (4, REMOVED, OTHERS), (4, REMOVED, AUDIO),
    }  # fmt: skip


def test_audio_dropped() -> None:
    """`key` and `video` verify, `audio` is `removed`."""
    found = groups(judge("audio-dropped"))
    assert found == {
        (1, INTACT, KEYS | OTHERS), (1, REMOVED, AUDIO), (2, INTACT, OTHERS), (2, REMOVED, AUDIO),
        (3, INTACT, KEYS | OTHERS), (3, REMOVED, AUDIO), (4, INTACT, OTHERS), (4, REMOVED, AUDIO),
    }  # fmt: skip


def test_groups_that_no_signed_record_names_are_missing(tmp_path: Path) -> None:
    """The REMOVED of another key removes nothing."""
    volume = copy("audio-dropped", tmp_path)
    data = (volume / LEDGER).read_bytes()
    last = records.scan(data)[0][-1]
    assert last.type == ledger.REMOVED
    payload = bytearray(last.payload)
    payload[-33] ^= 1  # the last byte of the signature
    (volume / LEDGER).write_bytes(data[: last.at] + records.Record(last.type, bytes(payload)).raw())
    states = judge("audio-dropped", volume).states()
    assert states["missing"] == [1, 2, 3, 4]
    assert REMOVED not in states


def test_encrypted(tmp_path: Path) -> None:
    """Verifies as the plain one; one changed bit fails its tag and names the fragment."""
    assert judge("encrypted").states() == {INTACT: [1, 2, 3, 4]}
    volume = copy("encrypted", tmp_path)
    path = volume / DAY / "video_10.mp4e"
    second = disk_fragments("encrypted")[1]
    flip(path, second["offset"] + 200)
    bad = judge("encrypted", volume).bad()
    assert [(f.state, f.first) for f in bad if f.first == f.last] == [(CHANGED, 2)]
    assert "tag" in bad[0].why


def disk_fragments(case: str) -> list[dict[str, int]]:
    """Return the fragments of the first part of a case."""
    return [fragment.values for fragment in disk(case).parts[0].fragments]


def test_an_encrypted_part_without_its_key_is_unread() -> None:
    """The chain and the seal hold, what is inside nobody can say."""
    report = verify(root("encrypted"), "gate", pinned("encrypted"), {})
    assert report.states() == {UNREAD: [1, 2, 3, 4]}


def test_re_wrapped() -> None:
    """Other offsets, other part, other master key: same leaves, same seal."""
    (part,) = disk("re-wrapped").parts
    assert (part.name.part, part.name.encrypted) == (1, True)
    assert judge("re-wrapped").states() == {INTACT: [1, 2, 3, 4]}
    # The ledger is as it was before, and knows nothing of a second part.
    seal = entries("re-wrapped", ledger.SEAL)[0].values
    configs = entries("re-wrapped", ledger.CONFIG)
    assert [entry.values["part"] for entry in configs] == [0]
    leaves = [configs[0].leaf, *(records.fragment_leaf(f.values) for f in part.fragments)]
    assert ledger.root(leaves) == seal["root"]


def test_restart_in_mid_hour() -> None:
    """Two parts, two CONFIGs, one chain; the time between is a GAP."""
    report = judge("restart-in-mid-hour")
    assert report.states() == {INTACT: [1, 2, 3, 1001, 1002]}
    assert {f.file for f in report.findings} == {f"{DAY}/video_10.mp4", f"{DAY}/video_10-1.mp4"}
    assert [e.values["part"] for e in entries("restart-in-mid-hour", ledger.CONFIG)] == [0, 1]
    (gap,) = entries("restart-in-mid-hour", ledger.GAP)
    assert (gap.values["reason"], gap.values["before"]) == (8, 1001)
    kinds = [e.values["kind"] for e in entries("restart-in-mid-hour", ledger.SEAL)]
    assert kinds == [ledger.AFTER_CRASH, ledger.FINAL]


def test_clock_back_2_h() -> None:
    """An hour has two seals, sequences grow; both times are found."""
    seals = [e.values for e in entries("clock-back-2-h", ledger.SEAL)]
    assert [seal["hour"] - HOUR for seal in seals] == [0, 1, 2, 0]
    assert [(seal["first"], seal["last"]) for seal in seals] == [(1, 2), (0, 0), (3, 4), (5, 6)]
    report = judge("clock-back-2-h")
    assert report.genuine
    of_hour = sorted(f.first for f in report.findings if f.from_us // names.HOUR_US == HOUR)
    assert of_hour == [1, 2, 5, 6]


def test_clock_forward_10_years() -> None:
    """One CLOCK, one seal over the hours between, no flood."""
    assert len(entries("clock-forward-10-years", ledger.CLOCK)) == 1
    seals = [e.values for e in entries("clock-forward-10-years", ledger.SEAL)]
    assert [(seal["hours"], seal["fragments"]) for seal in seals] == [(1, 2), (87_659, 0), (1, 2)]
    assert judge("clock-forward-10-years").genuine


def test_codec_change() -> None:
    """A new part; both play; one chain."""
    codecs = [
        [track["codec"] for track in e.values["tracks"]]
        for e in entries("codec-change", ledger.CONFIG)
    ]
    assert codecs == [["avc3", "alaw"], ["hev1", "Opus"], ["mp4a"]]
    report = judge("codec-change")
    assert report.states() == {INTACT: [1, 2, 3, 4, 5, 6]}
    assert len({f.file for f in report.findings}) == 3


def test_empty_hour() -> None:
    """A seal with a GAP and no fragment."""
    empty = [e.values for e in entries("empty-hour", ledger.SEAL)][1]
    assert (empty["fragments"], empty["leaves"]) == (0, 1)
    assert judge("empty-hour").genuine


def test_index_lost() -> None:
    """Rebuilt from the video, flagged, verifies against the seal."""
    assert judge("index-lost").states() == {REBUILT: [1, 2, 3, 4]}
    folder = root("index-lost") / DAY
    again = rebuild((folder / "video_10.mp4").read_bytes(), {})
    assert again == (folder / "index_10.vms-idx").read_bytes()
    assert all(record.rebuilt for record in records.scan(again)[0])


def test_an_index_is_rebuilt_from_an_encrypted_video() -> None:
    """Its places are those of the index that was lost."""
    data = (root("encrypted") / DAY / "video_10.mp4e").read_bytes()
    found, damage = records.scan(rebuild(data, {"m1": bytes([17] * 32)}))
    lost, _ = records.scan((root("encrypted") / DAY / "index_10.vms-idx").read_bytes())
    assert not damage
    assert [r.payload for r in found] == [r.payload for r in lost if r.type != records.CLOSE]


def test_hold_on_a_full_disk(tmp_path: Path) -> None:
    """The deleter removes nothing under a HOLD on disk; recording stops with GAP 7."""
    case = "hold-on-a-full-disk"
    known = disk(case).entries
    assert ledger.held(known, 0, START, START + 1)
    assert not ledger.held(known, 0, START - 2, START)
    assert [e.values["reason"] for e in entries(case, ledger.GAP)] == [7]
    assert judge(case).states() == {INTACT: [1, 2]}
    # A deleter that did not ask is found out.
    vector = hold()
    span = {"from_us": START, "to_us": START + 1_000_000}
    what = {
        "first": 1,
        "last": 2,
        "groups": 7,
        "reason": 6,
        "by": "deleter",
        "why": "",
        "key": "k1",
    }
    at = {"utc_us": START + names.HOUR_US, "stream": 0}
    vector["steps"] += [
        {"do": "removed", **at, **what, **span},
        {"do": "delete", **at, "hour": HOUR, "part": 0},
    ]
    for path, data in Writer(vector).files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    assert HELD in {f.state for f in judge(case, tmp_path).bad()}


def test_an_hour_removed_by_policy_is_explained() -> None:
    """Its files are gone, its seal and its REMOVED are there, the next hour verifies."""
    assert judge("hour-removed").states() == {REMOVED: [1, 2], INTACT: [3, 4]}


def test_an_interim_seal_counts_for_nothing_behind_it() -> None:
    """The next one has the same number, covers the same leaves; the key was signed by the first."""
    seals = [e.values for e in entries("sub-stream", ledger.SEAL)]
    assert [(s["seal"], s["kind"], s["fragments"]) for s in seals] == [(1, 2, 2), (1, 1, 4)]
    assert judge("sub-stream").states() == {INTACT: [1, 2, 3, 4]}


def test_without_a_pinned_key_the_signer_is_unknown() -> None:
    """All hashes hold, and nobody says who signed."""
    report = verify(root("plain"), "gate")
    assert (report.genuine, report.signer) == (True, "unknown")


def test_another_pinned_key_proves_nothing() -> None:
    """The signature is right, its key is not one that counts."""
    report = verify(root("plain"), "gate", bytes(32))
    assert not report.genuine
    assert report.states() == {"unsealed": [1, 2, 3, 4, 5]}


def test_whether_a_file_belongs_to_the_recording(tmp_path: Path) -> None:
    """Another name is reported; it is not read."""
    volume = copy("plain", tmp_path)
    for name in ("video_10-0.mp4", "video_24.mp4", "notes.txt", "thumb_10.webp", "index_10.mp4"):
        (volume / DAY / name).write_bytes(b"")
    report = judge("plain", volume)
    assert report.genuine
    assert [path.rsplit("/")[-1] for path in report.strangers] == [
        "index_10.mp4", "notes.txt", "video_10-0.mp4", "video_24.mp4",
    ]  # fmt: skip
