"""What each vector records, as steps for the writer."""

from collections.abc import Callable, Iterator

from .fields import Value, Values
from .ledger import FINAL
from .names import HOUR_US
from .writer import load_samples

HOUR = 498_826  # 2026-11-27 10:00 UTC
START = HOUR * HOUR_US
SOFTWARE = "vms 0.1.0"
HALF_US = 500_000
UNKNOWN = 0xFFFFFFFF
NO_OFFSET = -(2**31)


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
            key = (self.now - self.origin) // HALF_US % 2 == 0
            self.key_sequence = self.sequence if key else self.key_sequence
            tracks = [
                track for number, source in enumerate(self.samples, 1)
                if (track := self.track(number, source))
            ]  # fmt: skip
            values = {
                "sequence": self.sequence, "error_us": 1500, "duration_us": HALF_US,
                "camera_offset_ms": -40, "flags": int(key) | self.lost,
                "key_sequence": self.key_sequence,
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

    def stop(self) -> Values:
        """Stop in order: all that was reserved and not used is given back."""
        self.close()
        self.add("reserve", up_to=self.sequence)
        self.seal((self.now - 1) // HOUR_US)
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


VECTORS: dict[str, Callable[[], Values]] = {"plain": plain}
