"""The reference page and the example file say what the model says."""

import re
import tomllib
from pathlib import Path

from vms.config import Settings, environment_names, example, reference
from vms.config.model import SECTIONS, TABLES, Camera, Section

DOCS = Path(__file__).parents[3] / "docs" / "reference"
STALE = "stale: run scripts/generate_config_reference.py"


def test_the_reference_page_is_fresh() -> None:
    assert (DOCS / "configuration.md").read_text(encoding="utf-8") == reference(), STALE


def test_the_example_file_is_fresh() -> None:
    assert (DOCS / "vms.example.toml").read_text(encoding="utf-8") == example(), STALE


def test_the_example_holds_nothing_but_defaults() -> None:
    assert Settings(**tomllib.loads(example())).model_dump() == Settings().model_dump()


def test_every_line_of_the_example_can_be_uncommented() -> None:
    settings = re.sub(r"(?m)^# ([a-z_]+ = .*|\[\[[a-z0-9_.]+\]\])$", r"\1", example())
    loaded = Settings(**tomllib.loads(settings))
    tables = {"cameras": True, "recording": {"s3", "tiers"}}
    assert loaded.model_dump(exclude=tables) == Settings().model_dump(exclude=tables)
    assert [store.name for store in loaded.recording.s3] == [loaded.recording.tiers[0].volume]
    assert [camera.id for camera in loaded.cameras] == ["gate"]


def test_every_key_is_described() -> None:
    page = reference()
    models: list[tuple[str, type[Section]]] = [*SECTIONS, ("cameras", Camera)]
    models += [
        (f"{section}.{name}", table) for section, inner in TABLES.items() for name, table in inner
    ]
    for section, model in models:
        for key, field in model.model_fields.items():
            assert field.description, f"{section}.{key} has no description"
            assert f"| `{key}` |" in page
    assert {name for name in environment_names() if "__" in name} == set(
        re.findall(r"`(VMS_\w+__\w+)`", page)
    )
    assert {section for section, _ in SECTIONS} | {"cameras"} == set(Settings.model_fields)
