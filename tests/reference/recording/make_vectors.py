"""Write the golden vectors in tests/vectors/recording. Always the same bytes.

`PYTHONPATH=tests .venv/bin/python -m reference.recording.make_vectors`
"""

import json
import shutil
from pathlib import Path

from .fields import Values
from .scripts import VECTORS
from .writer import SAMPLES, Writer

FOLDER = SAMPLES.parent


def text_of(vector: Values, files: list[str]) -> str:
    """Return a vector's JSON, a step a line."""
    head = {name: value for name, value in vector.items() if name != "steps"}
    lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in head.items()]
    steps = ",\n  ".join(json.dumps(step) for step in vector["steps"])
    lines.append(f'"steps": [\n  {steps}]')
    lines.append('"files": [\n  ' + ",\n  ".join(json.dumps(name) for name in files) + "]")
    return "{" + ",\n ".join(lines) + "}\n"


def make(folder: Path) -> None:
    """Write every vector into its own folder."""
    for name, vector in VECTORS.items():
        own = folder / name
        shutil.rmtree(own, ignore_errors=True)
        files = Writer(vector()).files
        for path, data in files.items():
            target = own / "root" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        (own / "vector.json").write_text(text_of(vector(), sorted(files)))


if __name__ == "__main__":
    make(FOLDER)
