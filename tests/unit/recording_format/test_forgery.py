"""Whoever knows the format and has no key: every checksum is right, and still it is found."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable

from recordings import DAY, LEDGER, judge, pinned, root, vector
from reference.recording import boxes, ledger, records, video
from reference.recording.disk import files_of
from reference.recording.fields import Values, sha256
from reference.recording.manifest import signed_bytes, verify_export
from reference.recording.records import FRAGMENT, Record
from reference.recording.report import CHANGED, INTACT, MISSING, UNSEALED, Finding
from reference.recording.writer import private

CASE = "plain"
INDEX, VIDEO, SUMS = (f"{DAY}/{n}" for n in ("index_10.vms-idx", "video_10.mp4", "video_10.sha256"))
Change = Callable[[Record], Record | None]


def volume() -> dict[str, bytes]:
    """Return the files, without the sums that a forger would make anew."""
    return {path: data for path, data in files_of(root(CASE), "gate").items() if path != SUMS}


def rewrite(data: bytes, change: Change) -> bytes:
    """Write all records again, some of them changed or left out, checksums right."""
    changed = [made for record in records.scan(data)[0] if (made := change(record)) is not None]
    return records.MAGIC + b"".join(record.raw() for record in changed)


def later(values: Values) -> Values:
    """Return a fragment as of a second later."""
    return values | {"utc_us": values["utc_us"] + 1_000_000}


def forged(sequence: int, change: Callable[[Values], Values]) -> list[Finding]:
    """Judge after one fragment's record was changed in the index and in the video."""
    files = volume()

    def in_index(record: Record) -> Record | None:
        if record.type == records.CLOSE:
            return None
        if record.type != FRAGMENT or record.values()["sequence"] != sequence:
            return record
        values = record.values()
        place = slice(values["offset"], values["offset"] + values["size"])
        _, samples = video.open_fragment(files[VIDEO][place])
        again = boxes.fragment_boxes(change(values), samples, 1)
        files[VIDEO] = files[VIDEO][: place.start] + again + files[VIDEO][place.stop :]
        return records.index_record(FRAGMENT, change(values))

    files[INDEX] = rewrite(files[INDEX], in_index)
    return judge(CASE, files).bad()


def test_a_fragment_of_another_time_breaks_the_chain() -> None:
    """Its core is not the one that its chain was made over."""
    bad = forged(3, later)
    assert [(f.state, f.first, f.why) for f in bad] == [
        (CHANGED, 3, "it does not follow the one before")
    ]


def test_a_chain_made_anew_breaks_at_the_next() -> None:
    """The next one was made over the old chain."""

    def chained(values: Values) -> Values:
        second = records.scan(volume()[INDEX])[0][2].values()
        return later(values) | {"chain": sha256(second["chain"], records.core(later(values)))}

    assert {f.first for f in forged(3, chained)} >= {4}


def test_the_last_fragment_is_the_one_that_the_seal_names() -> None:
    """Behind it there is nothing whose chain would break."""

    def chained(values: Values) -> Values:
        fourth = records.scan(volume()[INDEX])[0][4].values()
        return later(values) | {"chain": sha256(fourth["chain"], records.core(later(values)))}

    bad = forged(5, chained)
    assert 5 in {f.first for f in bad}
    assert all(f.state == CHANGED for f in bad)


def test_a_fragment_that_is_gone_is_named_with_its_time() -> None:
    """From the end of the one before to the begin of the next, which nothing proves any more."""
    files = volume()
    kept = [r for r in records.scan(files[INDEX])[0] if r.type == FRAGMENT]
    second = kept[1].values()
    place = slice(second["offset"], second["offset"] + second["size"])
    free = boxes.box(b"free", bytes(second["size"] - 8))
    files[VIDEO] = files[VIDEO][: place.start] + free + files[VIDEO][place.stop :]
    files[INDEX] = rewrite(
        files[INDEX], lambda r: None if r.payload == kept[1].payload or r.type == 3 else r
    )
    report = judge(CASE, files)
    (gone,) = [f for f in report.bad() if f.state == MISSING]
    assert (gone.first, gone.last, gone.file) == (2, 2, VIDEO)
    assert gone.to_us - gone.from_us == second["duration_us"]
    assert report.states() == {INTACT: [1, 4, 5], MISSING: [2], UNSEALED: [3]}


