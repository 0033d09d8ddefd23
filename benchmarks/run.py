"""`make bench`: measures the product and prints the table of docs/benchmarks.md.

Figures are CPU seconds of the media process and ratios within one run, because
wall times of a shared machine say little. The load comes from `vms-load` and
from the simulated cameras, each in a process of its own, over loopback.

    benchmarks/run.py [ROW ...]      only the rows named, or that begin so
    BENCH_SECONDS=20                 how long each row is measured
"""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import api
import api_mixed
import audit_seal
import hls
import latency
import live_feel
import permission_check
import reading
import srt
import timelines
from product import ROOT, TICKS, Product, Spent, Usage, product, simulator

SECONDS = float(os.environ.get("BENCH_SECONDS", "15"))
MEBI = 1 << 20
# A core this full is what limits the run.
SATURATED = 0.9


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    work: str
    measured: str
    target: str
    limit: str


@dataclass(frozen=True)
class Busy:
    """What all processes of the machine have used: a browser has many."""

    at: float
    cpu_s: float

    @staticmethod
    def now() -> "Busy":
        """Reads /proc/stat."""
        words = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
        idle = int(words[3]) + int(words[4])
        return Busy(time.monotonic(), (sum(map(int, words[:8])) - idle) / TICKS)

    def cores_since(self, before: "Busy") -> float:
        """Cores that all processes used on average since an earlier moment."""
        return (self.cpu_s - before.cpu_s) / (self.at - before.at)

    def limit_since(self, before: "Busy") -> str:
        """How full the machine was."""
        cores = self.cores_since(before)
        full = cores >= SATURATED * (os.cpu_count() or 1)
        return f"{'the machine' if full else 'nothing'} ({cores:.2f} cores in all)"


