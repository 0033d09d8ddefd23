"""``vms audit``: verify, export, key."""

import asyncio
import json
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from vms import config
from vms.audit import (
    Asker,
    AuditExport,
    AuditTrail,
    HeadFile,
    PublicKey,
    Report,
    fingerprint_of,
    verify_file,
)
from vms.cli.db import existing_database, opened
from vms.cli.options import Options
from vms.cli.texts import Texts
from vms.common import ConflictError, NotFoundError, UnauthenticatedError
from vms.database import PLATFORM, Vault, require_current

T = TypeVar("T")

_CLI = Asker("system:cli", PLATFORM)


def audit_app(texts: Texts, options: Options) -> typer.Typer:
    """Return the command in one language."""
    app = typer.Typer(help=texts("audit.help"), no_args_is_help=True)
    _add_verify(app, texts, options)
    _add_export(app, texts, options)
    _add_key(app, texts, options)
    return app


def _add_verify(app: typer.Typer, texts: Texts, options: Options) -> None:
    @app.command("verify", help=texts("audit.verify.help"))
    def verify(
        *,
        file: Annotated[Path | None, options("audit_file")] = None,
        fingerprint: Annotated[list[str] | None, options("fingerprint")] = None,
        city: Annotated[str | None, options("audit_city")] = None,
        data: Annotated[Path | None, options("data")] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        if file is not None:
            reports = [_of_file(file, fingerprint or [])]
        else:
            reports = _of_database(data or config.default_data(), city)
        if as_json:
            typer.echo(json.dumps({"chains": [_plain(report) for report in reports]}))
        else:
            for report in reports:
                _tell(report, texts)
        _judge(reports)


def _add_export(app: typer.Typer, texts: Texts, options: Options) -> None:
    @app.command("export", help=texts("audit.export.help"))
    def export(
        file: Annotated[Path, typer.Argument(help=texts("argument.audit_to"))],
        *,
        city: Annotated[str | None, options("audit_city")] = None,
        data: Annotated[Path | None, options("data")] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        folder = data or config.default_data()
        with opened(existing_database(folder)) as database:
            require_current(database)
            asyncio.run(_write(AuditExport(database, _vault(folder)), city, file))
        size = file.stat().st_size
        if as_json:
            typer.echo(json.dumps({"file": str(file), "bytes": size}))
        else:
            typer.echo(texts("audit.exported", file=file, kib=-(-size // 1024)))


def _add_key(app: typer.Typer, texts: Texts, options: Options) -> None:
    @app.command("key", help=texts("audit.key.help"))
    def key(
        *,
        data: Annotated[Path | None, options("data")] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        folder = data or config.default_data()
        keys = _with_trail(folder, lambda trail: trail.public_keys())
        if as_json:
            told = [{"fingerprint": one.fingerprint, "pem": one.pem} for one in keys]
            typer.echo(json.dumps({"keys": told}))
        elif not keys:
            typer.echo(texts("audit.key.none"))
        for one in () if as_json else keys:
            typer.echo(f"{_grouped(one)}\n{one.pem}", nl=False)


def _of_file(file: Path, fingerprints: list[str]) -> Report:
    pinned = [fingerprint_of(text) for text in fingerprints]
    try:
        with file.open("rb") as stream:
            return verify_file(stream, pinned)
    except (FileNotFoundError, IsADirectoryError):
        raise NotFoundError(
            f"{file}: there is no such file", code="audit_file_missing", values={"file": str(file)}
        ) from None


def _of_database(data: Path, city: str | None) -> list[Report]:
    async def work(trail: AuditTrail) -> list[Report]:
        cities = await trail.chains(_CLI) if city is None else [city]
        return [await trail.verify(_CLI, one) for one in cities]

    return _with_trail(data, work)


def _with_trail(data: Path, work: Callable[[AuditTrail], Coroutine[Any, Any, T]]) -> T:
    with opened(existing_database(data)) as database:
        require_current(database)
        return asyncio.run(work(AuditTrail(database, _vault(data), HeadFile(data))))


async def _write(export: AuditExport, city: str | None, file: Path) -> None:
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise ConflictError(
            f"{file} is there already; an export replaces nothing",
            code="audit_file_exists",
            values={"file": str(file)},
        ) from None
    with os.fdopen(handle, "wb") as stream:
        async for piece in export.chain(_CLI, city):
            stream.write(piece)


def _plain(report: Report) -> dict[str, Any]:
    """Return a report as data."""
    return {
        "city": report.city,
        "intact": report.intact,
        "signer_known": report.signer_known,
        "lines": report.lines,
        "seals": report.seals,
        "waiting": report.waiting,
        "last": report.head.last,
        "head": report.head.hash,
        "keys": list(report.keys),
        "fault_count": report.fault_count,
        "faults": [
            {"kind": fault.kind, "first": fault.first, "last": fault.last, "about": fault.about}
            for fault in report.faults
        ],
    }


def _tell(report: Report, texts: Texts) -> None:
    """Print a report for people."""
    verdict = "broken" if not report.intact else "proved" if report.signer_known else "unknown"
    typer.echo(
        texts(
            f"audit.{verdict}",
            city=report.city,
            lines=report.lines,
            seals=report.seals,
            waiting=report.waiting,
            faults=report.fault_count,
        )
    )
    for fault in report.faults:
        words = texts(
            f"audit.fault.{fault.kind}", first=fault.first, last=fault.last, about=fault.about
        )
        typer.echo(f"  {words}")
    if report.fault_count > len(report.faults):
        typer.echo("  " + texts("audit.more", count=report.fault_count - len(report.faults)))
    for key in report.keys:
        typer.echo("  " + texts("audit.key.used", fingerprint=key))


def _judge(reports: list[Report]) -> None:
    """End with what the exit code tells: proved, broken, or by whom nobody knows."""
    broken = [report for report in reports if not report.intact]
    if broken:
        count = sum(report.fault_count for report in broken)
        cities = ", ".join(report.city for report in broken)
        raise ConflictError(
            f"the audit is broken in {cities}: {count} faults",
            code="audit_broken",
            values={"cities": cities, "count": count},
        )
    if not all(report.signer_known for report in reports):
        raise UnauthenticatedError(
            "intact, but by whom it was sealed is unknown: give the key's --fingerprint, which "
            "vms audit key prints on the machine that sealed",
            code="audit_signer_unknown",
        )


def _vault(data: Path) -> Vault:
    return Vault.load(data, make=False)


def _grouped(key: PublicKey) -> str:
    """Return a fingerprint as people compare it."""
    return ":".join(key.fingerprint[place : place + 4] for place in range(0, 64, 4))
