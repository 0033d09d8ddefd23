"""What a real player makes of joining, and of a wall: Chromium's own statistics.

LIVE_FEEL_JOINS=4       joins a row
LIVE_FEEL_SECONDS=10    how long each is watched
LIVE_FEEL_LOAD=50       joins a second beside it, 0 for none
LIVE_FEEL_KEEP=FILE     every join's figures are added to it, a line of JSON a row
"""

import contextlib
import json
import os
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path

from product import ROOT, Product, product, simulator

JOINS = int(os.environ.get("LIVE_FEEL_JOINS", "4"))
SECONDS = int(os.environ.get("LIVE_FEEL_SECONDS", "10"))
# Viewers who come and go meanwhile, each for a second.
JOINS_PER_SECOND = float(os.environ.get("LIVE_FEEL_LOAD", "50"))
SCRIPTS = {
    "join": ROOT / "benchmarks" / "live_feel.mjs",
    "latency": ROOT / "benchmarks" / "latency.mjs",
    "wall": ROOT / "tests" / "browser" / "measure_wall.mjs",
}


def node(script: str, *args: str, limit_s: float) -> str:
    """Run one of the scripts in Node; returns the last line that it prints."""
    command = ["node", str(SCRIPTS[script]), *args]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=limit_s)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout.strip().splitlines()[-1]


@contextlib.contextmanager
def _beside(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def _joins(client: Path, running: Product) -> Iterator[None]:
    """Viewers who join, stay for a second and leave, all the time."""
    if JOINS_PER_SECOND == 0:
        yield
        return
    whep = f"{running.addresses['webrtc']}/cam1/whep"
    rate = f"{JOINS_PER_SECOND:g}"
    command = [str(client), "webrtc", "--whep", whep, "--viewers", rate, "--stay", "1"]
    command += ["--joins-per-second", rate, "--watch", "0", "--seconds", "3600"]
    with _beside(command) as process:
        yield
        if process.poll() is not None:
            raise RuntimeError(f"the viewers beside ended with {process.returncode}")


def joining(client: Path, group_seconds: int, loss: float) -> str:
    """Joins a camera with groups of so many seconds, over a path that loses packets."""
    with (
        simulator(1, args=("--key-interval", str(group_seconds))) as (farm, _),
        product(farm, 1) as running,
    ):
        running.wait_live(1)
        with _joins(client, running):
            args = [running.addresses["api"], "cam1", str(JOINS), str(SECONDS)]
            # Without loss no relay either: its own queues would be measured too.
            relay = [str(client), "relay", "--loss", f"{loss:g}"] if loss else []
            limit_s = JOINS * (SECONDS + 25) + 30
            found = json.loads(node("join", *args, *relay, limit_s=limit_s))
    if keep := os.environ.get("LIVE_FEEL_KEEP"):
        with Path(keep).open("a") as file:
            file.write(json.dumps([group_seconds, loss, found]) + "\n")
    return _told(found)


def _told(found: list[dict[str, float]]) -> str:
    def span(name: str) -> str:
        # A value that never came (no picture, never level) is null in JSON.
        values = [join[name] for join in found if join[name] is not None]
        if len(values) < len(found):
            return f"missing in {len(found) - len(values)} of {len(found)}"
        return f"{min(values):.0f}/{statistics.median(values):.0f}/{max(values):.0f}"

    def total(name: str) -> str:
        return f"{sum(join[name] for join in found):.0f}"

    return (
        f"first picture {span('first')} ms; level with live {span('level')} ms; "
        f"a frame in the jitter buffer {span('buffer_first_second')} ms in the first second, "
        f"{span('buffer_settled')} ms after; {total('freezes')} freezes "
        f"({total('frozen_ms')} ms), longest gap {span('longest_gap')} ms; "
        f"of {total('decoded')} frames {total('dropped')} dropped, "
        f"{total('dropped_settled')} of them after the first second; "
        f"{total('nacks')} NACKs, {total('plis')} PLIs; "
        f"{total('lost')} of {total('packets')} packets lost on the way, {total('resent')} resent"
    )


def wall(tiles: int, openings: int) -> str:
    """Opens the wall again and again, until every tile has its picture."""
    with simulator(tiles) as (farm, _), product(farm, tiles, ("main", "sub")) as running:
        running.wait_live(2 * tiles)
        args = (running.addresses["api"], str(tiles), str(openings))
        found = json.loads(node("wall", *args, limit_s=openings * 40))
    return f"all pictures after {_of_openings(found['all_pictures_ms'])}"


def wall_load(tiles: int, openings: int, way: str) -> str:
    """Opens a wall by one way, and watches what its page and the engine take while it plays."""
    with simulator(tiles) as (farm, _), product(farm, tiles, ("main", "sub")) as running:
        running.wait_live(2 * tiles)
        args = (running.addresses["api"], str(tiles), str(openings), way, str(running.media_pid))
        # Pictures that come late, and the time for which the processor is looked at.
        found = json.loads(node("wall", *args, limit_s=openings * 120))
    loads: list[dict[str, float]] = found["loads"]
    page, engine, seen = (
        statistics.median(one[name] for one in loads)
        for name in ("page_cores", "engine_cores", "pictures_per_second")
    )
    return (
        f"first picture after {_of_openings(found['first_picture_ms'])}, "
        f"last after {_of_openings(found['all_pictures_ms'])}; while they play the browser takes "
        f"{page:.2f} core, the engine {engine:.2f} core, ingest included; {seen:.0f} pictures a "
        f"second of {tiles} cameras are decoded"
    )


def _of_openings(times: list[int]) -> str:
    return (
        f"{min(times)}/{statistics.median(times):.0f}/{max(times)} ms "
        f"(fastest, middle and slowest of {len(times)} openings)"
    )
