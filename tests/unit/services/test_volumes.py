"""Where recordings go: what stands in the settings is what the engine is given."""

from pathlib import Path

import pytest

from vms.cli.settings import Flags, launch_of
from vms.common import InvalidError
from vms.services.media import recording_config


def written(data: Path, text: str) -> Path:
    data.mkdir()
    (data / "vms.toml").write_text(text, encoding="utf-8")
    return data


def test_a_volume_is_a_folder_or_a_table_with_its_limit(tmp_path: Path) -> None:
    text = """[recording]
reserve_bytes = 1048576
volumes = ["/mnt/one", { path = "/mnt/two", max_bytes = 2000000000 }]
"""
    launch = launch_of(written(tmp_path / "data", text), Flags(), open_=False)
    told = recording_config(launch)
    assert told is not None
    assert [(one.name, one.path, one.reserve_bytes, one.max_bytes) for one in told.volumes] == [
        ("mnt-one", "/mnt/one", 1 << 20, None),
        ("mnt-two", "/mnt/two", 1 << 20, 2_000_000_000),
    ]


def test_without_a_volume_it_is_the_data_folders_own(tmp_path: Path) -> None:
    told = recording_config(launch_of(tmp_path, Flags(), open_=False))
    assert told is not None
    assert [(one.path, one.max_bytes) for one in told.volumes] == [
        (str(tmp_path / "recordings"), None)
    ]


def test_a_long_path_has_a_name_that_the_catalogue_can_keep(tmp_path: Path) -> None:
    deep = "/mnt/" + "folder/" * 20
    text = f'[recording]\nvolumes = ["{deep}one", "{deep}two", "/srv/{deep}one"]\n'
    launch = launch_of(written(tmp_path / "data", text), Flags(), open_=False)
    told = recording_config(launch)
    assert told is not None
    names = [one.name for one in told.volumes]
    assert len(set(names)) == len(names)
    assert {len(name) for name in names} == {63}
    assert [name.rsplit("-", 2)[1] for name in names] == ["one", "two", "one"]


def test_the_environment_names_volumes_as_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "VMS_RECORDING__VOLUMES", '["/mnt/one", {"path": "/mnt/two", "max_bytes": 2000000000}]'
    )
    told = recording_config(launch_of(tmp_path, Flags(), open_=False))
    assert told is not None
    assert [one.max_bytes for one in told.volumes] == [None, 2_000_000_000]


@pytest.mark.parametrize(
    "wrong", ['"disk"', '{ path = "disk" }', "{ max_bytes = 2000000000 }", "7",
              '{ path = "/mnt/one", max_bytes = 10 }', '{ path = "/mnt/one", size = 1 }'],
)  # fmt: skip
def test_what_is_no_volume_is_refused(tmp_path: Path, wrong: str) -> None:
    data = written(tmp_path / "data", f"[recording]\nvolumes = [{wrong}]\n")
    with pytest.raises(InvalidError) as caught:
        launch_of(data, Flags(), open_=False)
    assert "volumes" in caught.value.message