def in_ledger(kind: int, change: Callable[[ledger.Entry], bytes]) -> list[Finding]:
    """Judge after the bodies of one type were changed, checksums right."""
    files = volume()

    def changed(record: Record) -> Record:
        if record.type != kind:
            return record
        entry = ledger.entry(record)
        return Record(record.type, change(entry) + entry.chain)

    files[LEDGER] = rewrite(files[LEDGER], changed)
    return judge(CASE, files).bad()


def test_another_reason_of_a_gap_is_found() -> None:
    """By the ledger's chain and by the seal's root."""
    old, new = b'{"packets": 812}', b'{"packets": 813}'
    whys = [f.why for f in in_ledger(ledger.GAP, lambda e: e.middle.replace(old, new))]
    assert "record 4: it does not follow the one before" in whys


def test_a_gap_that_was_chained_anew_is_found_by_the_seal() -> None:
    """The chain of a ledger needs no key; its leaves are under a seal."""
    files = volume()
    chain = ledger.start("porto", "gate")

    def rechained(record: Record) -> Record:
        nonlocal chain
        if record.type not in ledger.FRAMED:
            return record
        entry = ledger.entry(record)
        middle = entry.middle.replace(b"812", b"813")
        chain = sha256(chain, bytes([record.type]), middle)
        return Record(record.type, middle + chain)

    files[LEDGER] = rewrite(files[LEDGER], rechained)
    report = judge(CASE, files)
    assert report.states() == {INTACT: [1, 2, 3, 4, 5]}
    (bad,) = report.bad()
    assert (bad.state, bad.file) == (CHANGED, LEDGER)
    assert "a CONFIG, GAP or CLOCK that it covers is another" in bad.why


def test_a_seal_of_other_numbers_is_not_signed() -> None:
    """And then nothing seals the fragments."""

    def other(entry: ledger.Entry) -> bytes:
        return entry.middle[:17] + bytes([entry.middle[17] ^ 1]) + entry.middle[18:]

    bad = in_ledger(ledger.SEAL, other)
    assert any("signature is wrong" in f.why for f in bad)
    assert {f.first for f in bad if f.state == UNSEALED} == {1, 2, 3, 4, 5}


def test_a_key_that_no_known_key_signed_does_not_count() -> None:
    """A signing key of one's own is easily made."""
    stranger = private("ee" * 32)
    own = stranger.public_key().public_bytes_raw()
    values = {"key_id": sha256(own), "public": own, "signer": sha256(own)}
    signed = ledger.signed_bytes(ledger.KEY, "porto", "gate", values)
    added = values | {"signature": stranger.sign(signed)}
    assert set(ledger.known_keys("porto", "gate", [added], None)) == {sha256(own)}
    assert set(ledger.known_keys("porto", "gate", [added], pinned(CASE))) == {sha256(pinned(CASE))}


def test_a_manifest_proves_what_the_seals_prove() -> None:
    """Whoever exports holds a key; a fragment that was never sealed is found all the same."""
    folder = root("mkv-export") / "export"
    data, manifest = (folder / "clip.mkv").read_bytes(), (folder / "manifest.json").read_bytes()
    changed = json.loads(manifest)
    record = bytearray(b64decode(changed["fragments"][0]["record"]))
    record[19] ^= 1  # the last byte of the time
    changed["fragments"][0]["record"] = b64encode(record).decode()
    signer = private(vector("mkv-export")["keys"]["k1"])
    changed["signature"] = b64encode(signer.sign(signed_bytes(changed))).decode()
    bad = verify_export(data, json.dumps(changed).encode(), pinned("mkv-export")).bad()
    assert [(f.state, f.first, f.why) for f in bad] == [(CHANGED, 3, "its seal does not prove it")]
