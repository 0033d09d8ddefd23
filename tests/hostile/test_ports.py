"""Noise, half requests and floods on every port: nothing grows, and who watches loses nothing.

HOSTILE_SECONDS=6       how long each product is attacked with everything
FLOOD_SECONDS=3         how long connections come, 10,000 a minute
HOSTILE_SEED=1          what is said; a run that failed is repeated with its seed
"""

import asyncio
import contextlib
import json
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import attackers
from census import Census, Held, census, grown, listening
from machines import CLOCK, Machines
from product import START_LIMIT_S, Farm, Product, free_port, running, steered, wait_for
from undisturbed import LEAD_S, watching
from vms.engine import EngineClient
from vms.trust import IdentityFile, NodeRole
from watchers import Watcher, by_ffmpeg, by_rtsp, watched

SECONDS = float(os.environ.get("HOSTILE_SECONDS", "6"))
FLOOD_SECONDS = float(os.environ.get("FLOOD_SECONDS", "3"))
SEED = os.environ.get("HOSTILE_SEED", "1")
A_MINUTE = 10_000
# No second of a watched camera may be missing.
LONGEST_PAUSE_S = 1.0
# More than a shell lets a process open files, and than any port gives to one address.
SILENT = 1100
OTHER_HOST = "127.0.0.2"
# Who comes meanwhile waits for none of the silent ones, which last 10 s and longer.
ANSWER_LIMIT_S = 3.0
# For connections that were broken off to be let go, and for threads of a pool to end.
SETTLE_S = 15.0


@pytest.fixture(scope="module", params=["plain", "tls"])
def product(
    request: pytest.FixtureRequest, cameras: Farm, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Product]:
    """Run a product with a camera, whose ports of HTTP are plain or speak TLS."""
    folder = tmp_path_factory.mktemp(request.param)
    flags = ["up", "--open", "--camera", cameras.camera("gate", 1, sub=True)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VMS_TLS__MODE", "on" if request.param == "tls" else "off")
        # As a shell and a service manager start it: with a limit of 1024 files, which it may raise.
        few = ["prlimit", "--nofile=1024:"]
        with running(flags, folder / "data", folder / "log", within=few) as made:
            made.wait_live("gate/main", "gate/sub")
            yield made


def ports(product: Product) -> list[tuple[str, int]]:
    """Return every port, those that ``run.json`` does not tell too."""
    found = listening(product.run["pids"]["media"])
    for address in product.run["addresses"].values():
        protocol = "udp" if address.startswith("srt") else "tcp"
        assert (protocol, int(address.rpartition(":")[2])) in found, (address, found)
    return sorted(found)


@pytest.fixture(scope="module")
def watchers(product: Product) -> Iterator[list[Watcher]]:
    """Watch the camera by RTSP and by SRT all the time."""
    to = product.run["addresses"]
    ways = {
        "RTSP": by_rtsp(f"{to['rtsp']}/gate"),
        "SRT": by_ffmpeg(f"{to['srt']}?streamid=read:gate"),
    }
    with contextlib.ExitStack() as stack:
        made = [stack.enter_context(watched(name, play)) for name, play in ways.items()]
        wait_for(lambda: all(len(one.seen) > 25 for one in made), 20)
        yield made


@contextlib.contextmanager
def unharmed(product: Product, watchers: list[Watcher]) -> Iterator[None]:
    """Whatever the block does, nobody loses a second, nothing ends and all still answers."""
    begun, pids = time.monotonic(), product.run["pids"]
    yield
    # While this machine itself stood still nobody could be served.
    longest_s = LONGEST_PAUSE_S + watching().longest_s(begun - LEAD_S)
    assert [lost for one in watchers for lost in one.lost(longest_s, begun)] == []
    assert product.run["pids"] == pids, "a process ended"
    assert product.get("/health/ready") == {"status": "ok"}


def attack(
    at: list[tuple[str, int]], seed: str, seconds: float, a_minute: float = 0
) -> dict[str, Any]:
    """Attack these ports; returns what was done."""
    orders = {"ports": at, "seed": seed, "seconds": seconds, "a_minute": a_minute}
    command = [sys.executable, str(Path(attackers.__file__)), json.dumps(orders)]
    limit_s = seconds + attackers.LONGEST_S + 20
    done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, check=False)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def settled(before: Census, now: Callable[[], Census]) -> list[str]:
    """Return who still holds more than before when connections have had time to end."""
    until = time.monotonic() + SETTLE_S
    while (more := grown(before, now())) and time.monotonic() < until:
        time.sleep(0.2)
    return more