def load_client() -> Path:
    """The program that `make bench` has built."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return target / "release" / "vms-load"


def load(kind: str, *args: str) -> dict[str, Any]:
    """Runs the load client; its report, and how full the machine was."""
    command = [str(load_client()), kind, *args, "--seconds", f"{SECONDS:.0f}"]
    before = Busy.now()
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=SECONDS * 4 + 120
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    report: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    report["machine_cores"] = Busy.now().cores_since(before)
    return report


def what_limits(*cores: tuple[str, float], machine: float = 0.0) -> str:
    """Names the fullest process, where one is full, or the machine."""
    name, used = max(cores, key=lambda pair: pair[1])
    total = max(machine, sum(used for _, used in cores))
    if total >= SATURATED * (os.cpu_count() or 1):
        return f"the machine ({total:.2f} cores in all)"
    return f"{name} at {used:.2f} core" if used >= SATURATED else "nothing"


def ingest(cameras: int, size: str, target: str) -> Row:
    """Cameras taken in, nobody watching."""
    with simulator(cameras, size=size) as (farm, farm_pid), product(farm, 0) as empty:
        base = Usage.of(empty.media_pid)
    with simulator(cameras, size=size) as (farm, farm_pid), product(farm, cameras) as running:
        running.wait_live(cameras)
        time.sleep(3)
        before, farm_before = Usage.of(running.media_pid), Usage.of(farm_pid)
        time.sleep(SECONDS)
        after, farm_after = Usage.of(running.media_pid), Usage.of(farm_pid)
        groups = running.hub_bytes()
        drops = sum(int(str(item["drops"])) for item in running.streams())
    cores, farm_cores = after.cores_since(before), farm_after.cores_since(farm_before)
    each = (after.rss_bytes - base.rss_bytes - groups) / cameras / MEBI
    measured = (
        f"{cores:.3f} core; {each:.2f} MB a camera beside {groups / MEBI:.0f} MB of groups; "
        f"{drops} frames lost; simulator {farm_cores:.3f} core"
    )
    limit = what_limits(("media", cores), ("simulator", farm_cores))
    return Row(f"ingest, {cameras} cameras {size}", measured, target, limit)


def recording(cameras: int, size: str, target: str) -> Row:
    """Cameras taken in and recorded, hashed and checksummed; beside it the same cameras alone."""
    cores: dict[bool, float] = {}
    told = ""
    for records in (False, True):
        flags = () if records else ("--no-record",)
        with (
            simulator(cameras, size=size) as (farm, farm_pid),
            product(farm, cameras, flags=flags) as running,
        ):
            running.wait_metric("vms_camera_status", cameras)
            time.sleep(3)
            written = running.metric("vms_volume_written_bytes_total")
            before, farm_before = Usage.of(running.media_pid), Usage.of(farm_pid)
            time.sleep(SECONDS)
            after, farm_after = Usage.of(running.media_pid), Usage.of(farm_pid)
            cores[records] = after.cores_since(before)
            if records:
                rate = (running.metric("vms_volume_written_bytes_total") - written) / SECONDS
                told = (
                    f"{rate / 1e6:.1f} MB/s to disk; "
                    f"last commit {running.metric('vms_volume_commit_ms'):.0f} ms; "
                    f"{running.metric('vms_volume_dropped_groups_total'):.0f} groups dropped; "
                    f"{after.rss_bytes / MEBI:.0f} MB"
                )
    measured = f"{cores[True]:.3f} core, without recording {cores[False]:.3f}; {told}"
    farm_cores = farm_after.cores_since(farm_before)
    limit = what_limits(("media", cores[True]), ("simulator", farm_cores))
    return Row(f"ingest + record, {cameras} cameras {size}", measured, target, limit)


def webrtc(viewers: int, size: str, target: str, watch: int | None = None) -> Row:
    """WebRTC viewers of one camera; the load client decrypts for those it watches."""
    with simulator(1, size=size) as (farm, farm_pid), product(farm, 1) as running:
        running.wait_live(1)
        # What the process takes in its first seconds is no viewer's.
        time.sleep(3)
        farm_before = Usage.of(farm_pid)
        whep = f"{running.addresses['webrtc']}/cam1/whep"
        pid = str(running.media_pid)
        command = ["webrtc", "--whep", whep, "--viewers", str(viewers), "--pid", pid]
        report = load(*command, "--watch", str(watch or viewers))
        farm_cores = Usage.of(farm_pid).cores_since(farm_before)
    rate = report["viewer_mbit"]["median"]
    return viewers_row(
        f"WebRTC out, {viewers} viewers x {rate:.1f} Mbit/s", report, farm_cores, target
    )


def rtsp(readers: int, target: str) -> Row:
    """RTSP readers of one camera over TCP."""
    with simulator(1) as (farm, farm_pid), product(farm, 1) as running:
        running.wait_live(1)
        # What the process takes in its first seconds is no viewer's.
        time.sleep(3)
        farm_before = Usage.of(farm_pid)
        url, pid = f"{running.addresses['rtsp']}/cam1", str(running.media_pid)
        report = load("rtsp", "--url", url, "--readers", str(readers), "--pid", pid)
        farm_cores = Usage.of(farm_pid).cores_since(farm_before)
    rate = report["viewer_mbit"]["median"]
    return viewers_row(
        f"RTSP/TCP out, {readers} readers x {rate:.1f} Mbit/s", report, farm_cores, target
    )


def viewers_row(work: str, report: dict[str, Any], farm_cores: float, target: str) -> Row:
    """The line of a run of the load client."""
    process = report["process"]
    joins = process["join_cpu_seconds"] / max(report["viewers"], 1) * 1000
    measured = (
        f"{process['cpu_ms_per_mbit']:.3f} ms of CPU a Mbit ({process['cores']:.2f} core, "
        f"{report['received_mbit']:.0f} Mbit/s); "
        f"{process['rss_bytes_per_viewer'] / MEBI:.2f} MB a viewer; "
        f"{joins:.2f} ms of CPU a join; {report['starved']} starved; "
        f"latency P50 {report['latency_ms']['p50']:.1f}, P95 {report['latency_ms']['p95']:.1f} ms; "
        f"first key frame P50 {report['first_key_ms']['p50']:.0f}, "
        f"P95 {report['first_key_ms']['p95']:.0f} ms"
    )
    own = report["own_cpu_seconds"] / report["seconds"]
    measured += f"; load client {own:.2f} core"
    limit = what_limits(
        ("media", process["cores"]),
        ("load client", own),
        ("simulator", farm_cores),
        machine=report["machine_cores"],
    )
    return Row(work, measured, target, limit)


def reconnects(total: int) -> Row:
    """Cameras that hang up again and again."""
    cameras = 50
    fault = '0={"kind":"close","after_s":0.1}'
    extra = "[source]\nbackoff_min_ms = 10\nbackoff_max_ms = 20\n"
    with (
        simulator(cameras, faults=(fault,)) as (farm, _),
        product(farm, cameras, extra=extra) as running,
    ):
        # The first ones fill the journal, which holds 16,384 events, three each.
        _wait_reconnects(running, 6_000)
        first, before = running.reconnects(), Usage.of(running.media_pid)
        _wait_reconnects(running, first + total)
        after = Usage.of(running.media_pid)
    each = (after.cpu_s - before.cpu_s) / total * 1000
    measured = (
        f"memory {before.rss_bytes / MEBI:.1f} -> {after.rss_bytes / MEBI:.1f} MB, "
        f"handles {before.handles} -> {after.handles}; {each:.2f} ms of CPU each"
    )
    return Row(f"{total} reconnects", measured, "memory and handles flat", "nothing")


def joining(group_seconds: int, loss: int) -> Row:
    """A browser that joins while others join all the time."""
    work = f"joining, groups of {group_seconds} s, {loss} % loss"
    before = Busy.now()
    measured = live_feel.joining(load_client(), group_seconds, loss)
    return Row(work, measured, "no freeze; live delay after 1 s", Busy.now().limit_since(before))


def wall(tiles: int) -> Row:
    """A wall from opening its page to its pictures."""
    work = f"wall of {tiles} tiles in Chromium"
    before = Busy.now()
    measured = live_feel.wall(tiles, 6)
    return Row(work, measured, "<= 1000 ms", Busy.now().limit_since(before))


def wall_by_socket(tiles: int) -> Row:
    """A large wall on one media socket, and what it costs on both sides."""
    work = f"wall of {tiles} tiles in Chromium, one media socket"
    before = Busy.now()
    measured = live_feel.wall_load(tiles, 3, "socket")
    return Row(work, measured, "all pictures", Busy.now().limit_since(before))


def _wait_reconnects(running: Product, count: int) -> None:
    while running.reconnects() < count:
        time.sleep(0.2)


def permission() -> Row:
    """What knowing the caller costs a request."""
    before = Busy.now()
    costs = permission_check.measure()
    measured = "; ".join(f"{one.what} {one.median_us:.1f} us" for one in costs)
    target = "a permission < 20 us of CPU"
    return Row("who asks, and may he", measured, target, Busy.now().limit_since(before))


def audit(store: str) -> Row:
    """What a line of the audit costs."""
    before = Busy.now()
    cost = audit_seal.measure(store)
    limit = Busy.now().limit_since(before)
    return Row(f"audit, {store}", str(cost), "a second's lines sealed in a second", limit)


def list_cameras(store: str) -> Row:
    """What a list of 50 cameras costs an API worker."""
    before = Busy.now()
    cost = api.list_cameras(store)
    measured = f"{cost.cpu_ms:.2f} ms of CPU a request ({cost.body_bytes / 1000:.0f} kB)"
    limit = Busy.now().limit_since(before)
    return Row(f"API, list 50 cameras, {store}", measured, "<= 0.8 ms", limit)


def listeners() -> Row:
    """How late events come to a thousand listeners."""
    before = Busy.now()
    seen, cores = api.listeners(SECONDS)
    rate = seen["events"] / api.LISTENERS / seen["seconds"]
    measured = (
        f"{rate:.0f} events/s each, P50 {seen['p50_ms']:.0f}, P95 {seen['p95_ms']:.0f} ms after "
        f"the change; worker {cores:.2f} core; listeners {seen['own_cores']:.2f} core"
    )
    limit = Busy.now().limit_since(before)
    return Row(
        f"WebSocket, {api.LISTENERS} listeners", measured, "100 events/s, P95 < 200 ms", limit
    )


def mixed(wanted: float) -> Row:
    """How many requests a second all of the API answers, and how soon below that."""
    with api_mixed.asked() as product_asked:
        before = Busy.now()
        full = product_asked.at(0, SECONDS)
        limit = what_limits(
            ("workers", full.workers / api_mixed.WORKERS),
            ("front", full.media),
            ("load client", full.said["own_cores"]),
            machine=Busy.now().cores_since(before),
        )
        part = product_asked.at(api_mixed.PART_OF_FULL * full.rate, SECONDS)
        measured = (
            f"{full.rate:.0f} a second at most: {full.told()}; at {part.rate:.0f}: {part.told()}"
        )
        if full.rate >= wanted:
            measured += f"; at {wanted:.0f}: {product_asked.at(wanted, SECONDS).told()}"
    work = f"API, mixed requests over the front, {api_mixed.WORKERS} workers"
    return Row(work, measured, f"P95 < 100 ms at {wanted:.0f} a second", f"at most: {limit}")


def archive(work: str, measure: Callable[[], str], target: str) -> Row:
    """What reading recordings costs."""
    before = Busy.now()
    measured = measure()
    return Row(work, measured, target, Busy.now().limit_since(before))


def exported(container: str) -> Row:
    """An export beside a copy."""
    work = f"export to {container.upper()}"
    target = ">= 0.8 of a copy; > 2x real time"
    return archive(work, lambda: reading.export(load_client(), container), target)


def timeline(store: str) -> Row:
    """Timelines of 30 days."""
    work, target = f"timelines of 30 days, {store}", "1 camera < 50, 100 cameras < 300 ms"
    return archive(work, lambda: timelines.measured(store), target)


def late(way: str, target: str) -> Row:
    """How old a picture is, from the camera's clock to the decoder."""
    before = Busy.now()
    measured = latency.measured(way, SECONDS)
    work = f"camera to picture by {way}, {latency.SIZE}, {latency.JOINS} joins"
    return Row(work, measured, target, Busy.now().limit_since(before))


