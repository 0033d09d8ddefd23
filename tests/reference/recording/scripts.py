"""What each vector records, as steps for the writer."""

from collections.abc import Callable, Iterator

from .fields import Value, Values
from .ledger import AFTER_CRASH, ALL, AUDIO, FINAL, INTERIM, OTHERS
from .names import HOUR_US
from .writer import load_samples

HOUR = 498_826  # 2026-11-27 10:00 UTC
START = HOUR * HOUR_US
SOFTWARE = "vms 0.1.0"
HALF_US = 500_000
TEN_YEARS_HOURS = 87_660
NO_VIDEO = 4


def seed(number: int) -> str:
    """Return a seed or key that nobody must use: one byte, again and again."""
    return bytes([number] * 32).hex()


def script(camera: str = "gate") -> Values:
    """Begin a vector: whose it is, and the first key."""
    return {
        "format": "vms recording vector 1",
        "city": "porto",
        "camera": camera,
        "volume": "00112233445566778899aabbccddeeff",
        "keys": {"k1": seed(1), "k2": seed(2)},
        "master_keys": {"m1": seed(17), "m2": seed(18)},
        "steps": [{"do": "key", "utc_us": START, "key": "k1", "signer": "k1"}],
    }


class Script:
    """Writes the steps of one camera's recording down."""

    def __init__(self, stream: int = 0, samples: tuple[str, ...] = ("h264-64", "aac")) -> None:
        """Begin with nothing but a key."""
        self.vector = script()
        self.stream, self.samples = stream, samples
        self.sequence, self.key_sequence, self.epoch, self.lost = 0, 0, 0, 0
        self.origin, self.now = START, START
        self.add("reserve", up_to=1000)

    def add(self, what: str, **values: Value) -> None:
        """Write one step down."""
        self.vector["steps"].append(
            {"do": what, "utc_us": values.pop("utc_us", self.now), "stream": self.stream} | values
        )

    def config(self, part: int = 0, **more: Value) -> None:
        """A new part begins now."""
        self.epoch, self.origin, self.lost = self.epoch + 1, self.now, 0
        tracks = []
        for number, source in enumerate(self.samples, 1):
            values = load_samples(source)
            names = ("codec", "timescale", "width", "height", "channels")
            tracks.append({"id": number} | {name: values[name] for name in names})
        self.add(
            "config", epoch=self.epoch, part=part, hour=self.now // HOUR_US,
            first=self.sequence + 1, origin_us=self.origin, tracks=tracks,
            samples=list(self.samples), software=SOFTWARE, **more,
        )  # fmt: skip

    def fragments(self, count: int, **more: Value) -> None:
        """Half seconds of video: key frame, none, key frame, none; and the sound in them."""
        for _ in range(count):
            self.sequence += 1
            has_video = bool(load_samples(self.samples[0])["width"])
            key = has_video and (self.now - self.origin) // HALF_US % 2 == 0
            self.key_sequence = self.sequence if key else self.key_sequence
            tracks = [
                track for number, source in enumerate(self.samples, 1)
                if (track := self.track(number, source))
            ]  # fmt: skip
            values = {
                "sequence": self.sequence, "error_us": 1500, "duration_us": HALF_US,
                "camera_offset_ms": -40, "key_sequence": self.key_sequence,
                "flags": int(key) | self.lost | (0 if has_video else NO_VIDEO),
            }  # fmt: skip
            self.add("fragment", **values | more, tracks=tracks)
            self.lost = 0
            self.now += HALF_US

    def track(self, number: int, source: str) -> Values | None:
        """Return the samples of a track that begin within the present half second of the part."""
        found = load_samples(source)
        turn = (self.now - self.origin) // HALF_US
        scale, samples = found["timescale"], found["samples"]
        length = samples[-1]["decode"] + samples[-1]["duration"]
        from_tick, to_tick = (-(-n * scale // 2) for n in (turn, turn + 1))
        chosen = list(within(samples, length, from_tick, to_tick))
        if not chosen:
            return None
        return {
            "id": number, "first": chosen[0][1], "samples": [source, chosen[0][0], len(chosen)],
        }  # fmt: skip

    def gap(self, until: int, reason: int, **more: Value) -> None:
        """Nothing was recorded until then; whole seconds, so that a key frame comes next."""
        values = {"from_us": self.now, "before": self.sequence + 1, "frames": 0, "values": ""}
        self.add("gap", utc_us=until, to_us=until, reason=reason, **values | more)
        self.now, self.lost = until, 2

    def close(self) -> None:
        """The part ends in order."""
        self.add("close")

    def seal(self, hour: int, hours: int = 1, kind: int = FINAL, key: str = "k1") -> None:
        """Seal what is there."""
        self.add("seal", hour=hour, hours=hours, kind=kind, key=key)

    def clock(self, after: int) -> None:
        """The clock steps."""
        self.add(
            "clock", utc_us=after, reason=1, before_us=self.now, after_us=after, error_us=20_000,
            epoch=self.epoch + 1,
        )  # fmt: skip
        self.now = after

    def removed(self, groups: int, reason: int, why: str, last: int = 4) -> None:
        """Groups of the first fragments will be taken away."""
        self.now = START + 31 * 24 * HOUR_US
        self.add(
            "removed", first=1, last=last, groups=groups, reason=reason, from_us=START,
            to_us=START + last * HALF_US, by="policy", why=why, key="k1",
        )  # fmt: skip

    def stop(self, key: str = "k1") -> Values:
        """Stop in order: all that was reserved and not used is given back."""
        self.close()
        self.add("reserve", up_to=self.sequence)
        self.seal((self.now - 1) // HOUR_US, key=key)
        return self.vector


def within(samples: list[Values], length: int, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Return number and time of the samples in a span; the list is played again and again."""
    for turn in range(start // length, end // length + 1):
        for number, sample in enumerate(samples):
            if start <= turn * length + sample["decode"] < end:
                yield number, turn * length + sample["decode"]


def plain() -> Values:
    """H.264 with B-frames and AAC: 1.5 s, a gap, one second more in the same part."""
    s = Script()
    s.config()
    s.fragments(3)
    s.now += HALF_US
    s.gap(s.now + 9_000_000, reason=2, from_us=s.now - HALF_US, values='{"packets": 812}')
    s.fragments(2)
    return s.stop()


def codec_change() -> Values:
    """H.264 with G.711, then H.265 with Opus, then sound alone: three parts of one hour."""
    s = Script(samples=("h264-96", "alaw"))
    for part, samples in enumerate((("h264-96", "alaw"), ("h265-64", "opus"), ("aac",))):
        s.samples = samples
        s.config(part=part)
        s.fragments(2)
        if part < 2:
            s.close()
    return s.stop()


def g711_mu_law() -> Values:
    """H.264 with the other G.711."""
    s = Script(samples=("h264-64", "ulaw"))
    s.config()
    s.fragments(2)
    return s.stop()


def sub_stream() -> Values:
    """The sub-stream, with a key that the first one signed, and an interim seal."""
    s = Script(stream=1)
    s.vector["steps"].append({"do": "key", "utc_us": START, "key": "k2", "signer": "k1"})
    s.config()
    s.fragments(2)
    s.seal(HOUR, kind=INTERIM, key="k2")
    s.fragments(2)
    return s.stop(key="k2")


def encryption(data_key: int, master: str = "m1") -> Values:
    """Return what an encrypted part needs."""
    return {"master": master, "data_key": seed(data_key), "nonce": bytes([data_key] * 12).hex()}


def encrypted() -> Values:
    """Pictures and sound, encrypted from the first byte."""
    s = Script()
    s.config(encryption=encryption(33))
    s.fragments(4)
    return s.stop()


def sealed() -> Script:
    """Begin with a plain part that is sealed."""
    s = Script()
    s.config()
    s.fragments(4)
    s.stop()
    return s


def re_wrapped() -> Values:
    """A plain part is made anew as another one: encrypted, under the second master key."""
    s = sealed()
    s.add("remake", hour=HOUR, part=0, to_part=1, without=0, encryption=encryption(34, "m2"))
    return s.vector


def thinned(groups: int, reason: int, why: str) -> Values:
    """Groups are removed from all fragments of a part, which keeps its name."""
    s = sealed()
    s.removed(groups, reason, why)
    s.add("remake", hour=HOUR, part=0, to_part=0, without=groups)
    return s.vector


def key_frames_only() -> Values:
    """Only key frames are left."""
    return thinned(OTHERS | AUDIO, 16, "older than 30 days")


def audio_dropped() -> Values:
    """Only pictures are left."""
    return thinned(AUDIO, 13, "no sound may be kept here")


def restart() -> Values:
    """The power goes in mid-hour; the second run begins above all that was reserved."""
    s = Script()
    s.config()
    s.fragments(3)
    stopped = s.now
    s.now += 60 * 1_000_000
    s.seal(HOUR, kind=AFTER_CRASH)
    s.sequence = 1000
    s.gap(s.now, reason=8, from_us=stopped)
    s.add("reserve", up_to=2000)
    s.config(part=1)
    s.fragments(2)
    return s.stop()


def clock_back() -> Values:
    """Hour 12, then the clock steps back by two hours: hour 10 gets a second seal."""
    s = Script()
    s.config()
    s.fragments(2)
    s.close()
    s.seal(HOUR)
    s.gap(START + 2 * HOUR_US, reason=10)
    s.seal(HOUR + 1)
    s.config()
    s.fragments(2)
    s.close()
    s.seal(HOUR + 2)
    s.clock(s.now - 2 * HOUR_US)
    s.config(part=1)
    s.fragments(2)
    return s.stop()


def clock_forward() -> Values:
    """The clock steps forward by ten years."""
    s = Script()
    s.config()
    s.fragments(2)
    s.close()
    s.seal(HOUR)
    s.clock(s.now + TEN_YEARS_HOURS * HOUR_US)
    s.seal(HOUR + 1, hours=TEN_YEARS_HOURS - 1)
    s.config()
    s.fragments(2)
    return s.stop()


def empty_hour() -> Values:
    """An hour of recording, an hour without the camera, and recording again."""
    s = Script()
    s.config()
    s.fragments(2)
    s.close()
    s.gap(START + HOUR_US, reason=1, before=0)
    s.seal(HOUR)
    s.gap(START + 2 * HOUR_US, reason=1)
    s.seal(HOUR + 1)
    s.config()
    s.fragments(2)
    return s.stop()


def index_lost() -> Values:
    """The index is made again from the video."""
    s = sealed()
    s.add("rebuild", hour=HOUR, part=0)
    return s.vector


def hold() -> Values:
    """A hold, then the disk is full: nothing is removed, recording stops with GAP 7."""
    s = Script()
    s.config()
    s.fragments(2)
    s.vector["steps"].append(
        {"do": "hold", "utc_us": s.now, "hold": "h-1", "on": 1, "from_us": START,
         "to_us": START + HOUR_US, "by": "judge", "why": "case 12"}
    )  # fmt: skip
    s.close()
    s.gap(START + HOUR_US, reason=7, before=0)
    s.add("reserve", up_to=s.sequence)
    s.seal(HOUR)
    return s.vector


def hour_removed() -> Values:
    """Two hours; the first one's files are gone by policy."""
    s = Script()
    s.config()
    s.fragments(2)
    s.close()
    s.gap(START + HOUR_US, reason=10)
    s.seal(HOUR)
    s.config()
    s.fragments(2)
    s.stop()
    s.removed(ALL, 12, "older than 30 days", last=2)
    s.add("delete", hour=HOUR, part=0)
    return s.vector


def exported(file: str, *, inside: bool, **more: Value) -> Values:
    """An export of fragments 3 to 5 of a sealed part."""
    s = Script()
    s.config()
    s.fragments(5)
    s.stop()
    s.add(
        "export", hour=HOUR, part=0, first=3, last=5, file=file, inside=inside, by="ana",
        why="case 12", key="k1", **more,
    )  # fmt: skip
    return s.vector


# Those under `after` hold what is done to a recording when the recorder is done with it.
VECTORS: dict[str, Callable[[], Values]] = {
    "plain": plain,
    "sub-stream": sub_stream,
    "g711-mu-law": g711_mu_law,
    "after/hour-removed": hour_removed,
    "after/mp4-export": lambda: exported("clip.mp4", inside=True),
    "after/mkv-inside": lambda: exported("clip.mkv", inside=True),
    # Pictures shown at other times; fragment 4 has no key frame.
    "after/derived": lambda: exported("clip.mp4", inside=True, kind="derived"),
    # The twelve cases of the page.
    "after/mkv-export": lambda: exported("clip.mkv", inside=False),
    "after/key-frames-only": key_frames_only,
    "after/audio-dropped": audio_dropped,
    "encrypted": encrypted,
    "after/re-wrapped": re_wrapped,
    "restart-in-mid-hour": restart,
    "clock-back-2-h": clock_back,
    "clock-forward-10-years": clock_forward,
    "codec-change": codec_change,
    "empty-hour": empty_hour,
    "after/index-lost": index_lost,
    "hold-on-a-full-disk": hold,
}
