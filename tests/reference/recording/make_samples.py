"""Encode the samples of the vectors, once.

The vectors are made from what this wrote into `tests/vectors/recording/samples`, not from an
encoder: another version of one would write other bytes. To run it again makes other vectors.
"""

import json
import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

FOLDER = Path(__file__).parents[2] / "vectors" / "recording" / "samples"
RATE = 8  # frames a second
TICKS = 90000 // RATE
FRAMES = 16
Reader = Callable[[bytes], int]
Choice = Callable[[int], bool]
GROUP = 8  # frames from one key frame to the next


def units(annex_b: bytes) -> list[bytes]:
    """Return the NAL units of an Annex B stream."""
    parts = annex_b.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
    return [part.rstrip(b"\0") for part in parts if part]


def pictures(size: int) -> Iterator[av.VideoFrame]:
    """Draw a bright square that moves over a shaded field."""
    for number in range(FRAMES):
        picture = np.add.outer(np.arange(size), np.arange(size)).astype(np.uint8)
        picture[8 : 8 + size // 4, number * 2 : number * 2 + size // 4] = 230
        frame = av.VideoFrame.from_ndarray(np.dstack([picture] * 3), format="rgb24").reformat(
            format="yuv420p"
        )
        frame.pts = number
        yield frame


def video(name: str, size: int, options: dict[str, str], kind: Reader, kept: Choice) -> None:
    """Encode the pictures; `kind` reads the type of a NAL unit, `kept` says which types stay."""
    encoder: Any = av.CodecContext.create(name, "w")
    encoder.width = encoder.height = size
    encoder.pix_fmt, encoder.time_base, encoder.framerate = (
        "yuv420p",
        Fraction(1, RATE),
        Fraction(RATE),
    )
    encoder.options = options
    packets = [
        packet for frame in pictures(size) for packet in encoder.encode(frame)
    ] + encoder.encode(None)
    first = packets[0].dts
    sets: dict[int, bytes] = {}
    samples = []
    for packet in packets:
        found = [unit for unit in units(bytes(packet)) if kept(kind(unit))]
        sets |= {kind(unit): unit for unit in found if kind(unit) in (7, 8, 32, 33, 34)}
        samples.append(
            {
                "decode": (packet.dts - first) * TICKS,
                "shift": (packet.pts - packet.dts) * TICKS,
                "duration": TICKS,
                "key": packet.is_keyframe,
                "hex": b"".join(len(unit).to_bytes(4, "big") + unit for unit in found).hex(),
            }
        )
    h264 = name == "libx264"
    config = avcc(sets[7], sets[8]) if h264 else hvcc(sets[32], sets[33], sets[34])
    codec = "avc3" if h264 else "hev1"
    save(f"{'h264' if h264 else 'h265'}-{size}", codec, 90000, size, 0, config, samples)


def avcc(sps: bytes, pps: bytes) -> bytes:
    """Write an AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1)."""
    sized = [len(unit).to_bytes(2, "big") + unit for unit in (sps, pps)]
    depths = b"" if sps[1] not in (100, 110, 122, 144) else bytes([0xFD, 0xF8, 0xF8, 0])
    return bytes([1, *sps[1:4], 0xFF, 0xE1]) + sized[0] + b"\1" + sized[1] + depths


def hvcc(vps: bytes, sps: bytes, pps: bytes) -> bytes:
    """Write an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15, 8.3.3.1)."""
    general = sps.replace(b"\0\0\3", b"\0\0")[3:15]  # profile, compatibility, constraints, level
    fixed = bytes([1]) + general + bytes([0xF0, 0, 0xFC, 0xFD, 0xF8, 0xF8, 0, 0, 0x0F, 3])
    arrays = [(32, vps), (33, sps), (34, pps)]
    return fixed + b"".join(
        bytes([kind, 0, 1]) + len(u).to_bytes(2, "big") + u for kind, u in arrays
    )


def audio(name: str, rate: int, length: int, bits: int, codec: str) -> None:
    """Encode two seconds of a tone."""
    encoder: Any = av.CodecContext.create(name, "w")
    encoder.sample_rate, encoder.layout, encoder.bit_rate = rate, "mono", bits
    encoder.format = "fltp" if name == "aac" else "flt"
    encoder.open()
    packets = []
    for number in range(2 * rate // length):
        at = np.arange(number * length, (number + 1) * length)
        wave = (0.3 * np.sin(2 * math.pi * 440 * at / rate)).astype(np.float32).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(wave, format=encoder.format.name, layout="mono")
        frame.sample_rate, frame.pts = rate, number * length
        packets += encoder.encode(frame)
    samples = [
        {
            "decode": at * length,
            "shift": 0,
            "duration": length,
            "key": True,
            "hex": bytes(packet).hex(),
        }
        for at, packet in enumerate(packets)
    ]
    config = bytes(encoder.extradata or b"")
    if codec == "Opus":
        config = bytes([0, 1, 0, 0]) + rate.to_bytes(4, "big") + bytes(3)
    save("aac" if codec == "mp4a" else "opus", codec, rate, 0, 1, config, samples)


def save(
    name: str, codec: str, rate: int, size: int, channels: int, config: bytes, samples: list[Any]
) -> None:
    """Write one list of samples."""
    head = {"codec": codec, "timescale": rate, "width": size, "height": size, "channels": channels}
    lines = ",\n".join("  " + json.dumps(sample) for sample in samples)
    text = json.dumps(head | {"config": config.hex()})[:-1] + f', "samples": [\n{lines}\n]}}\n'
    (FOLDER / f"{name}.json").write_text(text)


def main() -> None:
    """Write all lists of samples."""
    plain = {"preset": "veryfast", "crf": "38", "threads": "1"}
    h264 = plain | {
        "x264-params": f"keyint={GROUP}:scenecut=0:bframes=1:b-adapt=0:open-gop=0:repeat-headers=1"
    }
    for size in (64, 96):
        video("libx264", size, h264, lambda unit: unit[0] & 31, lambda kind: kind in (1, 5, 7, 8))
    h265 = plain | {
        "x265-params": f"keyint={GROUP}:scenecut=0:bframes=0:repeat-headers=1:log-level=none"
    }
    video("libx265", 64, h265, lambda unit: unit[0] >> 1 & 63, lambda kind: kind < 35)
    audio("aac", 8000, 1024, 8000, "mp4a")
    audio("libopus", 48000, 960, 6000, "Opus")
    packets = [bytes((number * 7 + at) % 256 for at in range(160)) for number in range(25)]
    samples = [
        {"decode": at * 160, "shift": 0, "duration": 160, "key": True, "hex": packet.hex()}
        for at, packet in enumerate(packets)
    ]
    for law in ("alaw", "ulaw"):
        save(law, law, 8000, 0, 1, b"", samples)


if __name__ == "__main__":
    main()
