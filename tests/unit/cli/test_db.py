"""``vms db``, as it is called."""

import json
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from vms import cli
from vms.config.load import ENV_SECRET_KEY
from vms.database import hold_folder
from vms.database.vault import ENV_KEY

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.fixture
def db(data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("LC_ALL", "C")

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["vms", "db", *arguments, "--data", str(data)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        said = capsys.readouterr()
        return (caught.value.code or 0, said.out, said.err)  # type: ignore[return-value]

    return run


def test_upgrade_says_what_it_did(db: Run) -> None:
    code, out, _ = db("upgrade", "--json")
    told = json.loads(out)
    assert (code, told["from"]) == (0, None)
    assert int(told["to"]) >= 1
    assert f"up to date (version {told['to']})" in db("upgrade")[1]


@pytest.mark.parametrize("command", ["check", "backup"])
def test_looking_at_nothing_makes_nothing(db: Run, data: Path, command: str) -> None:
    for _ in range(2):
        code, _, said = db(command)
        assert code == 5
        assert "there is no database" in said
        assert not (data / "vms.db").exists()
        if data.exists():
            data.rmdir()


def test_upgrade_makes_the_folder(db: Run, data: Path) -> None:
    data.rmdir()
    assert db("upgrade")[0] == 0
    assert (data / "vms.db").exists()


def test_check_finds_nothing_then_something(db: Run, data: Path) -> None:
    (data / "vms.db").touch()
    code, _, said = db("check")
    assert code == 6
    assert "run vms db upgrade" in said
    db("upgrade")
    code, out, _ = db("check")
    assert code == 0
    assert "is fine" in out
    assert json.loads(db("check", "--json")[1])["faults"] == []
    with sqlite3.connect(data / "vms.db") as raw:
        raw.execute("CREATE TABLE stranger (id INTEGER)")
    raw.close()
    code, out, said = db("check")
    assert code == 6
    assert "stranger" in out
    assert "1 faults" in said
    [fault] = json.loads(db("check", "--json")[1])["faults"]
    assert fault["code"] == "schema_differs"


def test_backup_and_restore(db: Run, data: Path, tmp_path: Path) -> None:
    db("upgrade")
    code, out, _ = db("backup", str(tmp_path / "copy"))
    assert code == 0
    assert "secret.key" in out
    told = json.loads(db("backup", "--json")[1])
    [made] = (data / "backups").iterdir()
    assert (told["file"], told["bytes"]) == (str(made), made.stat().st_size)
    with sqlite3.connect(data / "vms.db") as raw:
        raw.execute("DROP TABLE outbox")
    raw.close()
    code, out, _ = db("restore", str(tmp_path / "copy"))
    assert code == 0
    assert "before-restore" in out
    assert db("check")[0] == 0
    assert db("backup", str(tmp_path / "copy"))[0] == 6
    assert db("restore", str(tmp_path / "nothing"))[0] == 5
    told = json.loads(db("restore", str(made), "--json")[1])
    assert Path(told["aside"]).parent == data / "backups"


def test_restore_and_upgrade_are_refused_while_the_product_runs(
    db: Run, data: Path, tmp_path: Path
) -> None:
    db("upgrade")
    db("backup", str(tmp_path / "copy"))
    before = (data / "vms.db").read_bytes()
    with hold_folder(data):
        for arguments in (("restore", str(tmp_path / "copy")), ("upgrade",)):
            code, _, said = db(*arguments)
            assert code == 6
            assert "another vms up runs" in said
        assert db("backup", str(tmp_path / "while running"))[0] == 0
    assert (data / "vms.db").read_bytes() == before


def test_a_restore_into_an_empty_folder_brings_an_installation_back(
    db: Run, data: Path, tmp_path: Path
) -> None:
    db("upgrade")
    db("backup", str(tmp_path / "copy"))
    for path in data.iterdir():
        path.unlink()
    code, out, _ = db("restore", str(tmp_path / "copy"))
    assert code == 0
    assert "What was there before" not in out
    assert db("check")[0] == 0


def test_the_address_of_the_settings_is_used_and_its_password_hidden(db: Run, data: Path) -> None:
    address = "postgresql://vms:hunter2@127.0.0.1:1/vms?connect_timeout=1"
    (data / "vms.toml").write_text(f'[database]\nurl = "{address}"\n')
    code, out, said = db("check")
    assert code == 8
    assert "does not answer" in said
    assert "hunter2" not in out + said
    (data / "vms.toml").write_text('[database]\nurl = "mysql://vms:hunter2@h/d"\n')
    code, out, said = db("check")
    assert code == 2
    assert "postgresql://" in said
    assert "hunter2" not in out + said


def test_the_key_of_the_vault_is_no_unknown_variable() -> None:
    assert ENV_SECRET_KEY == ENV_KEY
