"""Rules and policies: who changes them, what comes of them, what they leave behind."""

import asyncio

import pytest

from vms.admin import Function
from vms.common import (
    ConflictError,
    ForbiddenError,
    ManualClock,
    NotFoundError,
    StreamName,
    TooManyError,
)
from vms.database import Database
from vms.engine import Keep, RecordMode, StreamRecord
from vms.proto.events import RecordingRulesChanged
from vms.recording import (
    Keeping,
    ManualAction,
    ManualOrder,
    Rule,
    ScheduleTimer,
    Slot,
    StreamRule,
    recorded,
)

from .conftest import HOUR_US, SYSTEM, Studio, manager, watcher

EVENT = StreamRule(mode=RecordMode.EVENT)


async def test_a_camera_records_all_the_time_until_told_otherwise(studio: Studio) -> None:
    rules, ana = studio.recordings.rules, manager()
    before = await rules.get(ana, "gate")
    assert (before.version, set(before.now.values())) == (1, {RecordMode.CONTINUOUS})
    # The plan lets a city keep for seven days.
    assert before.keep == Keep(0, 7)
    changed = await rules.put(ana, "gate", 1, Rule(main=EVENT, keep=Keeping(max_days=3)))
    assert (changed.version, changed.now[StreamName.MAIN]) == (2, RecordMode.EVENT)
    assert changed.keep == Keep(0, 3)
    assert await rules.get(ana, "gate") == changed
    again = await rules.put(ana, "gate", 2, changed.rule)
    assert again == changed
    with pytest.raises(ConflictError) as stale:
        await rules.put(ana, "gate", 1, Rule())
    assert stale.value.code == "version_conflict"
    assert studio.lines() == [("user:ana", "recording.rules", "camera:gate")]
    at_us = studio.clock.utc_us()
    assert studio.events() == [RecordingRulesChanged(city="sp", at_us=at_us, camera="gate")]


async def test_who_may_not_is_refused_and_other_cities_do_not_exist(studio: Studio) -> None:
    rules = studio.recordings.rules
    reader = watcher("city:sp", Function.CAMERA_READ)
    assert (await rules.get(reader, "gate")).version == 1
    with pytest.raises(ForbiddenError):
        await rules.put(reader, "gate", 1, Rule())
    with pytest.raises(ForbiddenError):
        await rules.order(reader, "gate", ManualOrder(ManualAction.STOP))
    for camera in ("pier", "none"):
        with pytest.raises(NotFoundError) as unknown:
            await rules.put(manager(), camera, 1, Rule())
        assert unknown.value.code == "camera_unknown"
    with pytest.raises(NotFoundError):
        await rules.put_city(manager(), "rj", None, 1, Keeping())
    with pytest.raises(NotFoundError):
        await rules.put_city(SYSTEM, "rj", studio.group, 1, Keeping())
    with pytest.raises(ForbiddenError):
        await rules.put_plan(manager(), "basic", 1, Keeping())


async def test_nobody_promises_longer_than_the_plan_allows(studio: Studio) -> None:
    rules = studio.recordings.rules
    for work in (
        rules.put(manager(), "gate", 1, Rule(keep=Keeping(min_days=8))),
        rules.put_city(manager(), "sp", None, 1, Keeping(min_days=8)),
    ):
        with pytest.raises(TooManyError) as refused:
            await work
        assert refused.value.code == "quota_retention_days"
        assert refused.value.values["limit"] == 7
    await rules.put_city(manager("rj"), "rj", None, 1, Keeping(min_days=400))


async def test_plan_city_group_and_camera_are_put_together(studio: Studio) -> None:
    rules, ana = studio.recordings.rules, manager()
    await rules.put_plan(SYSTEM, "basic", 1, Keeping(max_days=6))
    await rules.put_city(ana, "sp", None, 1, Keeping(min_days=2, max_days=5))
    group = await rules.put_city(ana, "sp", studio.group, 1, Keeping(min_days=4))
    assert (group.group, group.version) == (studio.group, 2)
    assert (await rules.get(ana, "gate")).keep == Keep(4, 5)
    assert (await rules.get(ana, "yard")).keep == Keep(2, 5)
    assert (await rules.get(manager("rj"), "pier")).keep == Keep(0)
    found = await rules.policies(ana, None)
    assert [(one.plan, one.city, one.group) for one in found] == [
        ("basic", None, None),
        (None, "sp", None),
        (None, "sp", studio.group),
    ]
    plan = await rules.plan(tuple((await studio.roster()).values()))
    assert {name: one.keep for name, one in plan.orders.items()} == {
        "gate": Keep(4, 5),
        "yard": Keep(2, 5),
        "pier": Keep(0),
    }


async def test_by_hand_until_a_time_and_back(studio: Studio) -> None:
    rules, ana = studio.recordings.rules, manager()
    until_us = studio.clock.utc_us() + HOUR_US
    stopped = await rules.order(ana, "gate", ManualOrder(ManualAction.STOP, until_us))
    assert set(stopped.now.values()) == {RecordMode.OFF}
    assert stopped.manual is not None
    assert (stopped.manual.by, stopped.next_change_us) == ("user:ana", until_us)
    plan = await rules.plan(tuple((await studio.roster()).values()))
    assert plan.next_us == until_us
    studio.clock.advance(3600)
    after = await rules.get(ana, "gate")
    assert (after.manual, set(after.now.values())) == (None, {RecordMode.CONTINUOUS})
    await rules.order(ana, "gate", ManualOrder(ManualAction.STOP))
    released = await rules.order(ana, "gate", ManualOrder(ManualAction.RELEASE))
    assert released.manual is None
    assert [action for _, action, _ in studio.lines()] == [
        "recording.stop",
        "recording.stop",
        "recording.release",
    ]


async def test_the_engines_wish_carries_what_holds_now(studio: Studio) -> None:
    off = Slot((1, 2, 3, 4, 5, 6, 7), "00:00", "24:00", RecordMode.OFF)
    rule = Rule(main=StreamRule(schedule=(off,)), sub=StreamRule(audio=False))
    await studio.recordings.rules.put(manager(), "gate", 1, rule)
    plan = await studio.recordings.rules.plan(tuple((await studio.roster()).values()))
    wishes = {wish.id: recorded(wish, plan) for wish in await studio.cameras.wishes()}
    assert wishes["gate"].record == {
        StreamName.MAIN: StreamRecord(RecordMode.OFF),
        StreamName.SUB: StreamRecord(audio=False),
    }
    assert wishes["gate"].keep == Keep(0, 7)
    await studio.recordings.rules.order(manager(), "gate", ManualOrder(ManualAction.STOP))
    plan = await studio.recordings.rules.plan(tuple((await studio.roster()).values()))
    wishes = {wish.id: recorded(wish, plan) for wish in await studio.cameras.wishes()}
    assert wishes["gate"].record[StreamName.MAIN] == StreamRecord(RecordMode.OFF, by_hand=True)


async def test_the_timer_calls_at_the_instant_and_when_the_instant_moves(
    database: Database,
) -> None:
    assert database
    clock = ManualClock()
    called = asyncio.Event()
    timer = ScheduleTimer(clock, called.set)
    work = asyncio.create_task(timer.run())
    timer.set(clock.utc_us() + 20_000)
    clock.advance(0.02)
    await asyncio.wait_for(called.wait(), 5)
    called.clear()
    timer.set(clock.utc_us() + HOUR_US)
    await asyncio.sleep(0.05)
    assert not called.is_set()
    timer.set(clock.utc_us())
    await asyncio.wait_for(called.wait(), 5)
    work.cancel()
