"""The boxes of a video file (ISO/IEC 14496-12): written as the page says, byte by byte."""

from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .fields import NO_HASH, Values, number, sha256
from .ledger import AUDIO, KEYS, OTHERS
from .records import FRAGMENT, index_record

USER_TYPE = "a7b3f0c2-5d1e-4e8a-9c46-76d17f6e6b0{}"
U_FRAGMENT, U_HEADER, U_DATAKEY, U_ENCRYPTED, U_MANIFEST = (
    bytes.fromhex(USER_TYPE.format(n).replace("-", "")) for n in range(1, 6)
)
VIDEO_CODECS = {  # each with the box that describes it
    "avc3": b"avcC", "hev1": b"hvcC", "av01": b"av1C", "vp08": b"vpcC", "vp09": b"vpcC",
    "mp4v": b"esds", "jpeg": b"",
}  # fmt: skip
KEY_FLAGS, OTHER_FLAGS = 0x02000000, 0x01010000
NTP_SECONDS = 2208988800  # from 1900 to 1970
PRFT_SIZE = 32
ENCRYPTED_AROUND = 8 + 16 + 12 + 16  # box and user type, epoch and sequence, tag
MATRIX = b"".join(number("u32", n) for n in (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000))


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture or one packet of sound."""

    track: int
    delta: int  # decode time less the track's first of the fragment
    shift: int  # presentation time less decode time
    key: bool  # of audio always
    duration: int
    data: bytes

    def hashed(self) -> bytes:
        """Return what its group's hash is taken over."""
        head = [("u8", self.track), ("u32", self.delta), ("i32", self.shift), ("u8", int(self.key))]
        return b"".join(number(*each) for each in head) + number("u32", len(self.data)) + self.data


def group_of(sample: Sample, video: int) -> int:
    """Return the bit of a sample's group; `video` is the id of the video track, 0 where none is."""
    if sample.track != video:
        return AUDIO
    return KEYS if sample.key else OTHERS


def group_hash(group: int, samples: list[Sample], video: int) -> bytes:
    """Return the hash of one group of a fragment's samples."""
    chosen = sorted(
        (sample for sample in samples if group_of(sample, video) == group),
        key=lambda sample: (sample.track, sample.delta),
    )
    return sha256(*(sample.hashed() for sample in chosen)) if chosen else NO_HASH


def box(name: bytes, *body: bytes) -> bytes:
    """Write a box."""
    content = b"".join(body)
    return number("u32", len(content) + 8) + name + content


def full(name: bytes, version: int, flags: int, *body: bytes) -> bytes:
    """Write a box with version and flags."""
    return box(name, number("u32", version << 24 | flags), *body)


def words(*values: int) -> bytes:
    """Write 32-bit numbers."""
    return b"".join(number("u32", value & 0xFFFFFFFF) for value in values)


def halves(*values: int) -> bytes:
    """Write 16-bit numbers."""
    return b"".join(number("u16", value) for value in values)


def esds(config: bytes) -> bytes:
    """Write the descriptors of AAC around an AudioSpecificConfig (ISO/IEC 14496-1, 7.2.6.5)."""
    specific = bytes([5, len(config)]) + config
    decoder = bytes([0x40, 0x15]) + bytes(11) + specific
    inner = bytes(3) + bytes([4, len(decoder)]) + decoder + bytes([6, 1, 2])
    return bytes([3, len(inner)]) + inner


def sample_entry(track: Values) -> bytes:
    """Write what `stsd` says of a track; `config` is the body of its codec's box."""
    codec, config = track["codec"], track["config"]
    head = bytes(6) + halves(1)
    if codec in VIDEO_CODECS:
        size = halves(track["width"], track["height"]) + words(0x480000, 0x480000, 0) + halves(1)
        own = box(VIDEO_CODECS[codec], config) if VIDEO_CODECS[codec] else b""
        return box(codec.encode(), head, bytes(16), size, bytes(32), halves(24, 0xFFFF), own)
    sound_boxes = {"mp4a": full(b"esds", 0, 0, esds(config)), "Opus": box(b"dOps", config)}
    rate = track["timescale"] if track["timescale"] < 65536 else 0
    sound = bytes(8) + halves(track["channels"], 16, 0, 0) + words(rate << 16)
    return box(codec.encode(), head, sound, sound_boxes.get(codec, b""))


def trak(track: Values) -> bytes:
    """Write a track without samples of its own."""
    video = track["codec"] in VIDEO_CODECS
    sizes = words(track["width"] << 16, track["height"] << 16)
    volume = halves(0, 0, 0 if video else 0x100, 0)
    tkhd = full(b"tkhd", 0, 3, words(0, 0, track["id"], 0, 0, 0, 0), volume, MATRIX, sizes)
    mdhd = full(b"mdhd", 0, 0, words(0, 0, track["timescale"], 0), halves(0x55C4, 0))
    handler = (b"vide", bytes(12), b"video\0") if video else (b"soun", bytes(12), b"audio\0")
    hdlr = full(b"hdlr", 0, 0, words(0), *handler)
    media = full(b"vmhd", 0, 1, bytes(8)) if video else full(b"smhd", 0, 0, bytes(4))
    dinf = box(b"dinf", full(b"dref", 0, 0, words(1), full(b"url ", 0, 1)))
    stsd = full(b"stsd", 0, 0, words(1), sample_entry(track))
    none = [full(name, 0, 0, words(0)) for name in (b"stts", b"stsc")]
    stbl = box(
        b"stbl", stsd, *none, full(b"stsz", 0, 0, words(0, 0)), full(b"stco", 0, 0, words(0))
    )
    return box(b"trak", tkhd, box(b"mdia", mdhd, hdlr, box(b"minf", media, dinf, stbl)))


