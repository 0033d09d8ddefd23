"""All services about recordings, made once for a process."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from vms.common import Clock
from vms.database import Database, Vault
from vms.engine import RecordingControl
from vms.recording.catalogue import Catalogue
from vms.recording.ports import Cities, ClipQuota
from vms.recording.rules import RecordingRules
from vms.recording.timeline import Timelines


@dataclass(frozen=True, slots=True)
class Recordings:
    """The services of recordings."""

    rules: RecordingRules
    timelines: Timelines
    catalogue: Catalogue

    @classmethod
    def open(
        cls,
        database: Database,
        vault: Vault,  # noqa: ARG003
        clock: Clock,
        *,
        cities: Cities,
        clips: ClipQuota,  # noqa: ARG003
        engine: RecordingControl,  # noqa: ARG003
        data: Path,  # noqa: ARG003
    ) -> Self:
        """Return the services over a database; ``data`` is the folder of the installation."""
        return cls(
            rules=RecordingRules(database, cities, clock),
            timelines=Timelines(database, cities),
            catalogue=Catalogue(database, clock),
        )
