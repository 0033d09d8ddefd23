"""Asking the media process that runs on a data folder, and saying what it answered."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec
import typer

from vms import config
from vms.engine import EngineClient, media_socket

T = TypeVar("T")


def asked(data: Path | None, work: Callable[[EngineClient], Awaitable[T]]) -> T:
    folder = data or config.default_data()

    async def ask() -> T:
        async with EngineClient(media_socket(folder)) as engine:
            return await work(engine)

    return asyncio.run(ask())


def say(answer: msgspec.Struct) -> None:
    typer.echo(msgspec.json.encode(answer).decode())


def when(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
