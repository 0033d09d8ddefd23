"""``vms db``: upgrade, check, backup, restore."""

import contextlib
import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from vms import config
from vms.cli.options import Options
from vms.cli.texts import Texts
from vms.common import ConflictError, NotFoundError
from vms.database import (
    BACKUPS,
    Database,
    backup,
    backup_name,
    check,
    database_url,
    ensure_current,
    file_of,
    hold_folder,
    restore,
    schema_state,
    suffix_of,
)

# Every module that declares tables. By name: only a check needs them all.
STORES = (
    "vms.admin.store.tables",
    "vms.api.store",
    "vms.audit.store",
    "vms.cameras.history_store",
    "vms.cameras.store",
    "vms.cities.store",
    "vms.nodes.store",
    "vms.outbox.store",
    "vms.streaming.openings",
    "vms.recording.store.tables",
    "vms.streaming.store",
)


def load_tables() -> None:
    """Fill the list of tables, for comparing it with a database."""
    for name in STORES:
        importlib.import_module(name)


def db_app(texts: Texts, options: Options) -> typer.Typer:
    """Return the command in one language."""
    app = typer.Typer(help=texts("db.help"), no_args_is_help=True)
    _add_upgrade(app, texts, options)
    _add_check(app, texts, options)
    _add_backup(app, texts, options)
    _add_restore(app, texts, options)
    return app


def _url(data: Path) -> str:
    return database_url(config.load(data).database.url, data)


def existing_database(data: Path) -> str:
    """Return the address of a database that is there; opening a file would make it."""
    url = _url(data)
    file = file_of(url)
    if file is not None and not file.exists():
        raise NotFoundError(
            f"there is no database at {file} yet; vms up makes it",
            code="database_missing",
            values={"file": str(file)},
        )
    return url


@contextlib.contextmanager
def opened(url: str) -> Iterator[Database]:
    database = Database.open(url, threads=1)
    try:
        yield database
    finally:
        database.close()


def _add_upgrade(app: typer.Typer, texts: Texts, options: Options) -> None:
    @app.command("upgrade", help=texts("db.upgrade.help"))
    def upgrade(
        *,
        data: Annotated[Path | None, options("data")] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        folder = data or config.default_data()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with hold_folder(folder), opened(_url(folder)) as database:
            before = ensure_current(database, folder / BACKUPS)
        if as_json:
            typer.echo(json.dumps({"from": before.current, "to": before.newest}))
        elif before.is_current:
            typer.echo(texts("db.current", version=before.newest))
        else:
            typer.echo(texts("db.upgraded", old=before.current or "-", new=before.newest))


def _add_check(app: typer.Typer, texts: Texts, options: Options) -> None:
    @app.command("check", help=texts("db.check.help"))
    def check_(
        *,
        data: Annotated[Path | None, options("data")] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        load_tables()
        with opened(existing_database(data or config.default_data())) as database:
            faults = check(database)
            version = schema_state(database).newest
        if as_json:
            found = [{"code": fault.code, "detail": fault.detail} for fault in faults]
            typer.echo(json.dumps({"version": version, "faults": found}))
        else:
            for fault in faults:
                typer.echo(texts(f"db.fault.{fault.code}", detail=fault.detail))
        if faults:
            raise ConflictError(
                f"the database has {len(faults)} faults",
                code="database_faulty",
                values={"count": len(faults)},
            )
        if not as_json:
            typer.echo(texts("db.fine", version=version))


def _add_backup(app: typer.Typer, texts: Texts, options: Options) -> None:
    @app.command("backup", help=texts("db.backup.help"))
    def backup_(
        file: Annotated[Path | None, typer.Argument(help=texts("argument.backup_to"))] = None,
        *,
        data: Annotated[Path | None, options("data")] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        folder = data or config.default_data()
        url = existing_database(folder)
        target = file or folder / BACKUPS / backup_name("vms", suffix_of(url))
        with opened(url) as database:
            backup(database, target)
        size = target.stat().st_size
        if as_json:
            typer.echo(json.dumps({"file": str(target), "bytes": size}))
        else:
            typer.echo(texts("db.backed_up", file=target, kib=-(-size // 1024)))


def _add_restore(app: typer.Typer, texts: Texts, options: Options) -> None:
    @app.command("restore", help=texts("db.restore.help"))
    def restore_(
        file: Annotated[Path, typer.Argument(help=texts("argument.backup_from"))],
        *,
        data: Annotated[Path | None, options("data")] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        folder = data or config.default_data()
        url = _url(folder)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = folder / BACKUPS / backup_name("before-restore", suffix_of(url))
        with hold_folder(folder):
            state = restore(url, file, aside)
        kept = aside if aside.exists() else None
        if as_json:
            typer.echo(
                json.dumps({"version": state.current, "aside": None if kept is None else str(kept)})
            )
            return
        typer.echo(texts("db.restored", file=file, version=state.current))
        if kept is not None:
            typer.echo(texts("db.aside", file=kept))
