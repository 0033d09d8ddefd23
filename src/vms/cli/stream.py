"""``vms stream``: sign an address, change the keys that sign."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from vms import config
from vms.admin import system_principal
from vms.cli.db import existing_database, opened
from vms.cli.options import Options
from vms.cli.texts import Texts
from vms.common import SystemClock, stream_ref
from vms.database import Vault, require_current
from vms.streaming import AddressKeys, AddressKind, StreamAddresses, StreamPlaces

T = TypeVar("T")

CLI = system_principal("cli")


def stream_app(texts: Texts, options: Options) -> typer.Typer:
    """Return the command in one language."""
    app = typer.Typer(help=texts("stream.help"), no_args_is_help=True)

    @app.command("sign", help=texts("stream.sign.help"))
    def sign(
        stream: Annotated[str, typer.Argument(help=texts("argument.stream"))],
        *,
        data: Annotated[Path | None, options("data")] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        ref = stream_ref(stream)

        async def work(_keys: AddressKeys, addresses: StreamAddresses) -> tuple[str, int]:
            (signed,) = await addresses.sign(CLI, [ref], AddressKind.WEBRTC)
            return signed.address, signed.expires_us

        address, expires_us = _with_addresses(data, work)
        if as_json:
            typer.echo(json.dumps({"address": address, "expires_us": expires_us}))
            return
        until = datetime.fromtimestamp(expires_us / 1_000_000, UTC).strftime("%H:%M:%SZ")
        typer.echo(texts("stream.signed", stream=ref, until=until, address=address))

    @app.command("rotate-keys", help=texts("stream.rotate.help"))
    def rotate_keys(
        *,
        data: Annotated[Path | None, options("data")] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        async def work(keys: AddressKeys, _addresses: StreamAddresses) -> str:
            return await keys.rotate(CLI)

        key = _with_addresses(data, work)
        typer.echo(json.dumps({"key": key}) if as_json else texts("stream.rotated", id=key))

    return app


def _with_addresses(
    data: Path | None, work: Callable[[AddressKeys, StreamAddresses], Awaitable[T]]
) -> T:
    """Do something with the addresses of a data folder, whether or not the product runs."""
    folder = data or config.default_data()
    with opened(existing_database(folder)) as database:
        require_current(database)
        clock = SystemClock()
        keys = AddressKeys(database, Vault.load(folder), clock)
        addresses = StreamAddresses(database, keys, StreamPlaces(), clock)
        return asyncio.run(_awaited(work(keys, addresses)))


async def _awaited(work: Awaitable[T]) -> T:
    return await work
