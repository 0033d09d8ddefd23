"""The snapshot: whole, secret, and honest about what is wrong with it."""

import stat
from pathlib import Path

import pytest

from doubles import desired, wish
from vms.common import InternalError, StreamName
from vms.engine import SnapshotStore

STATE = desired(wish("gate", StreamName.MAIN, StreamName.SUB), wish("yard"), generation=7)


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path / "media")
    assert store.load() is None
    store.save(STATE)
    assert store.load() == STATE
    store.save(desired(generation=8))
    assert SnapshotStore(tmp_path / "media").load() == desired(generation=8)


def test_only_its_owner_may_read_it_and_it_shows_no_password(tmp_path: Path) -> None:
    SnapshotStore(tmp_path / "media").save(STATE)
    assert stat.S_IMODE((tmp_path / "media").stat().st_mode) == 0o700
    files = sorted((tmp_path / "media").iterdir())
    assert [file.name for file in files] == ["snapshot.bin", "snapshot.key"]
    for file in files:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert b"secret" not in file.read_bytes()
        assert b"rtsp" not in file.read_bytes()


def test_two_snapshots_of_one_state_differ(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    store.save(STATE)
    first = (tmp_path / "snapshot.bin").read_bytes()
    store.save(STATE)
    assert (tmp_path / "snapshot.bin").read_bytes() != first


@pytest.mark.parametrize("cut", [0, 4, 8, 15, 20, 40, -1])
def test_a_damaged_snapshot_is_refused(tmp_path: Path, cut: int) -> None:
    store = SnapshotStore(tmp_path)
    store.save(STATE)
    file = tmp_path / "snapshot.bin"
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(InternalError, match="cannot be used") as caught:
        store.load()
    assert caught.value.code == "snapshot_broken"


@pytest.mark.parametrize("at", [0, 10, 30, -1])
def test_one_changed_bit_is_noticed(tmp_path: Path, at: int) -> None:
    store = SnapshotStore(tmp_path)
    store.save(STATE)
    file = tmp_path / "snapshot.bin"
    raw = bytearray(file.read_bytes())
    raw[at] ^= 1
    file.write_bytes(raw)
    with pytest.raises(InternalError, match="cannot be used"):
        store.load()


def test_a_lost_key_is_named(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    store.save(STATE)
    (tmp_path / "snapshot.key").unlink()
    with pytest.raises(InternalError, match=r"snapshot\.key is gone"):
        store.load()
    store.save(STATE)
    assert store.load() == STATE


def test_what_a_crash_left_does_not_stand_in_the_way(tmp_path: Path) -> None:
    (tmp_path / ".snapshot.bin.new").write_bytes(b"half")
    store = SnapshotStore(tmp_path)
    store.save(STATE)
    assert store.load() == STATE
