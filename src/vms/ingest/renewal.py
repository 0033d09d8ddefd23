"""Work that is done anew whenever somebody calls for it."""

import asyncio
from collections.abc import Awaitable, Callable

from vms.common import VmsError
from vms.telemetry import get_logger

log = get_logger(__name__)

# Calls so close together are one: a thousand imported cameras are a few, not a thousand.
GATHER_S = 0.1
RETRY_S = 0.25

Sleep = Callable[[float], Awaitable[None]]


class Renewal:
    """Does its work after each call, however many come meanwhile, until it succeeds."""

    def __init__(self, name: str, work: Callable[[], Awaitable[None]], sleep: Sleep) -> None:
        self._name = name
        self._work = work
        self._sleep = sleep
        self._called = asyncio.Event()
        # Done once at the start.
        self._called.set()
        self._failing = False

    def call(self) -> None:
        """Ask for the work to be done anew."""
        self._called.set()

    async def run(self) -> None:
        """Do it, for ever."""
        while True:
            await self._called.wait()
            await self._sleep(GATHER_S)
            self._called.clear()
            try:
                await self._work()
            except VmsError as error:
                self._failed(error)
                self._called.set()
                await self._sleep(RETRY_S)
            else:
                self._failing = False

    def _failed(self, error: VmsError) -> None:
        # Once an outage: it is tried four times a second.
        note = log.debug if self._failing else log.warning
        note("renewal_failed", work=self._name, code=error.code, detail=error.message)
        self._failing = True