def init(tracks: list[Values], header: bytes) -> bytes:
    """Write `ftyp` and `moov`; `header` is the HEADER record of the part's index."""
    last = max(track["id"] for track in tracks)
    mvhd = full(
        b"mvhd", 0, 0, words(0, 0, 1000, 0, 0x10000), halves(0x100), bytes(10), MATRIX, bytes(24),
        words(last + 1),
    )  # fmt: skip
    mvex = box(b"mvex", *(full(b"trex", 0, 0, words(track["id"], 1, 0, 0, 0)) for track in tracks))
    udta = box(b"udta", box(b"uuid", U_HEADER, header))
    moov = box(b"moov", mvhd, *(trak(track) for track in tracks), mvex, udta)
    return box(b"ftyp", b"iso6", words(0), b"iso6mp42cmfc") + moov


def ntp(utc_us: int) -> int:
    """Return a time as NTP has it, rounded down; the seconds go round in 2036."""
    seconds, rest = divmod(utc_us, 1_000_000)
    return ((seconds + NTP_SECONDS) & 0xFFFFFFFF) << 32 | (rest << 32) // 1_000_000


def flags_of(sample: Sample, video: int) -> int:
    """Return what `trun` says of a sample."""
    return OTHER_FLAGS if group_of(sample, video) == OTHERS else KEY_FLAGS


def moof_and_mdat(values: Values, samples: list[Sample], video: int) -> bytes:
    """Write the samples that are there, track by track; nothing where none are."""
    if not samples:
        return b""
    runs = [
        (track, [sample for sample in samples if sample.track == track["id"]])
        for track in values["tracks"]
    ]
    runs = [(track, run) for track, run in runs if run]
    mfhd = full(b"mfhd", 0, 0, words(values["sequence"]))
    # A traf is 64 bytes and 16 a sample: 8 of its own, tfhd 16, tfdt 20, trun 20.
    offset = 8 + len(mfhd) + sum(64 + 16 * len(run) for _, run in runs) + 8
    trafs = []
    for track, run in runs:
        rows = b"".join(
            words(each.duration, len(each.data), flags_of(each, video), each.shift) for each in run
        )
        tfhd = full(b"tfhd", 0, 0x020000, words(track["id"]))
        tfdt = full(b"tfdt", 1, 0, number("u64", track["first"]))
        trun = full(b"trun", 1, 0xF01, words(len(run), offset), rows)
        trafs.append(box(b"traf", tfhd, tfdt, trun))
        offset += sum(len(each.data) for each in run)
    return box(b"moof", mfhd, *trafs) + box(
        b"mdat", *(each.data for _, run in runs for each in run)
    )


def fragment_boxes(values: Values, samples: list[Sample], video: int, flags: int = 0) -> bytes:
    """Write the boxes of one fragment in clear, of the place and size that its record says."""
    leading = values["tracks"][0]
    time = number("u64", ntp(values["utc_us"])) + number("u64", leading["first"])
    prft = full(b"prft", 1, 24, words(leading["id"]), time)
    record = index_record(FRAGMENT, values, flags).raw()
    return prft + box(b"uuid", U_FRAGMENT, record) + moof_and_mdat(values, samples, video)


def sealed_nonce(values: Values) -> bytes:
    """Return the nonce of an encrypted fragment."""
    return bytes(4) + number("u64", values["sequence"])


def whose(camera: str, epoch: int, sequence: int) -> bytes:
    """Return the associated data of an encrypted fragment."""
    return camera.encode() + b"\0" + number("u32", epoch) + number("u64", sequence)


def encrypt(clear: bytes, values: Values, camera: str, key: bytes) -> bytes:
    """Write one fragment of an encrypted part."""
    known = whose(camera, values["epoch"], values["sequence"])
    hidden = AESGCM(key).encrypt(sealed_nonce(values), clear, known)
    return box(b"uuid", U_ENCRYPTED, known[-12:], hidden)


def wrap(key: bytes, master: str, master_key: bytes, nonce: bytes, camera: str) -> Values:
    """Return the fields of the DATAKEY that holds a data key."""
    known = b"vms data key 1\0" + camera.encode()
    return {
        "master": master,
        "nonce": nonce,
        "wrapped": AESGCM(master_key).encrypt(nonce, key, known),
    }


def unwrap(values: Values, master_keys: dict[str, bytes], camera: str) -> bytes:
    """Return the data key of a DATAKEY."""
    known = b"vms data key 1\0" + camera.encode()
    key = master_keys[values["master"]]
    return AESGCM(key).decrypt(values["nonce"], values["wrapped"], known)
