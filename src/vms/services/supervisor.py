"""``vms up``: starts the media process and the API workers, and keeps them.

The supervisor binds the API's Unix socket itself and hands it to the workers,
so that requests wait through a worker's restart instead of failing. Ports that
were picked are kept: a restarted media process gets the same ones.
"""

import asyncio
import contextlib
import secrets
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from vms.bus import Buckets, MemoryBus, UnixBusServer
from vms.common import Clock, SystemClock, UnavailableError
from vms.database import hold_folder
from vms.proto import (
    ApiLaunch,
    CameraEntry,
    Launch,
    Ready,
    SimulateLaunch,
    SimulatorLaunch,
    SupervisorLaunch,
)
from vms.services import certificate, child, first_start, tls
from vms.services.demo import DemoPerson, invite_everybody, viewer_link
from vms.services.listen import listen_unix
from vms.services.paths import api_socket, bus_socket, make_data_folder, write_atomic
from vms.services.tree import Child, Role, stop_all
from vms.telemetry import get_logger

log = get_logger("vms.services.supervisor")

RUN_FILE = "run.json"
# The port of simulated cameras, kept for the next start.
SIMULATOR_PORT = "simulator-port"
ANSWER_LIMIT_S = 20.0
ASK_EVERY_S = 0.05
# SIGTERM stops everything within 5 s; what is left of them is for the kernel.
STOP_LIMIT_S = 4.0


class Pids(msgspec.Struct, frozen=True):
    """The processes, by role."""

    media: int
    api: list[int]


class RunFile(msgspec.Struct, frozen=True):
    """``run.json``: what runs and where it answers. Scripts read it."""

    pids: Pids
    addresses: dict[str, str]


def keep_ports(launch: Launch, ready: Ready) -> Launch:
    """Return the orders with the ports that were picked instead of 0."""
    port = {name: _port(address) for name, address in ready.addresses.items()}
    replace = msgspec.structs.replace
    return replace(
        launch,
        api=replace(launch.api, port=port["front"]),
        rtsp=replace(launch.rtsp, port=port["rtsp"]),
        webrtc=replace(launch.webrtc, port=port["webrtc"], udp_port=port["webrtc_udp"]),
        rtmp=replace(launch.rtmp, port=port["rtmp"]),
        srt=replace(launch.srt, port=port["srt"]),
        hls=replace(launch.hls, port=port["hls"]),
    )


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


def public_addresses(launch: Launch, ready: Ready) -> dict[str, str]:
    """Return the addresses that people and scripts use."""
    return {
        "api": f"{tls.scheme(launch, launch.api.host)}://{ready.addresses['front']}",
        "rtsp": f"rtsp://{ready.addresses['rtsp']}",
        "webrtc": f"{tls.scheme(launch, launch.webrtc.host)}://{ready.addresses['webrtc']}",
        "rtmp": f"rtmp://{ready.addresses['rtmp']}",
        "srt": f"srt://{ready.addresses['srt']}",
        "hls": f"{tls.scheme(launch, launch.hls.host)}://{ready.addresses['hls']}",
    }


def simulated(farm: SimulatorLaunch, address: str) -> tuple[CameraEntry, ...]:
    """Return the cameras of a farm that listens on ``address``."""
    login = f"{farm.user}:{farm.password or ''}@" if farm.user is not None else ""
    base = f"rtsp://{login}{address}"
    return tuple(
        CameraEntry(
            id=f"cam{n}", name=f"Cam {n}", url=f"{base}/cam{n}", sub_url=f"{base}/cam{n}/sub"
        )
        for n in range(1, farm.cameras + 1)
    )