def full_of(spent: Spent, before: Busy, *more: tuple[str, float]) -> str:
    """Say what was full while viewers watched."""
    processes = (("media", spent.media_cores), *more, ("simulator", spent.farm_cores))
    return what_limits(*processes, machine=Busy.now().cores_since(before))


def by_srt() -> Row:
    """Readers of one camera by SRT."""
    before = Busy.now()
    cost = srt.measured(SECONDS)
    limit = full_of(cost, before)
    rate = cost.megabits / cost.seconds / cost.viewers
    work = f"SRT out, {cost.viewers} readers x {rate:.1f} Mbit/s"
    return Row(work, cost.told(), "<= 0.34 ms plain", limit)


def srt_pair() -> Row:
    """One sender and one receiver by SRT, ours and libsrt's."""
    before = Busy.now()
    measured = srt.beside_libsrt(SECONDS)
    limit = Busy.now().limit_since(before)
    target = "<= 0.34 ms plain, <= 0.44 ms AES-128; P95 <= 40 ms"
    return Row(f"SRT, a pair, {srt.PAIR_MBIT} Mbit/s", measured, target, limit)


def by_http(view: hls.View, work: str, viewers: int, target: str) -> Row:
    """Players of HLS with low latency, or pages with a media socket."""
    before = Busy.now()
    cost = hls.measured(view, viewers, SECONDS)
    return Row(work, cost.told(), target, full_of(cost, before, ("players", cost.own_cores)))


