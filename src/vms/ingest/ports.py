"""What following streams needs from outside."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from vms.cameras import Known, StreamChange
from vms.common import StreamName
from vms.engine import Description


class Steering(Protocol):
    """Whoever decides what the media process runs."""

    async def agree(self, described: Description) -> Description:
        """Apply what should run where something else does; return who answers then."""
        ...


class History(Protocol):
    """Where changes of state are kept: ``vms.cameras.CameraHistory``."""

    async def begin(self) -> Mapping[tuple[str, StreamName], Known]:
        """Start to follow; return what is known."""
        ...

    async def append(self, changes: Sequence[StreamChange]) -> None:
        """Keep changes, in order."""
        ...

    async def beat(self) -> None:
        """Say that somebody follows."""
        ...

    async def end(self) -> None:
        """Say that nobody follows any more."""
        ...
