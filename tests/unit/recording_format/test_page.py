"""What docs/design/recording-format.md shows is what the reader reads."""

import re
from pathlib import Path

from recordings import DAY, root
from reference.recording import example, records

PAGE = Path(__file__).parents[3] / "docs" / "design" / "recording-format.md"


def shown() -> str:
    """Return the dump of the section "A worked example"."""
    section = PAGE.read_text().split("## A worked example\n")[1]
    found = re.search(r"```\n(.*?)\n```", section, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_worked_example_is_the_first_fragment_of_the_plain_vector() -> None:
    """Byte by byte, and every note beside."""
    data = (root("plain") / DAY / "index_10.vms-idx").read_bytes()
    first = next(r for r in records.scan(data)[0] if r.type == records.FRAGMENT)
    assert shown() == example.text(data, first.at)


def test_the_bytes_of_the_worked_example_are_a_record() -> None:
    """Whoever types them in gets what the page says."""
    raw = bytes.fromhex("".join(re.findall(r"^ *\d+  ([0-9a-f]+)", shown(), re.MULTILINE)))
    record = records.record_at(raw, 0)
    assert record is not None
    assert (len(raw), record.values()["sequence"]) == (len(record.payload) + records.SHORTEST, 1)
