"""Build the page that verifies recordings without a server.

One file that holds everything: style, script, words in three languages, and
the format crate as WebAssembly. Its policy allows exactly these, and no
network. `build_verifier.py WASM PAGE` reads the compiled crate and writes the
page.
"""

import base64
import hashlib
import json
import sys
from pathlib import Path

SOURCES = Path(__file__).resolve().parent.parent / "clients" / "verifier"


def source(name: str) -> str:
    """Return one of the page's sources."""
    return (SOURCES / name).read_text(encoding="utf-8")


def in_script(value: object) -> str:
    """Return a value as JavaScript that cannot end the element it stands in."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")


def digest(text: str) -> str:
    """Return the name by which the policy allows an inline element."""
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def page(program: bytes) -> str:
    """Return the whole page."""
    script = source("page.js")
    for mark, value in (
        ("@TEXTS@", in_script(json.loads(source("texts.json")))),
        ("@WORKER@", in_script(source("worker.js"))),
        ("@PROGRAM@", base64.b64encode(program).decode()),
    ):
        script = script.replace(mark, value)
    style = source("page.css")
    # A worker made from a blob runs under the page's own policy.
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src {digest(script)} 'wasm-unsafe-eval'",
            f"style-src {digest(style)}",
            "worker-src blob:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    made = source("page.html").replace("@POLICY@", policy)
    return made.replace("@STYLE@", style).replace("@SCRIPT@", script)


def main() -> None:
    """Read the program, write the page."""
    program, target = map(Path, sys.argv[1:3])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page(program.read_bytes()), encoding="utf-8")


if __name__ == "__main__":
    main()
