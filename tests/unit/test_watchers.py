"""Those who watch for lost seconds, and those who count what a process holds, see what is there."""

import os
import re
import socket
import threading
from types import SimpleNamespace

import pytest

import watchers
from census import HANDLES, MEBI, MEMORY, Held, grown, listening
from soak import uncovered
from watchers import MARK, Seen, Watcher, taken_s


def watcher(*pictures: tuple[float, float]) -> Watcher:
    made = Watcher("gate")
    made.seen = [Seen(at, taken) for at, taken in pictures]
    return made


def test_the_time_of_a_picture_is_read_whatever_bytes_it_has() -> None:
    for taken_us in (1_791_022_334_000_000, 0x0006_5D00_0000_0003, 0x0006_0000_0200_0001):
        # An emulation prevention byte stands before what would look like a start code.
        escaped = re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", taken_us.to_bytes(8))
        assert taken_s(b"\0\0\1\6\5\x18" + MARK + escaped + b"\x80rest") == taken_us / 1e6
    assert taken_s(b"\0\0\1\x65no mark") is None


def test_a_lost_second_is_seen_on_either_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    now = watcher((0.0, 100.0), (0.5, 100.5), (1.0, 101.0)).lost(1e9)
    assert now == []
    assert len(watcher((0.0, 100.0), (0.04, 102.0)).lost(1.0)) == 2, "and nothing since"
    (skipped, _) = watcher((0.0, 100.0), (0.04, 102.0)).lost(1.0)
    assert "2.00 s of pictures missing" in skipped
    (late, _) = watcher((0.0, 100.0), (3.0, 100.04)).lost(1.0)
    assert "a pause of 3.00 s" in late
    (silent,) = watcher((0.0, 100.0)).lost(1.0)
    assert "at the end" in silent
    assert watcher().lost(1.0) == ["gate: no picture (None)"]
    (silent,) = watcher((0.0, 100.0), (0.5, 100.5)).lost(1.0, since=1.0)
    assert silent.startswith("gate: nothing for")
    monkeypatch.setattr(watchers, "time", SimpleNamespace(monotonic=lambda: 10.9))
    assert watcher((10.0, 100.0)).lost(1.0, since=10.1) == [], "the next one is not due yet"


def test_what_grew_is_told_and_nothing_else() -> None:
    before = {"media": Held(100 * MEBI, 10, 40), "api 1": Held(90 * MEBI, 9, 16)}
    assert grown(before, before) == []
    assert grown(before, before | {"media": Held(10 * MEBI, 1, 4)}) == []
    for more in (
        Held(101 * MEBI + MEMORY, 10, 40),
        Held(100 * MEBI, 20, 40),
        Held(100 * MEBI, 10, 41 + HANDLES),
    ):
        (told,) = grown(before, before | {"media": more})
        assert told.startswith("media: 100.0 MiB, 10 threads, 40 handles -> "), told


def test_a_process_is_counted_as_it_is() -> None:
    pid, before = os.getpid(), Held.by(os.getpid())
    ended = threading.Event()
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(type=socket.SOCK_DGRAM) as udp,
    ):
        udp.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=ended.wait)
        thread.start()
        now = Held.by(pid)
        ended.set()
        thread.join()
        assert now.handles == before.handles + 2
        assert now.threads == before.threads + 1
        own = {("tcp", tcp.getsockname()[1]), ("udp", udp.getsockname()[1])}
        assert own <= listening(pid)
    assert not own & listening(pid)


def test_time_that_nothing_accounts_for_is_found() -> None:
    assert list(uncovered([(0, 5), (5, 10)], 0, 10)) == []
    assert list(uncovered([(3, 8), (1, 5)], 0, 10)) == [(0, 1), (8, 10)]
    assert list(uncovered([(0, 9), (2, 3), (9, 12)], 0, 10)) == []
    assert list(uncovered([], 0, 10)) == [(0, 10)]
