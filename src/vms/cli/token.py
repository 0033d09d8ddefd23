"""``vms token``: create, list, revoke API keys of the installation."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from vms.admin import ApiKey, ApiKeyDraft, NewApiKey, People
from vms.cli.options import Options
from vms.cli.people import CLI, with_people
from vms.cli.texts import Texts
from vms.common import MAX_PAGE, Page


def token_app(texts: Texts, options: Options) -> typer.Typer:
    """Return the command in one language."""
    app = typer.Typer(help=texts("token.help"), no_args_is_help=True)
    _add_create(app, texts, options)
    _add_list(app, texts, options)
    _add_revoke(app, texts, options)
    return app


def _add_create(app: typer.Typer, texts: Texts, options: Options) -> None:
    @app.command("create", help=texts("token.create.help"))
    def create(
        *,
        name: Annotated[str, options("name")],
        role: Annotated[str, options("role")],
        scope: Annotated[str, options("scope")],
        days: Annotated[int, options("days", show_default=True)] = 90,
        per_minute: Annotated[int, options("per_minute", show_default=True)] = 600,
        data: Annotated[Path | None, options("data")] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        draft = ApiKeyDraft(name=name, role=role, scope=scope, days=days, per_minute=per_minute)

        async def work(people: People) -> NewApiKey:
            return await people.api_keys.create(CLI, draft)

        made = with_people(data, work)
        if as_json:
            typer.echo(json.dumps({**_plain(made.key), "token": made.token}))
        else:
            typer.echo(texts("token.created", id=made.key.id, days=days, token=made.token))


def _add_list(app: typer.Typer, texts: Texts, options: Options) -> None:
    @app.command("list", help=texts("token.list.help"))
    def list_(
        *,
        data: Annotated[Path | None, options("data")] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        keys = with_people(data, _every_key)
        if as_json:
            typer.echo(json.dumps([_plain(key) for key in keys]))
            return
        if not keys:
            typer.echo(texts("token.none"))
        for key in keys:
            until = datetime.fromtimestamp(key.expires_us / 1_000_000, UTC)
            typer.echo(
                texts(
                    "token.line",
                    id=key.id,
                    name=key.name,
                    role=key.role,
                    scope=key.scope,
                    until=until.strftime("%Y-%m-%d %H:%MZ"),
                )
            )


def _add_revoke(app: typer.Typer, texts: Texts, options: Options) -> None:
    @app.command("revoke", help=texts("token.revoke.help"))
    def revoke(
        key: Annotated[str, typer.Argument(help=texts("argument.key"))],
        *,
        data: Annotated[Path | None, options("data")] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        async def work(people: People) -> None:
            await people.api_keys.revoke(CLI, key)

        with_people(data, work)
        typer.echo(json.dumps({"id": key}) if as_json else texts("token.revoked", id=key))


async def _every_key(people: People) -> list[ApiKey]:
    found: list[ApiKey] = []
    page = Page(MAX_PAGE)
    while True:
        part = await people.api_keys.list(CLI, page, everybodys=True)
        found += part.items
        if part.next is None:
            return found
        page = Page(MAX_PAGE, part.next)


def _plain(key: ApiKey) -> dict[str, object]:
    plain: dict[str, object] = msgspec.to_builtins(key)
    return plain
