"""The product under faults of its cameras and viewers that come and go, for minutes or a night.

    HOURS=12 make soak          or SOAK_SECONDS=90
    SOAK_SEED=1                 which faults come when

One camera is healthy: whoever watches it loses nothing and its recording has no gap. Others hang
up, stall and send bad packets, and are live again soon after. A publisher comes and goes, and so
do viewers by every protocol. Prints a line a minute, at the end a verdict; 1 if anything is wrong.
"""

import asyncio
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from callers import Client, watching
from census import MEBI, Census, census, grown, told
from encoders import encoder
from managed import token
from product import MAIN, SUB, Farm, Product, farm, running
from residents import setup_by_link
from vms.engine import EngineClient
from vms.engine.journal import CAPACITY
from vms.transcode import ensure_scene
from watchers import Play, by_ffmpeg, by_rtsp, by_socket, watched

SEED = os.environ.get("SOAK_SEED", "1")
HEALTHY, DOOR = "steady", "door"
# Cameras that have faults, by their number in the farm.
ILL = {f"ill{number}": number for number in (2, 3, 4)}
FAULTS = (
    *("close:1", "stall", "drop:5", "reorder:10", "delay:400", "clock_jump:30", "not_rtsp"),
    *("wrong_password", "lying_marker", "big_packets", "endless_frame", "foreign_packets"),
    *("bad_sdp:garbage", "no_parameter_sets:at_all", "audio_only"),
)
# Once it is healthy again a camera is live after the longest pause between calls, and a key frame.
BACKOFF_MS = 5_000
LIVE_LIMIT_S = 30.0
FIRST_PICTURE_S = 20.0
# Of a stream that nothing is wrong with. The machine may be full of other work.
LONGEST_PAUSE_S = 2.0
# Players of HLS get a segment at a time.
BURSTS_S = 8.0
# What is kept of recordings grows with them; the rest is to be flat.
MEMORY = 32 * MEBI
SETTLE_S = 20.0
# A timeline is told what was recorded every ten seconds.
TOLD_AFTER_US = 15_000_000
LINE_S = 60.0
# Of the time, but not more than a quarter of an hour.
WARM, WARM_MOST_S = 0.3, 900.0
# Of the product's own log, letters that are shown where something is wrong.
SAID = 20_000


@dataclass
class Soak:
    """A product that is not left alone."""

    product: Product
    client: Client
    cameras: Farm
    seconds: float
    # Stream keys, of a player and of an encoder.
    keys: dict[str, dict[str, Any]]
    found: list[str] = field(default_factory=list)
    count: Counter[str] = field(default_factory=Counter)
    stop: threading.Event = field(default_factory=threading.Event)

    def wrong(self, faults: Iterable[str]) -> None:
        """Note what is wrong."""
        for fault in faults:
            say(f"WRONG: {fault}")
            self.found.append(fault)

    def state(self, stream: str) -> str | None:
        """Return the state of a stream."""
        return str(self.client.stream(stream)["state"])

    def until(self, what: str, wanted: Callable[[], bool], limit_s: float) -> bool:
        """Wait until it is so; what is not so in time is wrong."""
        end = time.monotonic() + limit_s
        while not wanted():
            if time.monotonic() > end:
                self.wrong([f"not within {limit_s:.0f} s: {what}"])
                return False
            time.sleep(0.25)
        return True


