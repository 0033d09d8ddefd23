"""``vms config``: show, check, example."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from vms import config
from vms.cli.options import Options
from vms.cli.texts import Texts


def config_app(texts: Texts, options: Options) -> typer.Typer:
    """Return the command in one language."""
    app = typer.Typer(help=texts("config.help"), no_args_is_help=True)

    @app.command("show", help=texts("config.show.help"))
    def show(
        *,
        data: Annotated[Path | None, options("data")] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        shown = config.shown(config.load(data or config.default_data()))
        typer.echo(json.dumps(shown, indent=2) if as_json else "\n".join(_lines("", shown)))

    @app.command("check", help=texts("config.check.help"))
    def check(
        *,
        data: Annotated[Path | None, options("data")] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        folder = data or config.default_data()
        count = len(config.load(folder).cameras)
        if as_json:
            typer.echo(json.dumps({"data": str(folder), "cameras": count, "valid": True}))
        else:
            typer.echo(texts("config.fine", data=folder, count=count))

    @app.command("example", help=texts("config.example.help"))
    def example() -> None:
        typer.echo(config.example(), nl=False)

    return app


def _lines(prefix: str, value: object) -> Iterator[str]:
    """Write nested settings one key a line."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _lines(f"{prefix}.{key}" if prefix else str(key), inner)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for number, inner in enumerate(value):
            yield from _lines(f"{prefix}[{number}]", inner)
    elif value is not None:
        yield f"{prefix} = {json.dumps(value)}"
