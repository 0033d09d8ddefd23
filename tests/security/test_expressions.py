"""No text makes a regular expression of ours run for long.

Every expression of the sources is taken from the modules themselves, and those
of the API's schemas from its document. Texts are put together from what the
expression is written with, as only such texts lead it astray.
"""

import ast
import importlib
import itertools
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vms.api import openapi, rest
from vms.api.inputs import _ENTITY_TAG
from vms.telemetry.redaction import redact_text

SOURCES = Path(__file__).parents[2] / "src"
# Linear ones need microseconds and milliseconds of the processor, quadratic ones far more.
SHORT, SHORT_S = 5_000, 0.03
LONG, LONG_S = 100_000, 0.3
MOST_TOKENS = 7


def calls_of_re(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id == "re" and node.args:
                yield node


def expressions() -> dict[str, re.Pattern[str]]:
    """Return every expression by where it is and what it is."""
    found: dict[str, re.Pattern[str]] = {}
    for path in sorted(SOURCES.rglob("*.py")):
        calls = list(calls_of_re(ast.parse(path.read_text(encoding="utf-8"))))
        if not calls:
            continue
        name = ".".join(path.relative_to(SOURCES).with_suffix("").parts)
        module = importlib.import_module(name.removesuffix(".__init__"))
        kept = [value for value in vars(module).values() if isinstance(value, re.Pattern)]
        # Those that are written in place.
        kept += [
            re.compile(call.args[0].value)
            for call in calls
            if isinstance(call.args[0], ast.Constant) and call.func.attr != "compile"  # type: ignore[attr-defined]
        ]
        assert kept or name == "vms.api.inputs", name
        found |= {f"{name} {one.pattern}": one for one in kept if isinstance(one.pattern, str)}
    document = openapi.document((one for ops in rest.EVERY for one in ops.declared), "1")
    found |= {f"openapi {text}": re.compile(text) for text in sorted(patterns_in(document))}
    return found


def patterns_in(node: Any) -> set[str]:  # noqa: ANN401 - JSON
    if isinstance(node, dict):
        own = {node["pattern"]} if isinstance(node.get("pattern"), str) else set()
        return own.union(*map(patterns_in, node.values()))
    if isinstance(node, list):
        return set().union(*map(patterns_in, node))
    return set()


def tokens_of(expression: str) -> list[str]:
    """Return letters of the classes, and the signs and words that are written out."""
    bare = re.sub(r"\\[a-zA-Z]|\(\?[a-z]*[:!=<)]*", " ", expression)
    signs = [sign for sign in "/:@.,=-'\"`!%[;" if sign in bare]
    signs += ["://"] if "://" in bare else []
    words = sorted(set(re.findall(r"(?<![\[\]a-zA-Z-])[a-z]{4,}", bare)))[:3]
    return ["a", "0", " ", *signs[: MOST_TOKENS - 3 - len(words)], *signs[-1:], *words]


def seconds(pattern: re.Pattern[str], text: str) -> float:
    begun = time.process_time()
    # One that is only ever matched from where it stands is not looked for.
    if pattern not in MATCHED:
        pattern.search(text)
    pattern.match(text)
    pattern.fullmatch(text)
    return time.process_time() - begun


EXPRESSIONS = expressions()
MATCHED = {_ENTITY_TAG}


def test_every_expression_is_found() -> None:
    assert len(EXPRESSIONS) > 40
    for name in ("redaction", "addresses", "drafts", "cnpj", "exchange", "openapi"):
        assert any(name in key for key in EXPRESSIONS), name


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_an_expression_takes_no_longer_than_its_text(name: str) -> None:
    pattern = EXPRESSIONS[name]
    tokens = tokens_of(pattern.pattern)
    for unit in map("".join, itertools.product(tokens, repeat=3)):
        assert seconds(pattern, repeated(unit, SHORT)) < SHORT_S, repr(unit)
    for unit in map("".join, itertools.product(tokens, repeat=2)):
        assert seconds(pattern, repeated(unit, LONG)) < LONG_S, repr(unit)


def repeated(unit: str, letters: int) -> str:
    return unit * (letters // len(unit)) + "\0"


@pytest.mark.parametrize(
    "unit",
    ["a.", "a://b:", "a://", "a://b:c@", "token=", "token ", "bearer ", "basic a", "'a", " "],
)
def test_a_line_of_the_log_is_cleaned_in_time(unit: str) -> None:
    text = repeated(unit, LONG)
    begun = time.process_time()
    redact_text(text)
    assert time.process_time() - begun < 2 * LONG_S
