"""Things that run side by side for one listener, until the first of them ends."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from typing import Any


async def first_of(*work: Coroutine[Any, Any, None]) -> None:
    """Run until one ends, then stop the others; raises what the one raised."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


async def until_cut(
    texts: AsyncIterator[str], cut: asyncio.Event, beat_s: float, beat: str
) -> AsyncGenerator[str, None]:
    """Yield texts until the cut; ``beat`` where there was none for ``beat_s``."""
    cutting = asyncio.ensure_future(cut.wait())
    coming = asyncio.ensure_future(_next(texts))
    try:
        while not cutting.done():
            done, _ = await asyncio.wait(
                {cutting, coming}, timeout=beat_s, return_when=asyncio.FIRST_COMPLETED
            )
            if coming in done:
                yield coming.result()
                coming = asyncio.ensure_future(_next(texts))
            elif not done:
                yield beat
    finally:
        cutting.cancel()
        coming.cancel()
        await asyncio.gather(cutting, coming, return_exceptions=True)


async def _next(texts: AsyncIterator[str]) -> str:
    return await anext(texts)
