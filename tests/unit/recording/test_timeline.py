"""Timelines: spans, gaps, marks and days, at any zoom."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from recorder import BEGIN_US, HOUR_US, gap, part
from vms.admin import Function
from vms.common import ForbiddenError, InvalidError, NotFoundError, StreamName
from vms.engine.recording import Inventory
from vms.recording import MarkKind, Timeline
from vms.recording import schedule as schedules

from .conftest import Studio, manager, watcher

MAIN = StreamName.MAIN
DAY_US = 24 * HOUR_US


async def fill(studio: Studio, camera: str = "gate", city: str = "sp") -> None:
    found = Inventory(
        tuple(one for one in studio.recorder.parts if one.camera == camera),
        tuple(one for one in studio.recorder.gaps if one.camera == camera),
    )
    time = (0, 4_000_000_000_000_000)
    await studio.recordings.catalogue.put(city, camera, time, found, announce=False)


async def line(
    studio: Studio, from_us: int = BEGIN_US, to_us: int = BEGIN_US + DAY_US, zoom_us: int = 0
) -> Timeline:
    return await studio.recordings.timelines.one(manager(), "gate", MAIN, from_us, to_us, zoom_us)


async def test_hours_that_follow_one_another_are_one_span(studio: Studio) -> None:
    studio.recorder.parts = [part(hour=hour) for hour in (0, 1, 2, 5)]
    studio.recorder.parts.append(part(hour=4, stream=StreamName.SUB))
    studio.recorder.gaps = [gap(hour=3), gap(hour=4)]
    await fill(studio)
    found = await line(studio)
    assert [(one.from_us, one.to_us, one.keys, one.bytes) for one in found.spans] == [
        (BEGIN_US, BEGIN_US + 3 * HOUR_US, 5400, 3000),
        (BEGIN_US + 5 * HOUR_US, BEGIN_US + 6 * HOUR_US, 1800, 1000),
    ]
    assert [one.reason.code for one in found.gaps] == ["camera_off", "camera_off"]
    assert found.gaps[0].reason.values == {"host": "192.0.2.1"}
    assert (found.spans[0].error_us, found.spans[0].camera_offset_ms) == (500, 3)


async def test_what_is_closer_than_a_pixel_is_one(studio: Studio) -> None:
    studio.recorder.parts = [part(hour=hour) for hour in (0, 2, 9)]
    studio.recorder.gaps = [gap(hour=1)]
    await fill(studio)
    coarse = await line(studio, zoom_us=2 * HOUR_US)
    assert [(one.from_us - BEGIN_US) // HOUR_US for one in coarse.spans] == [0, 9]
    assert len((await line(studio)).spans) == 3


async def test_what_was_rebuilt_is_told_apart(studio: Studio) -> None:
    studio.recorder.parts = [part(hour=0), part(hour=1, rebuilt=True)]
    await fill(studio)
    assert [one.rebuilt for one in (await line(studio)).spans] == [False, True]


async def test_only_what_touches_the_time_is_told(studio: Studio) -> None:
    studio.recorder.parts = [part(hour=hour) for hour in (0, 5, 10)]
    studio.recorder.gaps = [gap(hour=hour) for hour in (1, 6, 11)]
    await fill(studio)
    found = await line(studio, BEGIN_US + 5 * HOUR_US + 1, BEGIN_US + 6 * HOUR_US + 1)
    assert len(found.spans) == 1
    assert len(found.gaps) == 1
    assert (await line(studio, BEGIN_US + 20 * HOUR_US)).spans == []


async def test_a_gap_that_lasts_goes_on_to_now(studio: Studio) -> None:
    studio.recorder.gaps = [gap(hour=99, open_=True)]
    await fill(studio)
    studio.clock.advance(2 * 3600)
    found = await line(studio, BEGIN_US + 101 * HOUR_US, BEGIN_US + 110 * HOUR_US)
    times = [(one.from_us - BEGIN_US, one.to_us - BEGIN_US, one.open) for one in found.gaps]
    assert times == [(99 * HOUR_US, 102 * HOUR_US, True)]


async def test_triggers_of_parts_are_marks(studio: Studio) -> None:
    second = 1_000_000
    events = (
        (BEGIN_US + second, BEGIN_US + 2 * second),
        (BEGIN_US + 9 * second, BEGIN_US + HOUR_US),
    )
    studio.recorder.parts = [part(hour=0, events=events)]
    await fill(studio)
    assert [(one.at_us, one.kind) for one in (await line(studio)).marks] == [
        (BEGIN_US + second, MarkKind.TRIGGER),
        (BEGIN_US + 9 * second, MarkKind.TRIGGER),
    ]
    (one,) = (await line(studio, zoom_us=60 * second)).marks
    assert one.to_us == BEGIN_US + HOUR_US


async def test_days_are_those_of_the_citys_own_calendar(studio: Studio) -> None:
    zone = ZoneInfo("America/Sao_Paulo")
    # The last day of summer time there: it has 25 hours.
    begin = schedules.instant(datetime(2019, 2, 16, tzinfo=zone))
    shift = (begin - BEGIN_US) // HOUR_US
    studio.recorder.parts = [part(hour=shift + 24)]
    await fill(studio)
    wide = (begin - DAY_US, begin + 3 * DAY_US)
    assert (await line(studio, *wide)).days == ["2019-02-16"]
    studio.recorder.parts = [part(hour=shift + 25)]
    await fill(studio)
    found = await line(studio, *wide)
    assert (found.days, found.time_zone) == (["2019-02-17"], "America/Sao_Paulo")


async def test_a_day_of_23_hours_is_one_day_of_the_calendar(studio: Studio) -> None:
    zone = ZoneInfo("America/Sao_Paulo")
    # Summer time begins there: the day has no midnight and begins at one.
    begin = schedules.instant(datetime(2018, 11, 4, 1, tzinfo=zone))
    shift = (begin - BEGIN_US) // HOUR_US
    wide = (begin - DAY_US, begin + 3 * DAY_US)
    for hour, day in (
        (-1, "2018-11-03"),
        (0, "2018-11-04"),
        (22, "2018-11-04"),
        (23, "2018-11-05"),
    ):
        studio.recorder.parts = [part(hour=shift + hour)]
        await fill(studio)
        assert (await line(studio, *wide)).days == [day], hour


async def test_several_cameras_come_in_the_order_that_was_asked(studio: Studio) -> None:
    studio.recorder.parts = [part(hour=0), part("yard", hour=1)]
    await fill(studio)
    await fill(studio, "yard")
    many = studio.recordings.timelines.many
    end = BEGIN_US + DAY_US
    found = await many(manager(), ["yard", "gate", "yard"], MAIN, BEGIN_US, end)
    assert [(one.camera, len(one.spans)) for one in found] == [("yard", 1), ("gate", 1)]


async def test_who_may_not_look_is_refused_and_others_cameras_do_not_exist(studio: Studio) -> None:
    lines = studio.recordings.timelines
    end = BEGIN_US + DAY_US
    reader = watcher("city:sp", Function.CAMERA_READ)
    with pytest.raises(ForbiddenError):
        await lines.one(reader, "gate", MAIN, BEGIN_US, end)
    with pytest.raises(NotFoundError):
        await lines.many(manager(), ["gate", "pier"], MAIN, BEGIN_US, end)
    of_group = watcher(f"group:sp/{studio.group}", Function.PLAYBACK_VIEW)
    assert (await lines.one(of_group, "gate", MAIN, BEGIN_US, end)).camera == "gate"
    with pytest.raises(NotFoundError):
        await lines.one(of_group, "yard", MAIN, BEGIN_US, end)


@pytest.mark.parametrize("time", [(5, 5), (6, 5), (0, 400 * DAY_US)])
async def test_a_time_that_is_none_or_too_long_is_refused(
    studio: Studio, time: tuple[int, int]
) -> None:
    with pytest.raises(InvalidError):
        await line(studio, *time)
    assert timedelta(days=367) < timedelta(days=400)