def say(line: str) -> None:
    """Print a line with its time."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {line}\n")
    sys.stdout.flush()


def short(soak: Soak, rng: random.Random) -> float:
    """Return for how long something goes on: seconds, and longer in a long run."""
    return rng.uniform(3, 8 if soak.seconds < 600 else 60)


def plays(soak: Soak) -> dict[str, Callable[[], Play]]:
    """Return the ways to watch the healthy camera; each asks for its own right."""
    to = soak.product.run["addresses"]
    key, secret = soak.keys["player"]["key"]["id"], soak.keys["player"]["secret"]
    rtsp = to["rtsp"].removeprefix("rtsp://")

    def socket() -> Play:
        signed = soak.client.address(f"{HEALTHY}/main", kind="socket")
        wish: dict[str, object] = {"camera": HEALTHY, "stream": "main", "address": signed}
        return by_socket(f"{to['api'].replace('http', 'ws', 1)}/media", wish)

    def hls() -> Play:
        signed = soak.client.address(f"{HEALTHY}/main", kind="hls")
        return by_ffmpeg(f"{to['hls']}/t/{signed}/{HEALTHY}/index.m3u8")

    srt = f"{to['srt']}?streamid=read:{HEALTHY}:{key}&passphrase={secret}"
    return {
        "RTSP": lambda: by_rtsp(f"rtsp://{key}:{secret}@{rtsp}/{HEALTHY}"),
        "SRT": lambda: by_ffmpeg(srt),
        "HLS": hls,
        "socket": socket,
    }


def viewers(soak: Soak, name: str, play: Callable[[], Play], rng: random.Random) -> None:
    """Watch, leave, and come again."""
    bursts_s = BURSTS_S if name == "HLS" else 0.0
    while not soak.stop.is_set():
        with watched(name, play()) as watcher:
            seen = soak.until(f"a picture by {name}", lambda: bool(watcher.seen), FIRST_PICTURE_S)
            soak.stop.wait(short(soak, rng))
            if seen:
                soak.wrong(watcher.lost(LONGEST_PAUSE_S, bursts_s=bursts_s))
        soak.count[name] += 1
        soak.stop.wait(rng.random() * 2)


def browsers(soak: Soak, rng: random.Random) -> None:
    """Watch by WebRTC, leave, and come again."""

    async def watch() -> None:
        signed = await asyncio.to_thread(soak.client.address, f"{HEALTHY}/sub")
        async with watching(soak.product.api, f"{HEALTHY}/sub", signed) as viewer:
            until = time.monotonic() + short(soak, rng)
            while time.monotonic() < until and not soak.stop.is_set():
                await asyncio.sleep(0.2)
                silent = time.monotonic() - viewer.last
                if silent > LONGEST_PAUSE_S:
                    soak.wrong([f"WebRTC: nothing for {silent:.2f} s"])
                    return

    while not soak.stop.is_set():
        try:
            asyncio.run(watch())
        except (TimeoutError, AssertionError, httpx.HTTPError) as error:
            soak.wrong([f"WebRTC: {error!r}"])
        soak.count["WebRTC"] += 1
        soak.stop.wait(rng.random() * 2)


def illnesses(soak: Soak, camera: str, rng: random.Random) -> None:
    """Put one fault after the other on a camera; it is live again when it is healthy."""
    stream = f"{camera}/main"
    while not soak.stop.is_set():
        fault = rng.choice(FAULTS)
        soak.cameras.fault(ILL[camera], fault)
        soak.stop.wait(short(soak, rng))
        soak.cameras.fault(ILL[camera], "none")
        soak.until(
            f"{stream} live after {fault}", lambda: steadily_live(soak, stream), LIVE_LIMIT_S
        )
        soak.count["faults"] += 1
        soak.stop.wait(short(soak, rng) / 2)


def steadily_live(soak: Soak, stream: str) -> bool:
    """Return whether a stream is live, and still is in a second, with pictures."""
    if soak.state(stream) != "live":
        return False
    time.sleep(1.0)
    told = soak.client.stream(stream)
    return bool(told["state"] == "live" and told["fps"])


def publishers(soak: Soak, rng: random.Random) -> None:
    """Let a camera call, by RTMP and by SRT in turns, and go away."""
    told = soak.keys["encoder"]["publish_to"]
    addresses = {one["protocol"]: one["address"] for one in told}
    stream = f"{DOOR}/main"
    while not soak.stop.is_set():
        for protocol in ("rtmp", "srt"):
            with encoder(protocol, addresses[protocol]):
                came = f"{stream} live by {protocol}"
                soak.until(came, lambda: steadily_live(soak, stream), LIVE_LIMIT_S)
                soak.stop.wait(short(soak, rng))
            waits = f"{stream} waits when {protocol} ended"
            soak.until(waits, lambda: soak.state(stream) == "connecting", LIVE_LIMIT_S)
            soak.count["publishers"] += 1
            if soak.stop.is_set():
                return


def run_for(soak: Soak, seconds: float, phase: str) -> None:
    """Let all come and go for so long, and print a line a minute."""
    soak.stop.clear()
    work: dict[str, Callable[[random.Random], None]] = {
        f"viewers by {name}": lambda rng, name=name, play=play: viewers(soak, name, play, rng)  # type: ignore[misc]
        for name, play in plays(soak).items()
    }
    work["browsers"] = lambda rng: browsers(soak, rng)
    work["publishers"] = lambda rng: publishers(soak, rng)
    for camera in ILL:
        work[camera] = lambda rng, camera=camera: illnesses(soak, camera, rng)  # type: ignore[misc]

    def guarded(name: str, act: Callable[[random.Random], None]) -> None:
        try:
            act(random.Random(f"{SEED}:{phase}:{name}"))  # noqa: S311 - to be repeated
        except Exception as error:  # noqa: BLE001 - whatever it is, it is wrong
            soak.wrong([f"{name}: {error!r}"])

    threads = [threading.Thread(target=guarded, args=pair, name=pair[0]) for pair in work.items()]
    for thread in threads:
        thread.start()
    begun = time.monotonic()
    while (left := seconds - (time.monotonic() - begun)) > 0:
        time.sleep(min(LINE_S, left))
        line(soak, phase)
    soak.stop.set()
    for thread in threads:
        thread.join(LIVE_LIMIT_S * 3)
        if thread.is_alive():
            soak.wrong([f"{thread.name} do not end"])


def line(soak: Soak, phase: str) -> None:
    """Tell how it is."""
    streams = soak.client.streams()
    live = sum(one["state"] == "live" for one in streams.values())
    if streams[f"{HEALTHY}/main"]["state"] != "live":
        soak.wrong([f"the healthy camera is {streams[f'{HEALTHY}/main']}"])
    counted = ", ".join(f"{number} {what}" for what, number in sorted(soak.count.items()))
    say(
        f"{phase}: {live} of {len(streams)} live; {counted}; {told(census(soak.product))}; "
        f"{len(soak.found)} wrong"
    )


def gaps(soak: Soak, begun_us: int) -> list[str]:
    """Return what is wrong with recordings: gaps of no reason, or of a healthy camera."""
    now_us = time.time_ns() // 1000 - TOLD_AFTER_US
    wrong = []
    for camera in (HEALTHY, *ILL):
        asked = f"from_us={begun_us}&to_us={now_us}"
        timeline = soak.client.get(f"/cameras/{camera}/timeline?{asked}")
        told = [(gap["from_us"], gap["to_us"], gap["reason"]["code"]) for gap in timeline["gaps"]]
        reasons = Counter(reason for _, _, reason in told)
        say(f"{camera}: {len(timeline['spans'])} spans, gaps: {dict(reasons)}")
        if camera == HEALTHY and told:
            wrong.append(f"{camera} is healthy and has gaps: {told[:5]}")
        known = [(span["from_us"], span["to_us"]) for span in timeline["spans"]]
        known += [(from_us, to_us) for from_us, to_us, _ in told]
        wrong += [
            f"{camera}: {(to_us - from_us) / 1e6:.1f} s are neither recorded nor a gap"
            for from_us, to_us in uncovered(known, begun_us, now_us)
            if to_us - from_us > LONGEST_PAUSE_S * 1e6
        ]
    return wrong


def uncovered(spans: list[tuple[int, int]], from_us: int, to_us: int) -> Iterator[tuple[int, int]]:
    """Yield the times between two instants that no span covers."""
    at = from_us
    for begin, end in sorted(spans):
        if begin > at:
            yield at, begin
        at = max(at, end)
    if at < to_us:
        yield at, to_us


async def journal_length(product: Product) -> int:
    """Return how many events the media process keeps."""
    async with EngineClient(product.data / "run" / "media.sock") as engine:
        async for batch in engine.events("", 0):
            return len(batch.events)
    return 0


def more_than(soak: Soak, before: Census) -> list[str]:
    """Return who holds more than before, once connections had time to end."""
    until = time.monotonic() + SETTLE_S
    while more := grown(before, census(soak.product), MEMORY):
        if time.monotonic() > until:
            return more
        time.sleep(0.5)
    return []


@contextmanager
def soaked(seconds: float) -> Iterator[Soak]:
    """Run a product that records, with healthy cameras and others."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vms-soak-")))
        os.environ["VMS_SOURCE__BACKOFF_MAX_MS"] = str(BACKOFF_MS)
        scenes = ensure_scene(folder, MAIN), ensure_scene(folder, SUB)
        cameras = stack.enter_context(farm(scenes))
        product = stack.enter_context(running(["up"], folder / "data", folder / "log"))
        client = Client(product.api, token(product.data))
        for name, number in {HEALTHY: 1, **ILL}.items():
            url = f"rtsp://{cameras.address}/cam{number}"
            draft: dict[str, Any] = {"id": name, "city": "local", "name": name, "url": url}
            client.post("/cameras", draft | ({"sub_url": f"{url}/sub"} if name == HEALTHY else {}))
        client.post("/cameras", {"id": DOOR, "city": "local", "name": DOOR, "url": "publish:"})
        # A stream key is of a person; he leaves, it stays.
        person = setup_by_link(product).client
        drafts = (("player", HEALTHY, False), ("encoder", DOOR, True))
        keys = {
            name: person.post(
                "/stream-keys",
                {"name": name, "scope": f"camera:local/{camera}", "publish": publishes},
            )
            for name, camera, publishes in drafts
        }
        soak = Soak(product, client, cameras, seconds, keys)
        for name in (HEALTHY, *ILL):
            soak.until(f"{name} live", lambda: soak.state(f"{name}/main") == "live", LIVE_LIMIT_S)  # noqa: B023
        yield soak