@contextlib.contextmanager
def silent(at: str, connections: int) -> Iterator[list[socket.socket]]:
    """Hold connections on which nothing is said, of the address of this machine."""
    host, _, port = at.rpartition("://")[2].rpartition(":")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        with contextlib.ExitStack() as stack:
            yield [
                stack.enter_context(socket.create_connection((host, int(port)), timeout=10))
                for _ in range(connections)
            ]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


QUESTIONS = {
    "rtsp": (b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", b"RTSP"),
    # The version of the handshake (Adobe's RTMP specification, 5.2.2).
    "rtmp": (b"\3" + bytes(1536), b"\3"),
    # A port that speaks TLS leads there.
    "api": (b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n", b"HTTP"),
}


def answers(product: Product, name: str, source: str) -> bool:
    """Return whether a port answers who calls from this address as it should."""
    host, _, port = product.run["addresses"][name].rpartition("://")[2].rpartition(":")
    said, expected = QUESTIONS[name]
    own, limit_s = (source, 0), ANSWER_LIMIT_S
    with socket.create_connection((host, int(port)), timeout=limit_s, source_address=own) as asked:
        try:
            asked.sendall(said)
            return asked.recv(len(expected)) == expected
        except ConnectionError:
            return False


@pytest.mark.parametrize("flooded", list(QUESTIONS))
def test_silent_connections_of_one_address_keep_no_other_out_of_any_port(
    product: Product, watchers: list[Watcher], flooded: str
) -> None:
    with unharmed(product, watchers):
        with silent(product.run["addresses"][flooded], SILENT) as held:
            assert held[-1].recv(1) == b"", "one address has no end of places"
            assert [name for name in QUESTIONS if not answers(product, name, OTHER_HOST)] == []
        # Its places are free again.
        wait_for(lambda: answers(product, flooded, attackers.HOST), ANSWER_LIMIT_S)


def test_whatever_is_said_to_any_port_nothing_grows_and_nothing_stops(
    product: Product, watchers: list[Watcher]
) -> None:
    with unharmed(product, watchers):
        # The first ones fill pools, caches and the allocator.
        attack(ports(product), f"{SEED}/warm", SECONDS / 3)
        before = census(product)
        said = attack(ports(product), SEED, SECONDS * 2 / 3)
        assert settled(before, lambda: census(product)) == [], (SEED, said)
        assert not [kind for kind in said["done"] if "refused" in kind], said


def test_ten_thousand_connections_a_minute_keep_nobody_out(
    product: Product, watchers: list[Watcher]
) -> None:
    with unharmed(product, watchers):
        attack(ports(product), f"{SEED}/warm", FLOOD_SECONDS / 3, A_MINUTE)
        before = census(product)
        said = attack(ports(product), SEED, FLOOD_SECONDS, A_MINUTE)
        assert settled(before, lambda: census(product)) == [], said
        assert not [kind for kind in said["done"] if "refused" in kind], said
        assert said["p95_s"] < attackers.LONGEST_S, said


def harmless(port: int, now: Callable[[], Census]) -> None:
    """Attack a port where machines call; nothing grows, and a stranger has few places."""
    at = [("tcp", port)]
    attack(at, f"{SEED}/warm", SECONDS / 3)
    before = now()
    said = attack(at, SEED, SECONDS * 2 / 3)
    assert settled(before, now) == [], said
    said = attack(at, SEED, FLOOD_SECONDS, A_MINUTE)
    assert settled(before, now) == [], said
    with silent(f"tcp://{attackers.HOST}:{port}", SILENT) as held:
        assert held[-1].recv(1) == b"", "one address has no end of places"


async def test_whatever_is_said_where_a_node_is_steered_its_machines_lose_nothing(
    tmp_path: Path,
) -> None:
    machines, port, data = Machines(), free_port(), tmp_path / "data"
    IdentityFile(data).save(machines.make("media-2", NodeRole.MEDIA))
    control = machines.make("control", NodeRole.CONTROL)
    with steered(data, port, tmp_path / "log") as process:

        def held() -> Census:
            assert process.poll() is None, f"the process ended: {process.returncode}"
            return {"media": Held.by(process.pid)}

        wait_for(lambda: ("tcp", port) in listening(process.pid), START_LIMIT_S)
        address = f"{attackers.HOST}:{port}"
        async with EngineClient.far(address, "media-2", control, CLOCK) as client:
            await client.describe()
            await asyncio.to_thread(harmless, port, held)
            await client.describe()


def test_whatever_is_said_where_nodes_renew_the_control_machine_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("VMS_NODES__LISTEN", f"{attackers.HOST}:{port}")
    with running(["up"], tmp_path / "data", tmp_path / "log") as product, unharmed(product, []):
        harmless(port, lambda: census(product))
