"""Three languages, the same keys, the same places to fill."""

import string
from itertools import pairwise

import pytest

from vms.cli.texts import CATALOGUE, Texts, language_of
from vms.common import InvalidError


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize(("one", "other"), list(pairwise(sorted(CATALOGUE))))
def test_languages_have_the_same_keys_and_places(one: str, other: str) -> None:
    first, second = CATALOGUE[one], CATALOGUE[other]
    assert set(first) == set(second)
    assert {k: places(t) for k, t in first.items()} == {k: places(t) for k, t in second.items()}


def test_languages_are_really_different() -> None:
    for key in ("app.help", "up.ready", "up.setup", "up.certificate"):
        assert len({texts[key] for texts in CATALOGUE.values()}) == len(CATALOGUE)


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "pt_BR.UTF-8"}, "pt"),
        ({"LANG": "es"}, "es"),
        ({"LANG": "es_AR.UTF-8", "LC_ALL": "pt_PT.UTF-8"}, "pt"),
        ({"LANG": "de_DE.UTF-8"}, "de"),
        ({"LANG": "", "LC_MESSAGES": "es_ES"}, "es"),
    ],
)
def test_the_language_follows_the_environment(environment: dict[str, str], language: str) -> None:
    assert language_of(environment) == language


def test_a_language_without_a_catalogue_is_english() -> None:
    assert Texts("de").language == "en"


def test_an_error_without_a_text_is_said_in_its_own_words() -> None:
    assert Texts("pt").error(InvalidError("gate failed", code="x")) == "Erro: gate failed"
