"""How a talk ended stands in the audit once, whoever was away meanwhile."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from doubles import FakeMedia
from vms.common import ManualClock, UnavailableError
from vms.database import PLATFORM, Database
from vms.engine import Event
from vms.streaming import TalkRecorder


def ended(cursor: int, session: str, actor: str = "user:ana") -> Event:
    values = {
        "session": session * 32,
        "actor": actor,
        "city": "sp",
        "lasted_ms": 1500,
        "code": "talk_silent",
    }
    return Event(cursor, 7_000_000, "talk_end", "gate", None, None, values=values)


def other(cursor: int) -> Event:
    return Event(cursor, 7_000_000, "volume", "", None, None)


def lines(database: Database) -> list[tuple[object, ...]]:
    return database.run_sync(
        lambda unit: unit.rows(
            "SELECT city, actor, action, object, details FROM audit_lines ORDER BY id"
        ),
        PLATFORM,
    )


@contextlib.asynccontextmanager
async def following(database: Database, media: FakeMedia) -> AsyncIterator[None]:
    async def soon(_seconds: float) -> None:
        await asyncio.sleep(0)

    work = asyncio.create_task(TalkRecorder(media, database, ManualClock(), soon).run())
    try:
        yield
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def holds(database: Database, count: int) -> None:
    async with asyncio.timeout(30):
        while len(await asyncio.to_thread(lines, database)) != count:
            await asyncio.sleep(0.01)


async def test_the_end_of_a_talk_is_a_line_with_who_how_long_and_why(database: Database) -> None:
    media = FakeMedia()
    async with following(database, media):
        media.journal.extend([other(0), ended(1, "a"), ended(2, "b", actor="")])
        await holds(database, 1)
    details = '{"ended_us":7000000,"lasted_ms":1500,"reason":"talk_silent"}'
    assert lines(database) == [("sp", "user:ana", "talk.end", "camera:gate", details)]


async def test_what_ended_while_nobody_listened_is_written_once(database: Database) -> None:
    media = FakeMedia()
    media.journal.extend([ended(0, "a")])
    for count in (1, 2):
        async with following(database, media):
            await holds(database, count)
        media.journal.extend([ended(count, "b")])
    # The third sees what the second wrote, and what came after it.
    media.journal.extend([ended(3, "c")])
    async with following(database, media):
        await holds(database, 3)


async def test_a_database_that_is_away_is_waited_for(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    media, failed = FakeMedia(), asyncio.Event()
    run = database.run

    async def broken(*_args: object, **_named: object) -> None:
        failed.set()
        raise UnavailableError("away", code="database_down")

    monkeypatch.setattr(database, "run", broken)
    async with following(database, media):
        media.journal.extend([ended(0, "a")])
        await failed.wait()
        monkeypatch.setattr(database, "run", run)
        await holds(database, 1)


async def test_a_media_process_that_began_anew_is_said(database: Database) -> None:
    media = FakeMedia()
    with capture_logs() as logged:
        async with following(database, media):
            media.journal.extend([ended(0, "a")])
            await holds(database, 1)
            media.restart("two")
            media.journal.extend([ended(0, "b")])
            await holds(database, 2)
    told = [line["restarted"] for line in logged if line["event"] == "talk_ends_lost"]
    assert told == [True]
