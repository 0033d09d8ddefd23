"""What Opus for browsers costs: CPU and memory of a worker for one camera's sound.

Each codec is transcoded in a process of its own, as fast as it goes, 60 s of it.

    benchmarks/sound.py [SECONDS]     default 60
"""

import multiprocessing
import sys
import time
from pathlib import Path
from typing import cast

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext

from vms.transcode.sound import DECODERS, Transcoder
from vms.transcode.wire import Frame, Head

KINDS = (
    ("AAC 48 kHz stereo", 1, 48_000, 2),
    ("AAC 16 kHz", 1, 16_000, 1),
    ("G.711 a", 2, 8_000, 1),
)


def frames(codec: int, rate: int, channels: int, seconds: int) -> tuple[Head, list[bytes]]:
    """Return noise as a camera would send it."""
    encoder = cast("AudioCodecContext", av.CodecContext.create(DECODERS[codec], "w"))
    layout = "mono" if channels == 1 else "stereo"
    encoder.sample_rate, encoder.layout = rate, layout
    encoder.format = "fltp" if codec == 1 else "s16"
    step = 1024 if codec == 1 else rate // 50
    dice, found = np.random.default_rng(7), []
    for at in range(0, seconds * rate, step):
        noise = dice.normal(0, 0.1, (channels, step)).astype(np.float32)
        whole = noise if codec == 1 else (noise.T.reshape(1, -1) * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(whole, encoder.format.name, layout)
        frame.sample_rate, frame.pts = rate, at
        found += [bytes(packet) for packet in encoder.encode(frame)]
    config = bytes(encoder.extradata or b"").hex().encode()
    return Head(1, codec, channels, rate, b"config=" + config), found


def transcode(head: Head, sounds: list[bytes], answer: "multiprocessing.Queue[object]") -> None:
    """Transcode all of it; tell CPU seconds, packets and memory."""
    packets = 0

    def tell(_epoch: int, _at: int, _data: bytes) -> None:
        nonlocal packets
        packets += 1

    transcoder = Transcoder(tell)
    transcoder.begin(head)
    step_us = (1024 if head.codec == 1 else head.rate // 50) * 1_000_000 // head.rate
    begun = time.process_time()
    for number, data in enumerate(sounds):
        transcoder.feed(Frame(number * step_us, data))
    used = time.process_time() - begun
    with Path("/proc/self/smaps_rollup").open(encoding="ascii") as lines:
        memory = {line.split()[0]: int(line.split()[1]) for line in lines if line.startswith("P")}
    private = memory["Private_Clean:"] + memory["Private_Dirty:"]
    answer.put((used, packets, private))


def main() -> None:
    """Measure and print."""
    from run import commit, machine  # noqa: PLC0415 - what every benchmark prints

    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    print(f"Machine: {machine()}\nCommit: {commit()}\n")
    fresh = multiprocessing.get_context("spawn")
    for name, codec, rate, channels in KINDS:
        head, sounds = frames(codec, rate, channels, seconds)
        answer: multiprocessing.Queue[object] = fresh.Queue()
        worker = fresh.Process(target=transcode, args=(head, sounds, answer))
        worker.start()
        used, packets, private = answer.get(timeout=300)  # type: ignore[misc]
        worker.join()
        print(
            f"{name}: {used / seconds:.4f} core while somebody listens, {packets} packets of "
            f"{seconds} s, {private / 1024:.0f} MB of its own; saturated: one core"
        )


if __name__ == "__main__":
    main()
