"""Check that every relative link and anchor in the Markdown files leads somewhere.

Tests that a document names, as in `unit/api/test_edge.py::test_x`, must exist.
"""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent
FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
IMAGE = re.compile(r"<(?:img|a)\b[^>]*?\b(?:src|href)=\"([^\"]+)\"")
TEST = re.compile(r"`([\w./-]+\.(?:py|rs))::(\w+)`")
TESTS = (ROOT / "tests", ROOT / "engine" / "crates")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*\s*$", re.MULTILINE)
SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def documents() -> list[Path]:
    """Return the Markdown files that are or would be committed."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"]
    out = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [ROOT / name for name in sorted(set(out.split("\0")) - {""}) if (ROOT / name).is_file()]


def anchors_of(path: Path) -> set[str]:
    """Return the anchors that a hosting site makes from the headings."""
    seen: dict[str, int] = {}
    anchors = set()
    for heading in HEADING.findall(FENCE.sub("", path.read_text(encoding="utf-8"))):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        count = seen.get(slug, 0)
        seen[slug] = count + 1
        anchors.add(slug if count == 0 else f"{slug}-{count}")
    return anchors


def links_of(path: Path) -> list[str]:
    """Return the targets of all links and pictures, code left out."""
    text = CODE.sub("", FENCE.sub("", path.read_text(encoding="utf-8")))
    return [*LINK.findall(text), *IMAGE.findall(text)]


def fault_of(path: Path, link: str) -> str | None:
    """Say what is wrong with one link, if anything is."""
    if SCHEME.match(link):
        return None
    file, _, anchor = unquote(link).partition("#")
    target = (path.parent / file).resolve() if file else path
    if not target.exists():
        return "leads nowhere"
    if ROOT not in (target, *target.parents):
        return "leads out of the tree"
    if anchor and target.suffix == ".md" and anchor not in anchors_of(target):
        return "names no heading there"
    return None


def fault_of_test(file: str, name: str) -> str | None:
    """Say what is wrong with one test that is named, if anything is."""
    found = [folder / file for folder in TESTS if (folder / file).is_file()]
    if not found:
        return "is in no folder of tests"
    code = found[0].read_text(encoding="utf-8")
    return None if re.search(rf"\b(?:def|fn) {name}\b", code) else "does not exist"


def main() -> None:
    """Check every document and print the links that are broken."""
    count = 0
    faults = []
    for path in documents():
        for link in links_of(path):
            count += 1
            fault = fault_of(path, link)
            if fault is not None:
                faults.append(f"{path.relative_to(ROOT)}: {link} {fault}")
        for file, name in TEST.findall(path.read_text(encoding="utf-8")):
            count += 1
            fault = fault_of_test(file, name)
            if fault is not None:
                faults.append(f"{path.relative_to(ROOT)}: the test {file}::{name} {fault}")
    print("\n".join([*faults, f"docs: {count} links and tests, {len(faults)} faults"]))
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
