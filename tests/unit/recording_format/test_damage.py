"""Whatever is changed or cut is found, and named by file, fragment and time."""

import pytest

from recordings import DAY, LEDGER, judge, root
from reference.recording import boxes, records, video
from reference.recording.disk import files_of, read
from reference.recording.report import Finding

CASE = "hold-on-a-full-disk"  # one part of two fragments, a ledger of eight records
FILES = ["video_10.mp4", "index_10.vms-idx", "video_10.sha256"]


def spans(case: str = CASE) -> dict[int, tuple[int, int]]:
    """Return where each fragment lies in the video."""
    (part,) = read(files_of(root(case), "gate"), "gate", {}).parts
    return {f.sequence: (f.values["offset"], f.video_end) for f in part.fragments}


SPANS = spans()


def durations() -> set[int]:
    """Return the bytes of the video that hold the duration of a track's last sample."""
    data = (root(CASE) / DAY / "video_10.mp4").read_bytes()
    found = set()
    for start, end in SPANS.values():
        moof = next(b for b in video.children(data, start, end) if b.name == b"moof")
        for traf in video.children(data, moof.body, moof.end):
            if traf.name == b"traf":
                found |= set(range(traf.end - 16, traf.end - 12))
    return found


VOLUME = files_of(root(CASE), "gate")


def judge_with(path: str, data: bytes) -> list[Finding]:
    """Return what is found bad with one file changed."""
    return judge(CASE, VOLUME | {path: data}).bad()


def changed(data: bytes, at: int) -> bytes:
    """Return bytes with one of them changed."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_every_changed_byte_of_a_video_is_found_and_named() -> None:
    """By its fragment and time; what no fragment's hash covers by its file and the part's time."""
    path = f"{DAY}/video_10.mp4"
    data = VOLUME[path]
    last = durations()
    for at in range(len(data)):
        bad = judge_with(path, changed(data, at))
        inside = [n for n, (start, end) in SPANS.items() if start <= at < end]
        wanted = (inside[0], inside[0]) if inside and at not in last else (1, 2)
        named = [f for f in bad if f.file == path]
        assert [(f.first, f.last) for f in named] == [wanted], at
        assert named[0].to_us > named[0].from_us > 0, at


@pytest.mark.parametrize("file", FILES[1:])
def test_every_changed_byte_of_an_index_is_found_and_named(file: str) -> None:
    """By file and time, and a record by its fragment."""
    path = f"{DAY}/{file}"
    data = VOLUME[path]
    found = records.scan(data)[0] if file.startswith("index") else []
    of_byte = {
        at: record.values()["sequence"]
        for record in found if record.type == records.FRAGMENT
        for at in range(record.at, record.at + len(record.raw()))
    }  # fmt: skip
    for at in range(len(data)):
        bad = judge_with(path, changed(data, at))
        named = [f for f in bad if f.file == path]
        assert named, at
        assert all(f.from_us and f.to_us > f.from_us for f in named), at
        sequence = of_byte.get(at)
        assert sequence is None or (sequence, sequence) in [(f.first, f.last) for f in named], at


def test_every_changed_byte_of_a_ledger_is_found_and_named() -> None:
    """By file; a record by those around it and their time."""
    path = LEDGER
    data = VOLUME[path]
    first = records.scan(data)[0][1].at
    for at in range(len(data)):
        bad = judge_with(path, changed(data, at))
        named = [f for f in bad if f.file == LEDGER]
        assert named, at
        assert at < first or any(f.from_us or f.to_us for f in named), at


@pytest.mark.parametrize("path", [*(f"{DAY}/{name}" for name in FILES), LEDGER])
def test_a_file_cut_at_any_byte_is_found(path: str) -> None:
    """And what is still whole of a video stays so."""
    data = VOLUME[path]
    for length in range(len(data)):
        bad = judge_with(path, data[:length])
        assert bad, length
        if path.endswith(".mp4"):
            lost = {n for n, (_, end) in SPANS.items() if end > length}
            assert {f.first for f in bad if f.state == "missing"} == lost, length
            assert all(f.first in lost for f in bad if f.first == f.last), length


def test_a_reader_goes_on_behind_damage() -> None:
    """With the next whole record, wherever it begins."""
    whole = (root("plain") / DAY / "index_10.vms-idx").read_bytes()
    found, _ = records.scan(whole)
    third = found[2].at
    for rubbish in (b"", b"\0", whole[third : third + 40], bytes(range(256)) * 3):
        data = whole[:third] + rubbish + whole[third:]
        again, damage = records.scan(data)
        assert [r.payload for r in again] == [r.payload for r in found]
        wanted = [(third, third + len(rubbish))] if rubbish else []
        assert [(torn.at, torn.end) for torn in damage] == wanted


def test_records_of_a_newer_version_are_left_out_and_longer_ones_are_read() -> None:
    """What is not known does no harm."""
    header, *_ = records.scan((root(CASE) / DAY / "index_10.vms-idx").read_bytes())[0]
    longer = records.Record(header.type, header.payload + b"more")
    newer = bytearray(records.Record(200, b"what").raw())
    newer[5] = 2
    newer[-4:] = records.crc32c(bytes(newer[:-4])).to_bytes(4, "big")
    found, damage = records.scan(records.MAGIC + longer.raw() + bytes(newer) + header.raw())
    assert not damage
    assert [record.values() for record in found] == [header.values()] * 2


def test_a_torn_video_gives_up_every_whole_fragment() -> None:
    """An index made anew names those behind the damage too."""
    data = (root("plain") / DAY / "video_10.mp4").read_bytes()
    start, end = spans("plain")[3]
    for torn in (
        data[: start + 50] + data[end - 20 :],
        data[:start] + bytes(end - start) + data[end:],
    ):
        found = [record.values()["sequence"] for record, _, _ in video.salvage(torn, "gate", None)]
        assert found == [1, 2, 4, 5]


def test_the_checksum_is_crc32c() -> None:
    """The vector of RFC 3720, B.4."""
    assert records.crc32c(bytes(32)) == 0x8A9136AA
    assert records.crc32c(b"123456789") == 0xE3069283


def test_ntp_goes_round_in_2036() -> None:
    """Its seconds have 32 bits."""
    assert boxes.ntp(0) == 2_208_988_800 << 32
    assert boxes.ntp(500_000) == 2_208_988_800 << 32 | 1 << 31
    assert boxes.ntp((2**32 - 2_208_988_800) * 1_000_000) == 0
