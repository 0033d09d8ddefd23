"""``vms node``: let machines join, list and remove them; on the others: join, renew, ask."""

import asyncio
import json
import platform
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import typer

from vms import config
from vms.admin import system_principal
from vms.cli.db import existing_database, opened
from vms.cli.options import Options
from vms.cli.settings import Flags, launch_of
from vms.cli.texts import Texts
from vms.common import MAX_PAGE, ConflictError, InvalidError, Page, SystemClock
from vms.database import Vault, require_current
from vms.engine import EngineClient
from vms.nodes import Node, Nodes, NodeTokenDraft
from vms.trust import JOINING, IdentityFile, JoinToken, Member, entrance_of, join

T = TypeVar("T")

CLI = system_principal("cli")
ASKED = ("describe", "metrics", "streams")


def node_app(texts: Texts, options: Options) -> typer.Typer:
    """Return the command in one language."""
    app = typer.Typer(help=texts("node.help"), no_args_is_help=True)
    _add_token(app, texts, options)
    _add_list(app, texts, options)
    _add_remove(app, texts, options)
    _add_join(app, texts, options)
    _add_renew(app, texts, options)
    _add_ask(app, texts, options)
    return app


def _add_token(app: typer.Typer, texts: Texts, options: Options) -> None:
    @app.command("token", help=texts("node.token.help"))
    def token(
        *,
        role: Annotated[str, options("node_role")],
        data: Annotated[Path | None, options("data")] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        if role not in JOINING:
            raise InvalidError(
                f"the role of a node is one of: {', '.join(sorted(JOINING))}",
                code="node_role",
                values={"allowed": ", ".join(sorted(JOINING))},
            )
        made = _with_nodes(data, lambda nodes: nodes.create_token(CLI, NodeTokenDraft(role)))
        if as_json:
            typer.echo(json.dumps(msgspec.to_builtins(made)))
        else:
            until = _time(made.expires_us)
            typer.echo(texts("node.token.made", role=role, until=until, token=made.token))


def _add_list(app: typer.Typer, texts: Texts, options: Options) -> None:
    @app.command("list", help=texts("node.list.help"))
    def list_(
        *,
        data: Annotated[Path | None, options("data")] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        found = _with_nodes(data, _every_node)
        if as_json:
            typer.echo(json.dumps(msgspec.to_builtins(found)))
            return
        if not found:
            typer.echo(texts("node.none"))
        for node in found:
            until = _time(node.expires_us)
            typer.echo(texts("node.line", id=node.id, name=node.name, role=node.role, until=until))


def _add_remove(app: typer.Typer, texts: Texts, options: Options) -> None:
    @app.command("remove", help=texts("node.remove.help"))
    def remove(
        node: Annotated[str, typer.Argument(help=texts("argument.node"))],
        *,
        data: Annotated[Path | None, options("data")] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        _with_nodes(data, lambda nodes: nodes.remove(CLI, node))
        typer.echo(json.dumps({"id": node}) if as_json else texts("node.removed", id=node))


def _add_join(app: typer.Typer, texts: Texts, options: Options) -> None:
    @app.command("join", help=texts("node.join.help"))
    def join_(
        token: Annotated[str, typer.Argument(help=texts("argument.node_token"))],
        *,
        name: Annotated[str | None, options("node_name")] = None,
        data: Annotated[Path | None, options("data")] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        file = IdentityFile(data or config.default_data())
        if file.path.exists():
            raise ConflictError(
                f"this machine has joined already; to join anew remove {file.path} first",
                code="already_joined",
                values={"file": str(file.path)},
            )
        identity = join(JoinToken.parse(token), name or _own_name())
        file.save(identity)
        _tell(texts, "node.joined", Member(file.folder.parent, SystemClock()), as_json=as_json)


def _add_renew(app: typer.Typer, texts: Texts, options: Options) -> None:
    @app.command("renew", help=texts("node.renew.help"))
    def renew(
        *,
        data: Annotated[Path | None, options("data")] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        member = Member(data or config.default_data(), SystemClock())
        asyncio.run(member.renew(due_only=False))
        _tell(texts, "node.renewed", member, as_json=as_json)


def _add_ask(app: typer.Typer, texts: Texts, options: Options) -> None:
    @app.command("ask", help=texts("node.ask.help"))
    def ask(
        where: Annotated[str, typer.Argument(help=texts("argument.node_where"))],
        what: Annotated[str, typer.Argument(help=texts("argument.node_what"))] = "describe",
        *,
        data: Annotated[Path | None, options("data")] = None,
    ) -> None:
        name, _, address = where.partition("@")
        if what not in ASKED or not address:
            raise InvalidError(
                f"ask NAME@HOST:PORT for one of: {', '.join(ASKED)}",
                code="node_question",
                values={"allowed": ", ".join(ASKED)},
            )
        member = Member(data or config.default_data(), SystemClock())
        typer.echo(asyncio.run(_asked(member, name, address, what)))


async def _asked(member: Member, name: str, address: str, what: str) -> str:
    async with EngineClient.far(address, name, member.identity(), SystemClock()) as client:
        answer: object = await getattr(client, what)()
    if isinstance(answer, str):
        return answer.rstrip("\n")
    return json.dumps(msgspec.to_builtins(answer))


def _tell(texts: Texts, key: str, member: Member, *, as_json: bool) -> None:
    peer = member.identity().peer
    if as_json:
        told = {"id": peer.node, "name": peer.name, "role": peer.role, "expires_us": peer.ends_us}
        typer.echo(json.dumps(told))
        return
    until = _time(peer.ends_us)
    typer.echo(texts(key, id=peer.node, name=peer.name, role=peer.role, until=until))


def _with_nodes(data: Path | None, work: Callable[[Nodes], Awaitable[T]]) -> T:
    """Do something with the nodes of a data folder, whether or not the product runs."""
    folder = data or config.default_data()
    launch = launch_of(folder, Flags(), open_=False)
    with opened(existing_database(folder)) as database:
        require_current(database)
        vault = Vault.load(folder)
        nodes = Nodes(database, vault, SystemClock(), lambda: entrance_of(launch))
        return asyncio.run(_awaited(work(nodes)))


async def _awaited(work: Awaitable[T]) -> T:
    return await work


async def _every_node(nodes: Nodes) -> list[Node]:
    found: list[Node] = []
    page = Page(MAX_PAGE)
    while True:
        part = await nodes.list(CLI, page)
        found += part.items
        if part.next is None:
            return found
        page = Page(MAX_PAGE, part.next)


def _own_name() -> str:
    host = platform.node().partition(".")[0].lower()
    return re.sub("[^a-z0-9]+", "-", host).strip("-")[:63].rstrip("-")


def _time(utc_us: int) -> str:
    return datetime.fromtimestamp(utc_us / 1_000_000, UTC).strftime("%Y-%m-%d %H:%MZ")
