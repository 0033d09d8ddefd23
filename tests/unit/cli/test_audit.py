"""``vms audit``, as it is called."""

import json
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from audits import Audit
from vms import cli
from vms.audit import FaultKind, HeadFile
from vms.cli.texts import CATALOGUE
from vms.database import Database, Vault
from vms.database.vault import ENV_KEY

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def data(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(ENV_KEY, raising=False)
    folder = tmp_path / "data"
    folder.mkdir()
    shutil.copyfile(sqlite_template, folder / "vms.db")
    return folder


@pytest.fixture
async def filled(data: Path, open_database: Callable[[str], Database]) -> Audit:
    """Two cities with sealed lines, in a data folder as the product makes it."""
    audit = Audit(open_database(f"sqlite:///{data / 'vms.db'}"), Vault.load(data))
    audit.sealer._keeper = HeadFile(data)
    await audit.sealed(3, 2)
    await audit.sealed(1, city="rio")
    return audit


@pytest.fixture
def vms(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("LC_ALL", "C")

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["vms", "audit", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        said = capsys.readouterr()
        return (caught.value.code or 0, said.out, said.err)  # type: ignore[return-value]

    return run


@pytest.fixture
def raw(data: Path) -> Iterator[sqlite3.Connection]:
    """What somebody with the file can do."""
    with closing(sqlite3.connect(data / "vms.db", isolation_level=None)) as connection:
        yield connection


def chains(out: str) -> dict[str, dict[str, object]]:
    return {chain["city"]: chain for chain in json.loads(out)["chains"]}


@pytest.mark.usefixtures("filled")
def test_every_chain_is_proved(vms: Run, data: Path) -> None:
    code, out, _ = vms("verify", "--data", data)
    assert code == 0
    assert "sp: proved. 5 lines, 2 seals; 0 lines wait." in out
    assert "rio: proved. 1 lines" in out
    assert "@platform: proved. 1 lines" in out
    code, out, _ = vms("verify", "--data", data, "--city", "sp", "--json")
    assert code == 0
    (chain,) = chains(out).values()
    assert (chain["city"], chain["intact"], chain["signer_known"]) == ("sp", True, True)
    assert (chain["lines"], chain["last"], chain["faults"]) == (5, 5, [])


@pytest.mark.usefixtures("filled")
def test_a_change_is_said_with_its_place_and_the_exit_code_tells(
    vms: Run, data: Path, raw: sqlite3.Connection
) -> None:
    raw.execute("UPDATE audit_lines SET actor = 'user:eve' WHERE city = 'sp' AND number = 2")
    raw.execute("DELETE FROM audit_lines WHERE city = 'sp' AND number = 5")
    code, out, said = vms("verify", "--data", data)
    assert code == 6
    assert "sp: BROKEN, 2 faults" in out
    assert "line 2 was changed" in out
    assert "lines 5 to 5 are missing" in out
    assert "rio: proved" in out
    assert "broken in sp: 2 faults" in said
    code, out, said = vms("verify", "--data", data, "--json")
    assert code == 6
    assert json.loads(said)["code"] == "audit_broken"
    faults = chains(out)["sp"]["faults"]
    assert isinstance(faults, list)
    assert [(one["kind"], one["first"]) for one in faults] == [
        ("line_changed", 2),
        ("line_missing", 5),
    ]


@pytest.mark.usefixtures("filled")
def test_a_tail_cut_off_is_found_by_the_file_beside_the_database(
    vms: Run, data: Path, raw: sqlite3.Connection
) -> None:
    raw.execute("DELETE FROM audit_lines WHERE city = 'sp' AND number > 3")
    raw.execute("DELETE FROM audit_seals WHERE city = 'sp' AND number = 2")
    code, out, _ = vms("verify", "--data", data, "--city", "sp")
    assert code == 6
    assert "the end is cut off: lines 4 to 5 were sealed" in out


@pytest.mark.usefixtures("filled")
def test_many_faults_are_counted(vms: Run, data: Path, raw: sqlite3.Connection) -> None:
    raw.execute("UPDATE audit_lines SET number = number + 1000 WHERE city = 'sp'")
    raw.executemany(
        "INSERT INTO audit_seals SELECT city, number + ?, first, last, head, previous, time_us, "
        "key, signature FROM audit_seals WHERE city = 'sp' AND number = 1",
        [(number,) for number in range(10, 150)],
    )
    code, out, _ = vms("verify", "--data", data, "--city", "sp")
    assert code == 6
    assert "more\n" in out


@pytest.mark.usefixtures("filled")
def test_an_export_is_verified_without_database_or_secret(
    vms: Run, data: Path, tmp_path: Path
) -> None:
    file = tmp_path / "sp.jsonl"
    code, out, _ = vms("export", file, "--city", "sp", "--data", data)
    assert code == 0
    assert "Export written" in out
    assert file.stat().st_mode & 0o777 == 0o600
    (key,) = json.loads(vms("key", "--data", data, "--json")[1])["keys"]
    shutil.rmtree(data)
    code, out, said = vms("verify", "--file", file)
    assert code == 3
    assert "intact, signer unknown" in out
    assert key["fingerprint"] in out
    assert "vms audit key" in said
    code, out, _ = vms("verify", "--file", file, "--fingerprint", key["fingerprint"])
    assert code == 0
    assert "sp: proved" in out
    code, _, _ = vms("verify", "--file", file, "--fingerprint", "ab" * 32)
    assert code == 6
    code, _, said = vms("verify", "--file", file, "--fingerprint", "abc")
    assert code == 2
    assert "64 hex digits" in said
    file.write_bytes(file.read_bytes()[:-100])
    code, out, _ = vms("verify", "--file", file, "--fingerprint", key["fingerprint"])
    assert code == 6
    assert "it was cut off" in out


@pytest.mark.usefixtures("filled")
def test_an_export_replaces_nothing_and_may_be_of_the_platform(
    vms: Run, data: Path, tmp_path: Path
) -> None:
    file = tmp_path / "platform.jsonl"
    told = json.loads(vms("export", file, "--data", data, "--json")[1])
    assert (told["file"], told["bytes"]) == (str(file), file.stat().st_size)
    assert chains(vms("verify", "--file", file, "--json")[1]).keys() == {"@platform"}
    before = file.read_bytes()
    code, _, said = vms("export", file, "--data", data)
    assert code == 6
    assert "is there already" in said
    assert file.read_bytes() == before


@pytest.mark.usefixtures("filled")
def test_the_key_is_printed_for_people_and_programs(vms: Run, data: Path) -> None:
    code, out, _ = vms("key", "--data", data)
    assert code == 0
    fingerprint, *pem = out.splitlines()
    assert pem[0] == "-----BEGIN PUBLIC KEY-----"
    told = json.loads(vms("key", "--data", data, "--json")[1])["keys"]
    assert told[0]["fingerprint"] == fingerprint.replace(":", "")


def test_before_the_first_seal_there_is_nothing_to_doubt(vms: Run, data: Path) -> None:
    Vault.load(data)
    assert vms("verify", "--data", data)[0] == 0
    code, out, _ = vms("key", "--data", data)
    assert code == 0
    assert "Nothing was sealed yet" in out


@pytest.mark.usefixtures("filled")
def test_a_lost_secret_key_is_said_and_no_new_one_is_made(vms: Run, data: Path) -> None:
    (data / "secret.key").unlink()
    code, _, said = vms("verify", "--data", data)
    assert code == 5
    assert "there is no secret key" in said
    assert not (data / "secret.key").exists()


@pytest.mark.parametrize("command", [("verify",), ("key",), ("export", "file")])
def test_looking_at_nothing_makes_nothing(
    vms: Run, tmp_path: Path, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, said = vms(*command, "--data", tmp_path)
    assert code == 5
    assert "there is no database" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["missing", "."])
def test_a_file_that_is_not_there_is_said(vms: Run, tmp_path: Path, name: str) -> None:
    code, _, said = vms("verify", "--file", tmp_path / name)
    assert code == 5
    assert "no such file" in said


def test_a_file_that_is_no_export_is_said(vms: Run, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("junk")
    code, _, said = vms("verify", "--file", tmp_path / "x")
    assert code == 2
    assert "not an export" in said


@pytest.mark.parametrize("language", sorted(CATALOGUE))
def test_every_fault_has_words(language: str) -> None:
    for kind in FaultKind:
        words = CATALOGUE[language][f"audit.fault.{kind}"]
        assert words.format(first=1, last=2, about="x")
