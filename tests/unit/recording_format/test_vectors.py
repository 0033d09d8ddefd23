"""The golden vectors are what their inputs make, and other players play them."""

import json
import subprocess
from pathlib import Path

import pytest

from reference.recording import make_vectors

FOLDER = Path(__file__).parents[2] / "vectors" / "recording"
CASES = sorted(str(path.parent.relative_to(FOLDER)) for path in FOLDER.rglob("vector.json"))
MOST_BYTES = 400_000


def files(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make all vectors anew."""
    folder = tmp_path_factory.mktemp("vectors")
    make_vectors.make(folder)
    return folder


def test_the_scripts_make_the_cases_of_the_tree(made: Path) -> None:
    """No vector is left over, none is missing."""
    assert sorted(str(path.parent.relative_to(made)) for path in made.rglob("vector.json")) == CASES


@pytest.mark.parametrize("case", CASES)
def test_a_vector_is_what_its_inputs_make(made: Path, case: str) -> None:
    """Every byte of the tree comes out of the writer again."""
    assert files(made / case) == files(FOLDER / case)


@pytest.mark.parametrize("case", CASES)
def test_a_vector_names_its_files(case: str) -> None:
    """The list in the JSON is what lies in the folder."""
    named = json.loads((FOLDER / case / "vector.json").read_text())["files"]
    assert named == list(files(FOLDER / case / "root"))


def test_the_vectors_are_small() -> None:
    """They lie in every checkout."""
    assert sum(map(len, files(FOLDER).values())) < MOST_BYTES


@pytest.mark.parametrize(
    "path", sorted(FOLDER.rglob("*.mp4")), ids=lambda path: str(path.relative_to(FOLDER))
)
def test_ffmpeg_decodes_every_video(path: Path) -> None:
    """Another reader of MP4 finds the pictures, and nothing to complain of."""
    command = [
        "ffprobe",
        "-v",
        "warning",
        "-threads",
        "1",
        "-count_frames",
        "-of",
        "csv=p=0",
        "-show_entries",
    ]
    done = subprocess.run(
        [*command, "stream=nb_read_frames", str(path)], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    counts = done.stdout.split()
    silent = not {"audio-dropped", "key-frames-only"}.isdisjoint(path.parts)
    assert counts.count("N/A") == int(silent)
    assert [count for count in counts if count != "N/A" and int(count) > 0]