def port_of_before(data: Path, host: str) -> int:
    """Return the port that simulated cameras had before, where it is free; 0 for any.

    Cameras that are known keep their address: with another port they would be away.
    """
    try:
        port = int((data / SIMULATOR_PORT).read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return 0
    with socket.socket() as probe:
        # As the simulator binds: what waits for the end of old connections is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError):
            log.warning("simulator_port_taken", port=port)
            return 0
    return port


@dataclass(slots=True)
class Supervisor:
    """The tree of one installation."""

    orders: SupervisorLaunch
    clock: Clock
    launch: Launch = field(init=False)
    addresses: dict[str, str] = field(default_factory=dict)
    media: Child | None = None
    workers: list[Child] = field(default_factory=list)
    farm: Child | None = None
    farm_orders: SimulateLaunch | None = None
    farm_address: str = ""
    # Held open for the workers that come after: requests wait in it.
    listener: socket.socket | None = None
    bus: UnixBusServer | None = None
    cursor_key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    setup_link: str | None = None
    people: tuple[DemoPerson, ...] = ()
    viewer_link: str | None = None

    def __post_init__(self) -> None:
        self.launch = self.orders.launch

    @property
    def data(self) -> Path:
        """The data folder."""
        return Path(self.launch.data)

    @property
    def children(self) -> list[Child]:
        """Every process there is."""
        return [c for c in (self.media, *self.workers, self.farm) if c is not None]

    async def start(self) -> None:
        """Start everything; returns when the API answers through the front."""
        if self.orders.simulator is not None:
            await self._start_farm(SimulateLaunch(simulator=self.orders.simulator))
        has_admin = await self._prepare()
        self.listener = listen_unix(api_socket(self.data))
        self.media = Child(Role("media", "vms.services.media", lambda: self.launch), self.clock)
        self.workers = [
            Child(self._worker(number, self.listener.fileno()), self.clock)
            for number in range(self.launch.api.workers)
        ]
        ready, *_ = await asyncio.gather(
            self.media.start(), *(worker.start() for worker in self.workers)
        )
        self._on_media(ready)
        await _answers(self.addresses["api"])
        page = self.addresses["api"]
        if not has_admin:
            self.setup_link = await first_start.setup_link(self.launch, self.clock, page)
        self.viewer_link = await viewer_link(self.launch, self.clock, self.people, page)
        self.write_run_file()

    async def _prepare(self) -> bool:
        """Make database and bus ready; tell whether nobody needs to be made an admin."""
        if self.launch.open:
            await first_start.refuse_open_over_admin(self.launch, self.clock)
            return True
        self.bus = UnixBusServer(MemoryBus(), bus_socket(self.data), Buckets(self.clock))
        await self.bus.start()
        has_admin = await first_start.prepare(self.launch, self.clock)
        if not self.orders.demo:
            return has_admin
        self.people = await invite_everybody(self.launch, self.clock)
        return True

    async def stop(self) -> None:
        """Stop every process, then the bus that they used."""
        await stop_all(self.children, STOP_LIMIT_S)
        if self.bus is not None:
            await self.bus.stop()

    def _worker(self, number: int, handle: int) -> Role:
        return Role(
            "api",
            "vms.services.api",
            lambda: ApiLaunch(launch=self.launch, worker=number, cursor_key=self.cursor_key),
            handle,
        )

    async def _start_farm(self, orders: SimulateLaunch) -> None:
        replace = msgspec.structs.replace
        wanted = orders.simulator
        port = wanted.port or port_of_before(self.data, wanted.host)
        orders = replace(orders, simulator=replace(wanted, port=port))
        self.farm_orders = orders
        self.farm = Child(
            Role("simulator", "vms.services.simulator", lambda: self.farm_orders or orders),
            self.clock,
        )
        self.farm_address = address = (await self.farm.start()).addresses["rtsp"]
        write_atomic(self.data / SIMULATOR_PORT, f"{_port(address)}\n")
        farm = replace(orders.simulator, port=_port(address))
        self.farm_orders = replace(orders, simulator=farm)
        cameras = (*self.launch.cameras, *simulated(farm, address))
        self.launch = replace(self.launch, cameras=cameras)

    def _on_media(self, ready: Ready) -> None:
        self.launch = keep_ports(self.launch, ready)
        self.addresses = public_addresses(self.launch, ready)
        if self.farm_address:
            self.addresses["simulator"] = f"rtsp://{self.farm_address}"

    def fingerprint(self) -> str:
        """Return that of a certificate that was made here; empty where none is served."""
        pair = tls.pair_of(self.launch)
        return certificate.fingerprint(pair) if pair is not None and pair.self_made else ""

    def run_file(self) -> RunFile:
        """Return what runs, as scripts read it."""
        media = self.media.pid if self.media is not None else 0
        return RunFile(Pids(media, [worker.pid for worker in self.workers]), self.addresses)

    def write_run_file(self) -> None:
        """Replace ``run.json``."""
        text = msgspec.json.format(msgspec.json.encode(self.run_file()), indent=2).decode()
        write_atomic(self.data / RUN_FILE, text + "\n")

    async def keep(self, stop: asyncio.Event) -> None:
        """Restart what ends, until told to stop."""

        def back(ready: Ready) -> None:
            if ready.addresses.get("front"):
                self._on_media(ready)
            self.write_run_file()

        keeping = [asyncio.create_task(each.keep(back)) for each in self.children]
        try:
            await child.until(stop, *keeping)
        finally:
            for task in keeping:
                task.cancel()
            await asyncio.gather(*keeping, return_exceptions=True)


async def _answers(page: str) -> None:
    """Return when the API answers through the front."""
    try:
        async with asyncio.timeout(ANSWER_LIMIT_S):
            while not await _is_ready(page):  # noqa: ASYNC110 - another process answers
                await asyncio.sleep(ASK_EVERY_S)
    except TimeoutError:
        raise UnavailableError(
            f"the API did not answer at {page} within {ANSWER_LIMIT_S:.0f} s; its log says why",
            code="api_late",
        ) from None


async def _is_ready(page: str) -> bool:
    scheme, _, front = page.partition("://")
    host, _, port = front.rpartition(":")
    context = tls.any_certificate() if scheme == "https" else None
    request = f"GET /health/ready HTTP/1.1\r\nHost: {front}\r\nConnection: close\r\n\r\n"
    try:
        reader, writer = await asyncio.open_connection(host.strip("[]"), int(port), ssl=context)
    except OSError:
        return False
    try:
        writer.write(request.encode())
        status = await reader.readline()
    except OSError:
        return False
    finally:
        writer.close()
    return b" 200 " in status


async def run(orders: SupervisorLaunch, _post: child.Post) -> None:
    """Run the tree until told to stop."""
    stop = child.stop_signal()
    data = make_data_folder(orders.launch.data)
    supervisor = Supervisor(orders, SystemClock())
    with hold_folder(data):
        run_file = data / RUN_FILE
        run_file.unlink(missing_ok=True)
        try:
            await _run_tree(supervisor, stop)
        finally:
            await supervisor.stop()
            run_file.unlink(missing_ok=True)
    log.info("stopped")


async def _run_tree(supervisor: Supervisor, stop: asyncio.Event) -> None:
    if supervisor.launch.open:
        log.warning(
            "open_mode", detail="nobody is asked for a name; listeners are on loopback only"
        )
    starting = asyncio.create_task(supervisor.start())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not starting.done():
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await starting
        return
    await starting
    words = {
        **supervisor.addresses,
        "data": str(supervisor.data),
        "fingerprint": supervisor.fingerprint(),
        "setup": supervisor.setup_link or "",
        "enter": supervisor.viewer_link or supervisor.addresses["api"],
    }
    people = [
        {"login": one.login, "password": one.password, "secret": one.secret or "-"}
        for one in supervisor.people
    ]
    child.announce(supervisor.orders.announcement, words, supervisor.run_file(), people)
    await supervisor.keep(stop)


if __name__ == "__main__":
    sys.exit(child.main("supervisor", SupervisorLaunch, lambda orders: orders.launch.log, run))