def pages(count: int, target: str) -> Row:
    """Pages that show sixteen cameras each by the media socket."""
    work = f"media socket, {count} pages x {hls.TILES} tiles"
    return by_http(hls.page, work, count, target)


def players(count: int, target: str) -> Row:
    """Players of HLS with low latency."""
    return by_http(hls.player, f"LL-HLS out, {count} players", count, target)


ROWS: dict[str, Callable[[], Row]] = {
    "api-list-sqlite": lambda: list_cameras("sqlite"),
    "api-list-postgresql": lambda: list_cameras("postgresql"),
    "api-listeners": listeners,
    "api-mixed": lambda: mixed(1000),
    "permission": permission,
    "audit-sqlite": lambda: audit("sqlite"),
    "audit-postgresql": lambda: audit("postgresql"),
    "ingest": lambda: ingest(100, "1080p", "<= 0.06 core; <= 0.6 MB a camera"),
    "ingest-4k": lambda: ingest(50, "4k", "taken in without loss"),
    "record": lambda: recording(50, "1080p", "<= 0.075 core"),
    "seek-month": lambda: archive(
        "seek in 30 days", lambda: reading.month(load_client()), "< 500 ms at any instant"
    ),
    "seek-cameras": lambda: archive(
        "seek by cameras shown", lambda: reading.cameras_shown(load_client()), "< 500 ms"
    ),
    "scrub": lambda: archive(
        "picture of an instant", lambda: reading.scrub(load_client()), "P95 <= 100 ms"
    ),
    "export-mp4": lambda: exported("mp4"),
    "export-mkv": lambda: exported("mkv"),
    "start-200": lambda: archive(
        "start on recordings of 200 cameras", lambda: reading.start(200), "< 3 s"
    ),
    "timelines-sqlite": lambda: timeline("sqlite"),
    "timelines-postgresql": lambda: timeline("postgresql"),
    "webrtc-200": lambda: webrtc(200, "1080p", "<= 0.30 ms; <= 0.45 MB; first key P95 <= 100 ms"),
    "webrtc-100": lambda: webrtc(100, "1080p", "latency P95 <= 4 ms"),
    "webrtc-100-watch-10": lambda: webrtc(100, "1080p", "latency P95 <= 4 ms", watch=10),
    "webrtc-500": lambda: webrtc(500, "720p", "latency P95 <= 10 ms", watch=50),
    "webrtc-1000": lambda: webrtc(1000, "720p", "<= 0.55 core; <= 2.5 ms a join", watch=50),
    "rtsp-100": lambda: rtsp(100, "<= 0.08 ms; latency P95 <= 4 ms"),
    "rtsp-400": lambda: rtsp(400, "<= 0.08 ms"),
    "rtsp-800": lambda: rtsp(800, "<= 0.08 ms"),
    "rtsp-1600": lambda: rtsp(1600, "<= 0.08 ms; none starved"),
    "srt-readers": by_srt,
    "srt-pair": srt_pair,
    "hls-100": lambda: players(100, "<= 0.10 ms"),
    "hls-500": lambda: players(500, "they all play"),
    "socket-6": lambda: pages(6, "none"),
    "socket-31": lambda: pages(31, "none"),
    "latency-webrtc": lambda: late("webrtc", "P95 < 200 ms; first picture < 3 s"),
    "latency-socket": lambda: late("socket", "first picture < 3 s"),
    "latency-hls": lambda: late("hls", "1 to 2 s; first picture < 3 s"),
    "latency-rtsp": lambda: late("rtsp", "first picture < 3 s"),
    "latency-srt": lambda: late("srt", "P95 < 100 ms; first picture < 3 s"),
    "reconnects": lambda: reconnects(10_000),
    "wall": lambda: wall(16),
    "wall64": lambda: wall_by_socket(64),
} | {
    f"live-feel-{group}s-{loss}": partial(joining, group, loss)
    for group in (1, 2, 4, 10)
    for loss in (0, 1)
}


def machine() -> str:
    """What the figures were measured on."""
    model = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 30
    return f"{model}, {os.cpu_count()} cores, {memory} GiB, Linux {platform.release()}"


def commit() -> str:
    """The state of the tree."""
    git = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"]
    return subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()


def main() -> int:
    """Measures the rows named, or all."""
    asked = sys.argv[1:] or list(ROWS)
    named = {
        word: [row for row in ROWS if row == word or row.startswith(f"{word}-")] for word in asked
    }
    names = [row for rows in named.values() for row in rows]
    unknown = [word for word, rows in named.items() if not rows]
    if unknown:
        print(f"no such row: {', '.join(unknown)}; there are {', '.join(ROWS)}", file=sys.stderr)
        return 2
    print(f"Machine: {machine()}\nCommit: {commit()}\nEach row measured for {SECONDS:.0f} s\n")
    print("| work | measured | target | what saturated |\n|---|---|---|---|", flush=True)
    failed = 0
    for name in names:
        try:
            row = ROWS[name]()
            limit = f"{row.limit}; load average {os.getloadavg()[0]:.1f}"
            print(f"| {row.work} | {row.measured} | {row.target} | {limit} |", flush=True)
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            failed += 1
            print(f"| {name} | not measured: {error} | | |", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
