"""What readers by SRT cost: CPU of the media process a Mbit, readers being libsrt's own program.

SRT_READERS=50        readers of one camera, a process each (`srt-live-transmit`)
"""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from product import ROOT, Spent, Usage, product, simulator

READERS = int(os.environ.get("SRT_READERS", "50"))
LATENCY_MS = 120
MEBI = 1 << 20
# What our sender and libsrt's cost beside one another, in Mbit/s.
PAIR_MBIT = 20


@dataclass(frozen=True, kw_only=True)
class Cost(Spent):
    """What readers cost, the memory they added, and what they were sent again."""

    resent: float
    too_slow: float

    def told(self) -> str:
        """Tell it for the table."""
        return (
            f"{self.processor()}; {self.rss_bytes / self.viewers / MEBI:.2f} MB a reader; "
            f"{self.resent:.0f} packets resent, {self.too_slow:.0f} readers too slow; "
            f"readers {self.own_cores:.2f} core"
        )


@contextmanager
def _reader(address: str) -> Iterator[int]:
    command = ["srt-live-transmit", "-q", address, "file://con"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield process.pid
        finally:
            process.kill()


def measured(seconds: float) -> Cost:
    """Read one camera; what the process uses without readers is left out."""
    with ExitStack() as stack:
        farm, farm_pid = stack.enter_context(simulator(1))
        made = stack.enter_context(product(farm, 1))
        made.wait_live(1)
        # What the process takes in its first seconds is no reader's.
        time.sleep(3)
        before = Usage.of(made.media_pid)
        time.sleep(seconds / 2)
        idle = Usage.of(made.media_pid)
        port = urlsplit(made.addresses["srt"]).port
        address = f"srt://127.0.0.1:{port}?streamid=read:cam1&latency={LATENCY_MS}"
        readers = [stack.enter_context(_reader(address)) for _ in range(READERS)]
        made.wait_metric("vms_srt_readers", READERS)
        time.sleep(3)
        sent = made.metric("vms_srt_sent_bytes_total")
        resent = made.metric("vms_srt_resent_packets_total")
        pids = (made.media_pid, farm_pid, *readers)
        earlier = [Usage.of(pid) for pid in pids]
        time.sleep(seconds)
        later = [Usage.of(pid) for pid in pids]
        megabits = (made.metric("vms_srt_sent_bytes_total") - sent) * 8 / 1e6
        if made.metric("vms_srt_readers") < READERS:
            raise RuntimeError(f"{made.metric('vms_srt_readers'):.0f} of {READERS} still read")
        media, farm_cores, *own = (
            now.cores_since(then) for now, then in zip(later, earlier, strict=True)
        )
        took = later[0].at - earlier[0].at
        return Cost(
            viewers=READERS,
            megabits=megabits,
            seconds=took,
            cpu_ms=(media - idle.cores_since(before)) * took * 1000,
            media_cores=media,
            own_cores=sum(own),
            farm_cores=farm_cores,
            rss_bytes=later[0].rss_bytes - idle.rss_bytes,
            resent=made.metric("vms_srt_resent_packets_total") - resent,
            too_slow=made.metric("vms_srt_too_slow_total"),
        )


def beside_libsrt(seconds: float) -> str:
    """Run our sender and receiver, and libsrt's, on the same machine; what the program prints."""
    command = ["cargo", "run", "--quiet", "--release", "--locked", "-p", "vms-srt"]
    command += ["--example", "cost", "--", f"{seconds:.0f}", str(PAIR_MBIT)]
    # Six measures, and the building.
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=seconds * 6 + 900
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()[-500:]}")
    return "; ".join(" ".join(line.split()) for line in done.stdout.strip().splitlines())
