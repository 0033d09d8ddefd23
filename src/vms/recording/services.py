"""All services about recordings, made once for a process."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from vms.common import Clock
from vms.database import Database, Vault
from vms.engine import RecordingControl
from vms.recording.catalogue import Catalogue
from vms.recording.pictures import Pictures, Workers
from vms.recording.ports import Cities, ClipQuota
from vms.recording.rules import RecordingRules
from vms.recording.timeline import Timelines
from vms.transcode import WorkerPool


def cores() -> int:
    """Return how many pictures are decoded at once: as many as there are cores, four at most."""
    return min(4, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class Recordings:
    """The services of recordings."""

    rules: RecordingRules
    timelines: Timelines
    catalogue: Catalogue
    pictures: Pictures

    @classmethod
    def open(
        cls,
        database: Database,
        vault: Vault,  # noqa: ARG003
        clock: Clock,
        *,
        cities: Cities,
        clips: ClipQuota,  # noqa: ARG003
        engine: RecordingControl,
        data: Path,  # noqa: ARG003
        workers: Workers | None = None,
    ) -> Self:
        """Return the services over a database; ``data`` is the folder of the installation."""
        return cls(
            rules=RecordingRules(database, cities, clock),
            timelines=Timelines(database, cities),
            catalogue=Catalogue(database, clock),
            pictures=Pictures(database, engine, workers or WorkerPool(cores(), clock), clock),
        )
