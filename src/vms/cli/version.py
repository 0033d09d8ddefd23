"""``vms version``."""

import json

import typer

from vms import __version__
from vms.cli.texts import Texts


def engine_version() -> str | None:
    """Return the compiled engine's version, or nothing where it is not built."""
    try:
        from vms.engine.native import ENGINE_VERSION  # noqa: PLC0415 - loads the engine
    except ImportError:
        return None
    return ENGINE_VERSION


def show_version(texts: Texts, *, as_json: bool) -> None:
    """Print the version of product and engine."""
    engine = engine_version()
    if as_json:
        typer.echo(json.dumps({"version": __version__, "engine": engine}))
    else:
        named = engine or texts("version.engine_missing")
        typer.echo(texts("version.line", version=__version__, engine=named))
