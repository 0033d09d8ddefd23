"""As much of Matroska (RFC 9559) as an export needs: blocks in their order, and attachments."""

import struct
from collections.abc import Iterator

from .boxes import Sample
from .fields import TornError, Values, number

SEGMENT, CLUSTER, BLOCK, ATTACHMENTS, ATTACHED = 0x18538067, 0x1F43B675, 0xA3, 0x1941A469, 0x61A7
ATTACHED_NAME, ATTACHED_DATA = 0x466E, 0x465C
OPENED = {SEGMENT, CLUSTER, ATTACHMENTS, ATTACHED}
CODECS = {
    "avc3": "V_MPEG4/ISO/AVC", "hev1": "V_MPEGH/ISO/HEVC", "mp4a": "A_AAC", "Opus": "A_OPUS",
    "av01": "V_AV1", "vp08": "V_VP8", "vp09": "V_VP9", "mp4v": "V_MPEG4/ISO/ASP", "jpeg": "V_MJPEG",
}  # fmt: skip


def element(name: int, *body: bytes) -> bytes:
    """Write an element, its size in eight bytes."""
    content = b"".join(body)
    head = name.to_bytes((name.bit_length() + 7) // 8, "big")
    return head + (1 << 56 | len(content)).to_bytes(8, "big") + content


def count(name: int, value: int) -> bytes:
    """Write an element that holds a number."""
    return element(name, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def track_entry(track: Values) -> bytes:
    """Write what is known of a track."""
    video = bool(track["width"])
    codec = element(0x86, CODECS[track["codec"]].encode())
    if video:
        kind = element(0xE0, count(0xB0, track["width"]), count(0xBA, track["height"]))
    else:
        rate = struct.pack(">d", track["timescale"])
        kind = element(0xE1, element(0xB5, rate), count(0x9F, track["channels"]))
    ids = count(0xD7, track["id"]) + count(0x73C5, track["id"]) + count(0x83, 1 if video else 2)
    return element(0xAE, ids, codec, element(0x63A2, track["config"]), kind)


def write(tracks: list[Values], fragments: list[tuple[Values, list[Sample]]]) -> bytes:
    """Write a file: a cluster a fragment, times rounded to milliseconds."""
    scales = {track["id"]: track["timescale"] for track in tracks}
    clusters = []
    for values, samples in fragments:
        firsts = {track["id"]: track["first"] for track in values["tracks"]}
        times = [(firsts[s.track] + s.delta + s.shift) * 1000 // scales[s.track] for s in samples]
        start = min(times)
        blocks = [
            element(BLOCK, bytes([0x80 | s.track]), (time - start).to_bytes(2, "big", signed=True),
                    bytes([0x80 if s.key else 0]), s.data)
            for time, s in zip(times, samples, strict=True)
        ]  # fmt: skip
        clusters.append(element(CLUSTER, count(0xE7, start), *blocks))
    doc = element(0x4282, b"matroska") + count(0x4287, 4) + count(0x4285, 2)
    info = element(
        0x1549A966, count(0x2AD7B1, 1_000_000), element(0x4D80, b"vms"), element(0x5741, b"vms")
    )
    all_tracks = element(0x1654AE6B, *(track_entry(track) for track in tracks))
    return element(0x1A45DFA3, doc) + element(SEGMENT, info, all_tracks, *clusters)


def vint(data: bytes, at: int, *, marked: bool) -> tuple[int, int]:
    """Read a number of variable length; return it, with or without its mark, and where it ends."""
    length = 9 - data[at].bit_length() if at < len(data) else 9
    if length > 8 or at + length > len(data):
        raise TornError(f"no element begins at {at}")
    value = int.from_bytes(data[at : at + length], "big")
    return value if marked else value & (1 << 7 * length) - 1, at + length


def elements(data: bytes, at: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Walk over all elements, into those that hold others of interest."""
    while at < end:
        name, body = vint(data, at, marked=True)
        size, body = vint(data, body, marked=False)
        if body + size > end:
            raise TornError(f"the element {name:x} at {at} does not end in the file")
        if name in OPENED:
            yield from elements(data, body, body + size)
        else:
            yield name, data[body : body + size]
        at = body + size


def blocks(data: bytes) -> dict[int, list[bytes]]:
    """Return what the blocks of each track hold, in their order."""
    found: dict[int, list[bytes]] = {}
    for name, body in elements(data, 0, len(data)):
        if name == BLOCK:
            track, at = vint(body, 0, marked=False)
            found.setdefault(track, []).append(body[at + 3 :])
    return found


def attachment(data: bytes, wanted: str) -> bytes | None:
    """Return an attached file."""
    name = b""
    for kind, body in elements(data, 0, len(data)):
        name = body if kind == ATTACHED_NAME else name
        if kind == ATTACHED_DATA and name == wanted.encode():
            return body
    return None


def with_attachment(data: bytes, name: str, body: bytes) -> bytes:
    """Return a file of ours with an attachment at its end."""
    at = data.index(number("u32", SEGMENT))
    head = element(ATTACHED_NAME, name.encode()) + element(0x4660, b"application/json")
    file = element(ATTACHED, head, element(ATTACHED_DATA, body), count(0x46AE, 1))
    return data[:at] + element(SEGMENT, data[at + 12 :], element(ATTACHMENTS, file))
