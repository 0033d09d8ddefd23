"""How cameras were doing: kept in batches, told once, unknown where nobody watched."""

import pytest

from vms.admin import Function
from vms.cameras import (
    CameraHistory,
    Cameras,
    CameraState,
    Change,
    Filter,
    NewCamera,
    StreamChange,
    Transition,
    Why,
)
from vms.common import ManualClock, NotFoundError, Page, StreamName
from vms.database import Database

from .conftest import SYSTEM, manager, person, rows_of

SP = manager("sp")
ONLINE, OFFLINE, OFF, UNKNOWN = CameraState
DARK = Why("no_video", {"seconds": 5})
MAIN, SUB = StreamName
S = 1_000_000


def change(
    at_us: int,
    state: CameraState,
    reason: Why | None = None,
    *,
    camera: str = "gate",
    stream: StreamName = MAIN,
    announced: bool = False,
) -> StreamChange:
    return StreamChange("sp", camera, stream, Transition(at_us, state, reason), announced)


@pytest.fixture
async def gate(cameras: Cameras) -> str:
    await cameras.create(SYSTEM, NewCamera(id="gate", city="sp", name="Gate", url="rtsp://h/"))
    return "gate"


async def test_the_newest_state_stands_with_the_camera(
    cameras: Cameras, history: CameraHistory, gate: str
) -> None:
    await history.append([change(10, ONLINE), change(20, OFFLINE, DARK)])
    status = (await cameras.get(SP, gate)).status
    assert (status.state, status.reason, status.since_us) == (OFFLINE, DARK, 20)
    (item,) = (await cameras.list(SP, Filter(state=OFFLINE), Page())).items
    assert item.status == status
    assert (await cameras.list(SP, Filter(state=ONLINE), Page())).items == ()
    await cameras.update(SP, gate, 1, Change(enabled=False))
    assert (await cameras.get(SP, gate)).status.state is OFF
    assert len((await cameras.list(SP, Filter(state=OFF), Page())).items) == 1


async def test_another_reason_does_not_begin_the_outage_anew(
    cameras: Cameras, history: CameraHistory, gate: str
) -> None:
    await history.append([change(10, OFFLINE, DARK)])
    await history.append([change(50, OFFLINE, Why("dns"))])
    status = (await cameras.get(SP, gate)).status
    assert (status.since_us, status.reason) == (10, Why("dns"))


async def test_history_is_read_newest_first_by_pages(history: CameraHistory, gate: str) -> None:
    await history.append([change(n, ONLINE if n % 2 else OFFLINE) for n in range(1, 6)])
    await history.append([change(3, OFFLINE, DARK, stream=SUB)])
    first = await history.history(SP, gate, MAIN, Page(3))
    assert [one.at_us for one in first.items] == [5, 4, 3]
    rest = await history.history(SP, gate, MAIN, Page(3, first.next))
    assert ([one.at_us for one in rest.items], rest.next) == ([2, 1], None)
    (sub,) = (await history.history(SP, gate, SUB, Page())).items
    assert sub == Transition(3, OFFLINE, DARK)


async def test_events_tell_what_was_announced(
    history: CameraHistory, database: Database, gate: str
) -> None:
    await history.append(
        [
            change(1, ONLINE, announced=True),
            change(2, OFFLINE, DARK, announced=True),
            change(3, OFFLINE, Why("dns")),
        ]
    )
    assert gate
    events = await rows_of(database, "SELECT name, body FROM outbox WHERE name <> 'camera.created'")
    assert [name for name, _ in events] == ["camera.online", "camera.offline"]
    assert '"reason":"no_video"' in str(events[1][1])


async def test_uptime_is_told_of_what_was_watched(
    history: CameraHistory, clock: ManualClock, gate: str
) -> None:
    start = clock.utc_us()
    await history.append([change(start, ONLINE), change(start + 60 * S, OFFLINE, DARK)])
    clock.advance(80)
    await history.append([change(start + 80 * S, ONLINE)])
    clock.advance(20)
    await history.beat()
    report = await history.uptime(SP, gate, start - 10 * S, start + 1_000 * S)
    assert report.to_us == clock.utc_us()
    assert (report.online_us, report.offline_us, report.unknown_us) == (80 * S, 20 * S, 10 * S)
    assert report.percent == 80.0
    assert [one.reasons for one in report.outages] == [(DARK,)]


