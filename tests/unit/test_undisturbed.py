"""What is played again, and what fails as it is."""

from pathlib import Path

import pytest

import undisturbed

pytest_plugins = ["pytester"]

CONFTEST = "from undisturbed import pytest_runtest_protocol, pytest_terminal_summary"
SETTINGS = f"""
[pytest]
pythonpath = {Path(undisturbed.__file__).parent}
markers = engine: of the running product
"""
# Fails the first time, and stops itself then where it is asked to.
FAILS_ONCE = """
import os, signal, subprocess
import pytest

def stand_still():
    later = f"sleep 0.6; kill -CONT {os.getpid()}"
    with subprocess.Popen(["sh", "-c", later]):
        os.kill(os.getpid(), signal.SIGSTOP)

@pytest.fixture
def fresh(tmp_path):
    yield tmp_path / "used"

MARK
def test_it(fresh, pytestconfig):
    assert not fresh.exists(), "its fixtures are made anew"
    fresh.touch()
    tries = pytestconfig.rootpath / "tries"
    with tries.open("a") as file:
        file.write("x")
    if tries.stat().st_size == 1:
        STILL
        assert False
"""
OURS, OTHERS = "@pytest.mark.engine", ""
STOPS, RUNS = "stand_still()", "pass"


@pytest.mark.parametrize(
    ("mark", "still", "tries"), [(OURS, STOPS, "xx"), (OURS, RUNS, "x"), (OTHERS, STOPS, "x")]
)
def test_only_a_machine_that_stood_still_lets_a_test_of_the_product_be_played_again(
    pytester: pytest.Pytester, mark: str, still: str, tries: str
) -> None:
    again = len(tries) > 1
    pytester.makeini(SETTINGS)
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(FAILS_ONCE.replace("MARK", mark).replace("STILL", still))
    told = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    assert told.ret == (0 if again else 1)
    told.assert_outcomes(passed=int(again), failed=int(not again))
    assert ("played again: " in told.stdout.str()) == again
    assert (pytester.path / "tries").read_text() == tries