def main() -> int:
    """Run it, and tell the verdict."""
    seconds = float(os.environ.get("SOAK_SECONDS") or float(os.environ.get("HOURS", "1")) * 3600)
    with soaked(seconds) as soak:
        pids = soak.product.run["pids"]
        begun_us = time.time_ns() // 1000
        # Those who come first fill pools, caches and the allocator.
        warm = min(seconds * WARM, WARM_MOST_S)
        run_for(soak, warm, "warm")
        time.sleep(3)
        before = census(soak.product)
        run_for(soak, seconds - warm, "soak")
        soak.wrong(more_than(soak, before))
        if soak.product.run["pids"] != pids:
            soak.wrong([f"processes ended: {pids} -> {soak.product.run['pids']}"])
        soak.wrong(gaps(soak, begun_us))
        kept = asyncio.run(journal_length(soak.product))
        if not 0 < kept <= CAPACITY:
            soak.wrong([f"the journal has {kept} events"])
        say(f"before: {told(before)}")
        say(f"after:  {told(census(soak.product))}; {kept} events in the journal")
        say(f"{'WRONG' if soak.found else 'GOOD'}: {len(soak.found)} faults in {seconds:.0f} s")
        if soak.found:
            say(soak.product.said[-SAID:])
        return 1 if soak.found else 0


if __name__ == "__main__":
    sys.exit(main())
