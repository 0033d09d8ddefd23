"""An API worker of an installation where people sign in.

Every worker hears every event and follows the media process. The first one
alone also steers it, relays events, seals the audit and writes history.
"""

import asyncio
import contextlib
import dataclasses
import secrets
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

from vms.api import Contexts, OutboxSource, SharedLimits, Wiring, running
from vms.api.store import KeptAnswers
from vms.bus import Bus, MemoryBus, UnixBusClient
from vms.cameras import CameraServices
from vms.common import Clock
from vms.engine import DesiredState, EngineClient
from vms.ingest import Bystander, Director, IngestWatch, Roster, StatusRecorder
from vms.nodes import add_nodes_service
from vms.proto import ApiLaunch
from vms.recording import CatalogueRecorder, MotionWatch, ScheduleTimer
from vms.services.first_start import prepare
from vms.services.house import House
from vms.services.keeper import Ear, Work, again, chores, duties
from vms.services.paths import bus_socket, frames_socket, nodes_socket
from vms.services.places import WallPlaces
from vms.streaming import Snapshots, StreamPlaces, StreamRevoker, TalkRecorder
from vms.transcode import LiveFrames, MotionWorker
from vms.trust import Identity, IdentityFile, serve_nodes

FIRST = 0
GRACE_S = 0.3
RENEW_EVERY_S = 86_400.0
# What runs is decided by the director; a watcher expects nothing by itself.
NOTHING = DesiredState(0, ())


@contextlib.asynccontextmanager
async def closed_worker(
    orders: ApiLaunch, media: EngineClient, clock: Clock, *, alone: bool
) -> AsyncIterator[Wiring]:
    """Run everything beside the answers while the block runs; ``alone``: nobody started it."""
    if alone:
        await prepare(orders.launch, clock)
    house = House.open(orders.launch, clock, media)
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(house.close)
        stack.push_async_callback(house.recordings.pictures.close)
        stack.push_async_callback(house.recordings.sprites.close)
        shared = None if alone else await stack.enter_async_context(_bus(house.data))
        bus = shared or MemoryBus()
        limiter = None if shared is None else SharedLimits(shared, clock)
        await house.people.start()
        first = orders.worker == FIRST
        timer = ScheduleTimer(clock, lambda: director.wake())  # noqa: PLW0108 - the director comes next
        motion = MotionWatch(MotionWorker(frames_socket(house.data)), media)

        async def desired() -> DesiredState:
            found = await house.desired(timer.set)
            motion.want(found)
            return found

        director = Director(media, desired)
        recorder = StatusRecorder(house.history, lambda camera: _city_of(roster, camera))
        watch = IngestWatch(
            media,
            NOTHING,
            clock,
            steering=director if first else Bystander(),
            listener=recorder.note if first else None,
        )
        roster = Roster(house.cameras.roster, watch)
        ear = Ear(house, bus, roster)
        work = chores(house, bus, ear, roster)
        if first:
            revoker = StreamRevoker(media, house.rights)
            ear.direct(director, revoker)
            work += duties(house, bus, director, recorder, revoker)
            if orders.launch.nodes.listen:
                work += (await control_door(house, orders.launch.nodes.listen, stack),)
            recordings = house.recordings
            work += (timer.run, _catalogue(house, media).run, motion.run, recordings.exporter.run)
            work += (recordings.sprites.run, TalkRecorder(media, house.database, clock).run)
        if limiter is not None:
            work += (limiter.run,)
        await stack.enter_async_context(running(*work))
        wiring = wiring_of(house, bus, watch, orders.cursor_key or secrets.token_bytes(32))
        yield dataclasses.replace(
            wiring, limiter=limiter, trusted_proxies=orders.launch.api.trusted_proxies
        )


async def control_door(house: House, address: str, stack: contextlib.AsyncExitStack) -> Work:
    """Answer nodes while the stack is open; returns what keeps our own certificate new."""
    own = await house.nodes.own_identity()
    # The media process beside it calls nodes too.
    await asyncio.to_thread(IdentityFile(house.data).save_authority, own.authority)

    def identity() -> Identity:
        return own

    async def renew() -> None:
        nonlocal own
        own = await house.nodes.own_identity()

    async def keep() -> None:
        await again("own certificate", renew, RENEW_EVERY_S)

    server, _ = await serve_nodes(
        address,
        nodes_socket(house.data),
        partial(add_nodes_service, house.nodes),
        identity,
        house.nodes.is_removed,
        house.clock,
    )
    stack.push_async_callback(server.stop, GRACE_S)
    return keep


def wiring_of(house: House, bus: Bus, watch: IngestWatch, cursor_key: bytes) -> Wiring:
    """Return what the API is made of."""
    return Wiring(
        watch=watch,
        clock=house.clock,
        contexts=Contexts(
            data=house.data,
            people=house.people,
            cities=house.cities,
            plans=house.plans,
            sites=house.sites,
            groups=house.groups,
            audit=house.audit,
            audit_export=house.audit_export,
            addresses=house.addresses,
            snapshots=Snapshots(
                house.database,
                StreamPlaces(),
                LiveFrames(frames_socket(house.data)),
                house.recordings.decoders,
                house.clock,
            ),
            cameras=CameraServices(house.cameras, house.transfer, house.history),
            nodes=house.nodes,
            recordings=house.recordings,
        ),
        cursor_key=cursor_key,
        first_answers=KeptAnswers(house.database, house.vault, house.clock),
        events=OutboxSource(house.database, bus),
        places=WallPlaces(house.cameras),
    )


def _catalogue(house: House, media: EngineClient) -> CatalogueRecorder:
    return CatalogueRecorder(
        media,
        media,
        house.recordings.catalogue,
        house.cameras.roster,
        hear=house.recordings.sprites.note,
    )


@contextlib.asynccontextmanager
async def _bus(data: Path) -> AsyncIterator[UnixBusClient]:
    """Yield the supervisor's bus."""
    bus = UnixBusClient(bus_socket(data))
    await bus.start()
    try:
        yield bus
    finally:
        await bus.stop()


def _city_of(roster: Roster, camera: str) -> str | None:
    entry = roster.entries.get(camera)
    return entry.city if entry is not None else None
