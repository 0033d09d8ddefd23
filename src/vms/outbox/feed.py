"""Events in order and without gaps, for whoever listens in this process."""

import asyncio
from collections.abc import AsyncIterator

from vms.bus import Bus, Lagged, Subscription
from vms.common import UnavailableError
from vms.database import PLATFORM, Database
from vms.outbox.model import TOPIC, Posted, decode_posted
from vms.outbox.store import last_position, read_after

# The database is asked so often whether the bus has lost something silently.
CHECK_S = 5.0
_PAGE = 500


async def follow(database: Database, bus: Bus, after: int | None = None) -> AsyncIterator[Posted]:
    """Yield every event after the position ``after`` (none: from now on), each once.

    The bus brings them; what it lost is read from the outbox. A position that is
    too old is ``ConflictError(code="cursor_expired")``: read everything anew.
    """
    async with await bus.subscribe(TOPIC) as items:
        position = after
        if position is None:
            position = await database.run(last_position, PLATFORM, read=True)
        while True:
            page = await _read(database, position)
            for posted in page:
                yield posted
                position = posted.position
            if len(page) == _PAGE:
                continue
            async for posted in _live(items, position):
                yield posted
                position = posted.position


async def _read(database: Database, position: int) -> list[Posted]:
    return await database.run(lambda unit: read_after(unit, position, _PAGE), PLATFORM, read=True)


async def _live(items: Subscription, position: int) -> AsyncIterator[Posted]:
    """Yield what the bus brings after ``position``; ends where something may be missing."""
    while (posted := await _next(items)) is not None:
        if posted.position > position + 1:
            return
        if posted.position == position + 1:
            yield posted
            position = posted.position


async def _next(items: Subscription) -> Posted | None:
    """Return the bus's next event, nothing where the database should be asked."""
    try:
        async with asyncio.timeout(CHECK_S):
            item = await anext(items)
    except TimeoutError:
        return None
    except StopAsyncIteration:
        raise UnavailableError("the bus was closed", code="bus_unavailable") from None
    return None if isinstance(item, Lagged) else decode_posted(item.body)