async def test_a_state_that_nobody_watches_any_more_is_unknown(
    history: CameraHistory, clock: ManualClock, gate: str
) -> None:
    start = clock.utc_us()
    await history.append([change(start, ONLINE)])
    clock.advance(20)
    assert (await history.uptime(SP, gate, start, start + 20 * S)).unknown_us == 0
    clock.advance(80)
    report = await history.uptime(SP, gate, start, start + 100 * S)
    assert (report.online_us, report.unknown_us) == (0, 100 * S)


async def test_a_stop_closes_what_was_open(
    cameras: Cameras, history: CameraHistory, clock: ManualClock, gate: str
) -> None:
    start = clock.utc_us()
    await history.append([change(start, ONLINE)])
    clock.advance(10)
    await history.end()
    clock.advance(90)
    assert (await cameras.get(SP, gate)).status.state is UNKNOWN
    known = await history.begin()
    assert known[(gate, MAIN)].now == Transition(start + 10 * S, UNKNOWN)
    assert known[(gate, MAIN)].live is True
    report = await history.uptime(SP, gate, start, start + 100 * S)
    assert (report.online_us, report.unknown_us, report.percent) == (10 * S, 90 * S, 100.0)


async def test_after_a_crash_nobody_watched_since_the_last_beat(
    history: CameraHistory, clock: ManualClock, gate: str
) -> None:
    start = clock.utc_us()
    await history.append([change(start, OFFLINE, DARK)])
    clock.advance(10)
    await history.beat()
    clock.advance(90)
    known = await history.begin()
    assert known[(gate, MAIN)].now == Transition(start + 10 * S, UNKNOWN)
    assert known[(gate, MAIN)].live is False
    report = await history.uptime(SP, gate, start, start + 100 * S)
    assert (report.offline_us, report.unknown_us) == (10 * S, 90 * S)


async def test_who_watched_on_all_the_time_leaves_no_gap(
    history: CameraHistory, clock: ManualClock, gate: str
) -> None:
    """The media process went on while the API was away: its word fills the gap."""
    start = clock.utc_us()
    await history.append([change(start, ONLINE)])
    clock.advance(10)
    await history.end()
    clock.advance(90)
    known = await history.begin()
    since = known[(gate, MAIN)].now.at_us
    await history.append([change(since, ONLINE)])
    report = await history.uptime(SP, gate, start, start + 100 * S)
    assert (report.online_us, report.unknown_us) == (100 * S, 0)


async def test_a_camera_that_is_gone_takes_its_history_along(
    cameras: Cameras, history: CameraHistory, database: Database, gate: str
) -> None:
    await history.append([change(1, ONLINE)])
    await cameras.delete(SP, gate, None)
    await history.append([change(2, OFFLINE, DARK)])
    for table in ("camera_history", "camera_status"):
        assert await rows_of(database, f"SELECT count(*) FROM {table}") == [(0,)]  # noqa: S608


async def test_old_history_goes_but_for_what_still_holds(
    history: CameraHistory, database: Database, clock: ManualClock, gate: str
) -> None:
    start = clock.utc_us()
    await history.append([change(start + n, ONLINE if n % 2 else OFFLINE) for n in range(5)])
    kept = "SELECT at_us FROM camera_history ORDER BY at_us"
    clock.advance(399 * 86_400)
    await history.maintain()
    assert len(await rows_of(database, kept)) == 5
    clock.advance(2 * 86_400)
    await history.maintain()
    assert await rows_of(database, kept) == [(start + 4,)]
    assert gate


async def test_another_citys_history_does_not_exist(
    history: CameraHistory, clock: ManualClock, gate: str
) -> None:
    for who in (manager("rj"), person((Function.LIVE_VIEW, "city:sp"))):
        for call in (
            history.history(who, gate, MAIN, Page()),
            history.uptime(who, gate, clock.utc_us() - S, clock.utc_us()),
        ):
            with pytest.raises(NotFoundError):
                await call
