"""All services about recordings, made once for a process."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from vms.common import Clock
from vms.database import Database, Vault
from vms.engine import RecordingControl
from vms.recording.bookmarks import Bookmarks
from vms.recording.cases import Cases, Holds
from vms.recording.catalogue import Catalogue
from vms.recording.evidence import Evidence
from vms.recording.exporter import Exporter
from vms.recording.exports import Exports
from vms.recording.packing import VERIFIER, Packing
from vms.recording.pictures import Pictures, Workers
from vms.recording.ports import Cities, ClipQuota
from vms.recording.rules import RecordingRules
from vms.recording.sprite_files import SheetFiles
from vms.recording.sprites import Sprites
from vms.recording.still_files import StillFiles
from vms.recording.stills import Stills
from vms.recording.timeline import Timelines
from vms.transcode import WorkerPool


def cores() -> int:
    """Return how many pictures are decoded at once: as many as there are cores, four at most."""
    return min(4, os.cpu_count() or 1)


EXPORTS = "exports"
THUMBS = "thumbs"
STILLS = "stills"
# Sixty key frames by a worker that waits for all others.
SHEET_LIMIT_S = 300.0
# Built with the web client.
WEB_FOLDER = Path(__file__).parent.parent / "web"


@dataclass(frozen=True, slots=True)
class Recordings:
    """The services of recordings."""

    rules: RecordingRules
    timelines: Timelines
    catalogue: Catalogue
    pictures: Pictures
    cases: Cases
    stills: Stills
    holds: Holds
    exports: Exports
    exporter: Exporter
    bookmarks: Bookmarks
    sprites: Sprites
    evidence: Evidence
    # Those who decode, for whoever else of the process needs a picture.
    decoders: Workers

    @classmethod
    def open(
        cls,
        database: Database,
        vault: Vault,
        clock: Clock,
        *,
        cities: Cities,
        clips: ClipQuota,
        engine: RecordingControl,
        data: Path,
        workers: Workers | None = None,
    ) -> Self:
        """Return the services over a database; ``data`` is the folder of the installation."""
        exports = data.absolute() / EXPORTS
        packing = Packing(WEB_FOLDER / VERIFIER)
        decoders = workers or WorkerPool(cores(), clock)
        idlers = workers or WorkerPool(1, clock, SHEET_LIMIT_S, lowly=True)
        sheets = SheetFiles(data.absolute() / THUMBS, vault)
        stills = StillFiles(data.absolute() / STILLS, vault)
        pictures = Pictures(database, engine, decoders, clock)
        return cls(
            rules=RecordingRules(database, cities, clock),
            timelines=Timelines(database, clock, cities),
            catalogue=Catalogue(database, clock),
            pictures=pictures,
            cases=Cases(database, clock),
            stills=Stills(database, pictures, stills, clock),
            holds=Holds(database, engine, clock),
            exports=Exports(database, vault, clips, exports, clock),
            exporter=Exporter(database, vault, engine, cities, exports, clock, packing, stills),
            bookmarks=Bookmarks(database, clock),
            sprites=Sprites(database, engine, sheets, decoders, idlers, clock),
            evidence=Evidence(database, engine, clock),
            decoders=decoders,
        )
