"""Check the tree itself: length of files, lock files that serve any registry.

A file that a person writes has at most 700 lines. Lock files name versions
and hashes, never the address a package came from, so that a mirror serves as
well. What is built is not committed.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MOST_LINES = 700
WRITTEN_BY_TOOLS = {"Cargo.lock", "package-lock.json", "requirements.txt", "requirements-dev.txt"}
ADDRESSES = {
    "package-lock.json": re.compile(r'"resolved"\s*:'),
    "requirements.txt": re.compile(r"^\s*(--(extra-)?index-url|--find-links|-f |-i )|@ \w+://"),
    "requirements-dev.txt": re.compile(r"^\s*(--(extra-)?index-url|--find-links|-f |-i )|@ \w+://"),
}


def tracked() -> list[Path]:
    """Return every file that is or would be committed."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    out = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [ROOT / name for name in sorted(set(out.split("\0")) - {""}) if (ROOT / name).is_file()]


def lines_of(path: Path) -> list[str]:
    """Return the lines of a text file; a binary file has none."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return []


def check(path: Path) -> list[str]:
    """Return what is wrong with one file."""
    name = path.relative_to(ROOT)
    lines = lines_of(path)
    wrong = []
    if path.name not in WRITTEN_BY_TOOLS and len(lines) > MOST_LINES:
        wrong.append(f"{name}: {len(lines)} lines; a file has at most {MOST_LINES}")
    address = ADDRESSES.get(path.name)
    if address is not None:
        wrong += [
            f"{name}:{number}: names the address of a registry"
            for number, line in enumerate(lines, 1)
            if address.search(line)
        ]
    return wrong


def main() -> None:
    """Check every file and print what is wrong."""
    files = tracked()
    wrong = [fault for path in files for fault in check(path)]
    print("\n".join([*wrong, f"tree: {len(files)} files, {len(wrong)} faults"]))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
