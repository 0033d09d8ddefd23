"""What the product is built of: no shell, and only parts that are locked by their hashes."""

import ast
import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
SHELLS = {
    "os.popen",
    "os.system",
    "asyncio.create_subprocess_shell",
    "subprocess.getoutput",
    "subprocess.getstatusoutput",
}
CRATES = "registry+https://github.com/rust-lang/crates.io-index"


def shells_in(source: str) -> list[str]:
    """Return the calls of a module that would start a shell."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    named = [ast.unparse(call.func) for call in calls]
    by_flag = [ast.unparse(call) for call in calls for word in call.keywords if word.arg == "shell"]
    return [name for name in named if name in SHELLS] + by_flag


def test_no_part_starts_a_shell() -> None:
    assert shells_in("subprocess.run('ls', shell=flag)")
    assert shells_in("os.system('ls')")
    assert len(SOURCES) > 100
    assert {path.name: found for path in SOURCES if (found := shells_in(path.read_text()))} == {}


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_python_package_is_locked_by_hash(name: str) -> None:
    whole = (ROOT / name).read_text().replace("\\\n", " ")
    lines = [line for line in whole.splitlines() if line.strip() and line.lstrip()[0] not in "#-"]
    assert len(lines) > 10
    loose = [line for line in lines if not re.match(r"\S+==\S+ .*--hash=sha256:[0-9a-f]{64}", line)]
    assert loose == []


def test_every_crate_is_locked_by_checksum_and_from_one_registry() -> None:
    packages = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    foreign = [one for one in packages if "source" in one]
    assert len(foreign) > 50
    assert [one["name"] for one in foreign if one["source"] != CRATES] == []
    assert [one["name"] for one in foreign if len(one.get("checksum", "")) != 64] == []


def test_every_package_of_the_web_client_is_locked_by_hash() -> None:
    lock = json.loads((ROOT / "clients/web/package-lock.json").read_text())
    packages = {name: one for name, one in lock["packages"].items() if name}
    assert len(packages) > 50
    loose = [name for name, one in packages.items() if "sha512-" not in one.get("integrity", "")]
    assert loose == []


def test_one_command_runs_every_check() -> None:
    makefile = (ROOT / "Makefile").read_text()
    wanted = set(re.findall(r"^((?:lint|test|docs)-[a-z]+|stubtest):", makefile, re.MULTILINE))
    assert len(wanted) > 7
    steps = re.search(r"STEPS:-([^}]*)", (ROOT / "scripts/test.sh").read_text())
    assert steps is not None
    assert wanted - set(steps[1].split()) == set()
