"""The journal: nothing is lost silently."""

import asyncio

import pytest

from doubles import event
from vms.engine import EventBatch, Journal


def cursors(batch: EventBatch) -> list[int]:
    return [event.cursor for event in batch.events]


def filled(count: int, capacity: int = 100) -> Journal:
    journal = Journal("one", capacity)
    journal.extend(event(number) for number in range(count))
    return journal


@pytest.mark.parametrize(
    ("epoch", "cursor", "reset", "found"),
    [
        ("one", 0, False, [0, 1, 2, 3, 4]),
        ("one", 3, False, [3, 4]),
        ("one", 5, False, []),
        ("one", 6, True, [0, 1, 2, 3, 4]),  # more than there ever was: another life
        ("two", 3, True, [0, 1, 2, 3, 4]),
        ("", 0, True, [0, 1, 2, 3, 4]),
    ],
)
def test_a_reader_gets_what_follows_its_cursor(
    epoch: str, cursor: int, found: list[int], *, reset: bool
) -> None:
    batch = filled(5).after(epoch, cursor)
    assert (batch.epoch, batch.reset, cursors(batch)) == ("one", reset, found)


def test_a_reader_learns_that_events_are_gone() -> None:
    journal = filled(10, capacity=4)
    assert cursors(journal.after("one", 6)) == [6, 7, 8, 9]
    assert not journal.after("one", 6).reset
    assert journal.after("one", 5).reset
    assert cursors(journal.after("one", 5)) == [6, 7, 8, 9]


def test_a_gap_that_the_engine_left_is_told() -> None:
    journal = Journal("one")
    journal.extend([event(0), event(5)])
    assert journal.after("one", 1).reset
    assert journal.next_cursor == 6


async def test_a_follower_gets_the_past_and_then_each_new_event() -> None:
    journal = filled(2)
    follower = journal.follow("one", 1)
    assert cursors(await anext(follower)) == [1]
    waiting = asyncio.ensure_future(anext(follower))
    await asyncio.sleep(0)
    assert not waiting.done()
    journal.extend([event(2), event(3)])
    assert cursors(await waiting) == [2, 3]


async def test_a_follower_of_another_life_is_reset_once() -> None:
    journal = filled(2)
    follower = journal.follow("old", 77)
    batch = await anext(follower)
    assert batch.reset
    journal.extend([event(2)])
    batch = await anext(follower)
    assert (batch.reset, cursors(batch)) == (False, [2])
