"""Folders and sockets of one installation."""

import stat
import tempfile
from pathlib import Path

import pytest

from vms.common import ForbiddenError, InvalidError
from vms.services.listen import listen_unix
from vms.services.paths import (
    api_socket,
    make_data_folder,
    media_socket,
    runtime_folder,
    write_atomic,
)


def test_sockets_lie_in_a_folder_that_only_its_owner_may_open(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir(mode=0o755)
    assert media_socket(tmp_path) == tmp_path / "run" / "media.sock"
    assert api_socket(tmp_path) == tmp_path / "run" / "api.sock"
    assert stat.S_IMODE((tmp_path / "run").stat().st_mode) == 0o700


def test_a_long_path_gets_a_short_folder_that_follows_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory(prefix="r-") as short:
        monkeypatch.setenv("XDG_RUNTIME_DIR", short)
        long = tmp_path / ("x" * 120)
        folder = runtime_folder(long)
        assert folder.parent == Path(short)
        assert folder == runtime_folder(long)
        assert folder != runtime_folder(tmp_path / ("y" * 120))
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ForbiddenError, match="not a folder of this user"):
        runtime_folder(tmp_path)


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidError, match="cannot be made"):
        make_data_folder(str(tmp_path / "file" / "data"))


def test_a_listening_socket_replaces_what_was_left(tmp_path: Path) -> None:
    for _ in range(2):
        with listen_unix(tmp_path / "api.sock"):
            assert stat.S_IMODE((tmp_path / "api.sock").stat().st_mode) == 0o600


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    write_atomic(file, "one")
    with file.open() as old:
        write_atomic(file, "two")
        assert old.read() == "one"
    assert file.read_text() == "two"
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.json"]
