"""All services about cameras, made once for a process."""

from dataclasses import dataclass

from vms.cameras.history import CameraHistory
from vms.cameras.ports import CameraQuota, Places
from vms.cameras.service import Cameras
from vms.cameras.transfer import Transfer
from vms.common import Clock
from vms.database import Database, Vault


@dataclass(frozen=True, slots=True)
class CameraServices:
    """The services of cameras."""

    cameras: Cameras
    transfer: Transfer
    history: CameraHistory

    @classmethod
    def open(
        cls, database: Database, vault: Vault, clock: Clock, quota: CameraQuota, places: Places
    ) -> "CameraServices":
        """Return the services over a database."""
        return cls(
            cameras=Cameras(database, vault, clock, quota, places),
            transfer=Transfer(database, vault, clock, quota, places),
            history=CameraHistory(database, clock),
        )
