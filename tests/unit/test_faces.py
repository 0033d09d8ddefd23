"""The house rules about packages, read from the sources themselves."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import vms

SRC = Path(vms.__file__).parent
PACKAGES = sorted(
    ".".join(("vms", *path.parent.relative_to(SRC).parts))
    for path in SRC.rglob("__init__.py")
    if path.parent != SRC
)
# `engine.native` loads the compiled engine: who may is checked by import-linter.
ALLOWED = {"vms.engine.native"}


def sources() -> Iterator[Path]:
    return (path for path in SRC.rglob("*.py") if "_pb2" not in path.name)


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def package_of(module: str) -> str:
    return ".".join(module.split(".")[:2])


@pytest.mark.parametrize("package", PACKAGES)
def test_a_face_is_sorted_and_real(package: str) -> None:
    face = importlib.import_module(package)
    names = list(face.__all__)
    assert names == sorted(names, key=lambda name: (not name.isupper(), name)), (
        "sorted as ruff does"
    )
    assert len(names) == len(set(names))
    assert [name for name in names if not hasattr(face, name)] == []
    assert face.__doc__


@pytest.mark.parametrize("path", sorted(sources()), ids=lambda path: str(path.relative_to(SRC)))
def test_only_faces_are_imported_from_outside_a_package(path: Path) -> None:
    own = package_of(".".join(("vms", *path.relative_to(SRC).with_suffix("").parts)))
    modules = {".".join(("vms", *p.relative_to(SRC).with_suffix("").parts)) for p in sources()}
    inner = modules - set(PACKAGES) - {"vms"}
    found = {
        name
        for name in imports_of(path)
        if name in inner and package_of(name) not in {own, name} and name not in ALLOWED
    }
    if own == "vms.services":
        # What wires the contexts may ask their stores.
        found = {name for name in found if ".store" not in name}
    if path.name == "model.py":
        found = {name for name in found if not name.endswith(".model")}
    assert found == set()


def test_only_native_imports_the_compiled_engine() -> None:
    importers = {
        str(path.relative_to(SRC)) for path in sources() if "vms._engine" in set(imports_of(path))
    }
    assert importers == {"engine/native.py"}


def test_no_file_is_longer_than_700_lines() -> None:
    long = {p.name: n for p in sources() if (n := len(p.read_text().splitlines())) > 700}
    assert long == {}
