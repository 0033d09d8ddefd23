"""Everything of the control plane that one process holds, put together."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from vms.admin import People, system_principal
from vms.admin.store import people as people_store
from vms.audit import AuditExport, AuditTrail, HeadFile
from vms.cameras import CameraHistory, Cameras, Transfer, camera_groups
from vms.cameras import store as camera_store
from vms.cities import (
    UNLIMITED_PLAN,
    CameraGroups,
    Cities,
    CityDraft,
    CityPlaces,
    Plans,
    Quota,
    Quotas,
    Sites,
    Surroundings,
)
from vms.common import Clock
from vms.database import Database, Vault, database_url
from vms.engine import DesiredState, RecordingControl, StreamLimits
from vms.nodes import Nodes
from vms.proto import Launch, StreamSettings
from vms.recording import AwayEngine, Recordings, recorded
from vms.services.places import PlayerKeys, StreamQuotas
from vms.streaming import (
    AddressKeys,
    EngineAccess,
    Relays,
    StreamAddresses,
    StreamPlaces,
    StreamRights,
)
from vms.trust import entrance_of

SYSTEM = system_principal("vms")


def surroundings() -> Surroundings:
    """Return how much there is of what, counted where it is kept."""
    return Surroundings(
        quotas={Quota.CAMERAS: camera_store.count_city, Quota.USERS: people_store.count_users},
        in_city={"cameras": camera_store.count_city, "users": people_store.count_users},
        at_site={"cameras": camera_store.count_site},
        in_group={
            "cameras": camera_store.count_group,
            "grants": people_store.count_grants_of_group,
        },
    )


def limits_of(settings: StreamSettings) -> StreamLimits:
    """Return the limits of the settings as the engine takes them."""
    return StreamLimits(
        stream=settings.most_of_a_stream,
        viewer=settings.most_of_a_viewer,
        machine=settings.most,
    )


def _relays(launch: Launch) -> Relays:
    told = launch.webrtc
    return Relays.open(told.ice_servers, told.turn_secret_file, told.turn_lifetime_s)


@dataclass(frozen=True, slots=True)
class House:
    """The contexts of one installation, as one process uses them."""

    data: Path
    clock: Clock
    database: Database
    vault: Vault
    people: People
    cities: Cities
    plans: Plans
    sites: Sites
    groups: CameraGroups
    cameras: Cameras
    transfer: Transfer
    history: CameraHistory
    audit: AuditTrail
    audit_export: AuditExport
    heads: HeadFile
    address_keys: AddressKeys
    addresses: StreamAddresses
    access: EngineAccess
    rights: StreamRights
    nodes: Nodes
    recordings: Recordings
    # Whether the media process records at all.
    records: bool

    @classmethod
    def open(cls, launch: Launch, clock: Clock, engine: RecordingControl | None = None) -> Self:
        """Put everything together; nothing is read or written yet.

        ``engine`` answers calls about recordings; without one they are refused.
        """
        data = Path(launch.data)
        database = Database.open(
            database_url(launch.database.url, data), threads=launch.database.threads
        )
        vault = Vault.load(data)
        around = surroundings()
        quotas, places = Quotas(around), CityPlaces(camera_groups)
        people = People.open(database, vault, clock, places=places, quota=quotas.of(Quota.USERS))
        files, quota = bool(launch.source.media_dir), quotas.of(Quota.CAMERAS)
        cameras = Cameras(database, vault, clock, quota, places, files=files)
        heads = HeadFile(data)
        keys, where = AddressKeys(database, vault, clock), StreamPlaces()
        return cls(
            data=data,
            clock=clock,
            database=database,
            vault=vault,
            people=people,
            cities=Cities(database, clock, around),
            plans=Plans(database, clock),
            sites=Sites(database, clock, around),
            groups=CameraGroups(database, clock, around),
            cameras=cameras,
            transfer=Transfer(database, vault, clock, quota, places, files=files),
            history=CameraHistory(database, clock),
            audit=AuditTrail(database, vault, heads, clock),
            audit_export=AuditExport(database, vault, clock),
            heads=heads,
            address_keys=keys,
            addresses=StreamAddresses(database, keys, where, clock, _relays(launch)),
            access=EngineAccess(
                database,
                keys,
                where,
                PlayerKeys(people),
                StreamQuotas(quotas),
                limits_of(launch.streams),
            ),
            rights=StreamRights(database, people.principals, where),
            nodes=Nodes(database, vault, clock, lambda: entrance_of(launch)),
            recordings=Recordings.open(
                database,
                vault,
                clock,
                cities=places,
                clips=quotas.of(Quota.CLIPS),
                engine=engine or AwayEngine(),
                data=data,
            ),
            records=launch.recording.enabled,
        )

    @classmethod
    @contextlib.contextmanager
    def opened(cls, launch: Launch, clock: Clock) -> Iterator[Self]:
        """Have everything while the block runs."""
        house = cls.open(launch, clock)
        try:
            yield house
        finally:
            house.close()

    async def furnish(self, launch: Launch) -> None:
        """Make what a first start needs; later starts find it there."""
        await self.people.start()
        await self.address_keys.ensure()
        city = CityDraft(name="Local", plan=UNLIMITED_PLAN)
        await self.cities.first_start(SYSTEM, city)
        await self.cameras.seed(SYSTEM, launch.cameras)

    async def desired(self, until: Callable[[int | None], None]) -> DesiredState:
        """Return what the media process should run now; ``until`` is told for how long."""
        wishes = await self.cameras.wishes()
        if self.records:
            roster = await self.cameras.roster()
            plan = await self.recordings.rules.plan(tuple(roster.values()))
            until(plan.next_us)
            wishes = tuple(recorded(wish, plan) for wish in wishes)
        return DesiredState(1, wishes, await self.access.rules())

    def close(self) -> None:
        """End the threads of this process."""
        self.people.close()
        self.database.close()
