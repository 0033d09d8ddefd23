"""Decides what the media process runs: every camera, as the database has it now.

One director an installation. It is called whenever cameras change, or who may
open their streams; it reads all of it and applies it as a new generation. When
the media process comes back with something else, it applies it again.
"""

import asyncio
from collections.abc import Awaitable, Callable

from vms.engine import Description, DesiredState, MediaControl
from vms.ingest.renewal import Renewal, Sleep
from vms.ingest.steering import apply

# Its generation means nothing.
ReadState = Callable[[], Awaitable[DesiredState]]


class Director:
    """Applies what the database says to the media process."""

    def __init__(self, media: MediaControl, read: ReadState, sleep: Sleep = asyncio.sleep) -> None:
        self._media = media
        self._read = read
        self._wished: DesiredState | None = None
        self._digest = ""
        self._steering = asyncio.Lock()
        self._renewal = Renewal("director", self._renew, sleep)

    def wake(self) -> None:
        """Something has changed, or may have."""
        self._renewal.call()

    async def run(self) -> None:
        """Follow the changes, for ever."""
        await self._renewal.run()

    async def agree(self, described: Description) -> Description:
        """See ``Steering``. Before the cameras were read, what runs may run on."""
        async with self._steering:
            return await self._apply(described)

    async def _renew(self) -> None:
        async with self._steering:
            self._wished = await self._read()
            self._digest = self._wished.digest()
            await self._apply(await self._media.describe())

    async def _apply(self, described: Description) -> Description:
        if self._wished is None or described.digest == self._digest:
            return described
        return await apply(self._media, self._wished, described)
