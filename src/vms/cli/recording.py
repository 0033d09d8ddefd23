"""``vms recording``: what there is, whether it is genuine, how long it lasts.

Asked of the media process that runs on the data folder; the catalogue is written
into the database of the same folder.
"""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from vms import config
from vms.admin import system_principal
from vms.cameras import Cameras, camera_groups
from vms.cities import CityPlaces, Quota, Quotas, Surroundings
from vms.cli.db import existing_database, opened
from vms.cli.media import asked, say, when
from vms.cli.options import Options
from vms.cli.recording_room import add_room
from vms.cli.texts import Texts
from vms.common import ConflictError, StreamName, SystemClock, UnauthenticatedError, camera_id
from vms.database import Vault, require_current
from vms.engine import EngineClient
from vms.engine.recording import (
    CHECK,
    INVENTORY,
    KEYS,
    REBUILD,
    ROTATE_KEY,
    VERIFY,
    CameraRequest,
    InventoryRequest,
    KeyRequest,
    VerifyRequest,
    Worked,
)
from vms.recording import LATEST_US, Reader, Recordings, fingerprint, pem_of

T = TypeVar("T")

CLI = system_principal("cli")
# Of what is listed for people; --json has all.
GIB = 1 << 30
ASK_AGAIN_S = 0.5


def recording_app(texts: Texts, options: Options) -> typer.Typer:
    """Return the command in one language."""
    app = typer.Typer(help=texts("recording.help"), no_args_is_help=True)
    _add_list(app, texts, options)
    _add_verify(app, texts, options)
    _add_work(app, texts, options)
    _add_catalogue(app, texts, options)
    _add_key(app, texts, options)
    add_room(app, texts, options)
    return app


def _add_list(app: typer.Typer, texts: Texts, options: Options) -> None:
    @app.command("list", help=texts("recording.list.help"))
    def list_(
        camera: Annotated[str, typer.Argument(help=texts("argument.recorded"))] = "",
        *,
        data: Annotated[Path | None, options("data")] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        names = (str(camera_id(camera)),) if camera else ()
        request = InventoryRequest(names, 0, LATEST_US)
        answer, _data = asked(data, lambda engine: engine.recording(INVENTORY, request))
        if as_json:
            say(answer)
            return
        for part in answer.parts:
            told = f"{part.camera}/{part.stream}  {when(part.from_us)}  {when(part.to_us)}"
            typer.echo(f"{told}  {part.bytes:>13}  {part.volume}  {part.part}")
        for gap in answer.gaps:
            told = f"{gap.camera}/{gap.stream}  {when(gap.from_us)}  {when(gap.to_us)}"
            typer.echo(f"{told}  {gap.reason}")
        size = sum(part.bytes for part in answer.parts) / GIB
        counts = {"parts": len(answer.parts), "gaps": len(answer.gaps)}
        typer.echo(texts("recording.listed", gib=f"{size:.2f}", **counts))


def _add_verify(app: typer.Typer, texts: Texts, options: Options) -> None:
    @app.command("verify", help=texts("recording.verify.help"))
    def verify(
        camera: Annotated[str, typer.Argument(help=texts("argument.recorded"))],
        *,
        sub: Annotated[bool, options("sub")] = False,
        from_: Annotated[datetime | None, options("from")] = None,
        to: Annotated[datetime | None, options("to")] = None,
        key: Annotated[str | None, options("key")] = None,
        data: Annotated[Path | None, options("data")] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        stream = StreamName.SUB if sub else StreamName.MAIN
        time = (0 if from_ is None else _us(from_), LATEST_US if to is None else _us(to))
        request = VerifyRequest(str(camera_id(camera)), stream, *time, key)
        report, _data = asked(data, lambda engine: engine.recording(VERIFY, request))
        if as_json:
            say(report)
        else:
            for one in report.findings:
                typer.echo(f"  {one.code}  {one.file}  {when(one.at_us)}  {one.detail}")
            counts = {"fragments": report.fragments, "seals": report.seals}
            typer.echo(texts("recording.verified", unsealed=report.unsealed, **counts))
        if not report.intact:
            raise ConflictError(
                f"camera {camera}: {len(report.findings)} findings",
                code="recording_broken",
                values={"camera": camera, "count": len(report.findings)},
            )
        if not report.signer_known:
            raise UnauthenticatedError(
                "intact, but by whom it was sealed is unknown: give --key",
                code="recording_signer_unknown",
            )


def _us(at: datetime) -> int:
    """Return a time as it was typed: of UTC."""
    return round(at.replace(tzinfo=UTC).timestamp() * 1_000_000)


def _add_work(app: typer.Typer, texts: Texts, options: Options) -> None:
    def tell(worked: Worked, *, as_json: bool) -> None:
        if as_json:
            say(worked)
            return
        for one in worked.findings:
            typer.echo(f"  {one.code}  {one.file}  {one.detail}")
        counts = ", ".join(f"{name} {count}" for name, count in sorted(worked.counts.items()))
        typer.echo(texts("recording.worked", counts=counts, findings=len(worked.findings)))

    @app.command("rebuild", help=texts("recording.rebuild.help"))
    def rebuild(
        camera: Annotated[str, typer.Argument(help=texts("argument.recorded"))] = "",
        *,
        data: Annotated[Path | None, options("data")] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        request = CameraRequest(camera)
        worked, _data = asked(data, lambda engine: engine.recording(REBUILD, request))
        tell(worked, as_json=as_json)

    @app.command("check", help=texts("recording.check.help"))
    def check(
        camera: Annotated[str, typer.Argument(help=texts("argument.recorded"))] = "",
        *,
        data: Annotated[Path | None, options("data")] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        request = CameraRequest(camera)

        async def until_done(engine: EngineClient) -> Worked:
            # It goes on in the background; asking again tells how far it is.
            worked, _data = await engine.recording(CHECK, request)
            while worked.counts.get("running"):
                await asyncio.sleep(ASK_AGAIN_S)
                worked, _data = await engine.recording(CHECK, request)
            return worked

        tell(asked(data, until_done), as_json=as_json)


def _add_catalogue(app: typer.Typer, texts: Texts, options: Options) -> None:
    @app.command("catalogue", help=texts("recording.catalogue.help"))
    def catalogue(
        *,
        data: Annotated[Path | None, options("data")] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        folder = data or config.default_data()
        with opened(existing_database(folder)) as database:
            require_current(database)
            vault, clock = Vault.load(folder, make=False), SystemClock()
            places, quotas = CityPlaces(camera_groups), Quotas(Surroundings())
            cameras = Cameras(database, vault, clock, quotas.of(Quota.CAMERAS), places)

            async def work(engine: EngineClient) -> int:
                # Before anything is forgotten: whoever is away cannot tell it again.
                await engine.describe()
                recordings = Recordings.open(
                    database,
                    vault,
                    clock,
                    cities=places,
                    clips=quotas.of(Quota.CLIPS),
                    engine=engine,
                    data=folder,
                )
                await recordings.catalogue.clear(CLI)
                return await Reader(engine, recordings.catalogue, cameras.roster).everything()

            count = asked(folder, work)
        typer.echo(
            json.dumps({"cameras": count})
            if as_json
            else texts("recording.catalogued", count=count)
        )


def _add_key(app: typer.Typer, texts: Texts, options: Options) -> None:
    @app.command("keys", help=texts("recording.keys.help"))
    def keys(
        *,
        pem: Annotated[bool, options("pem")] = False,
        data: Annotated[Path | None, options("data")] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        show(data, as_json=as_json, rotate=False, pem=pem)

    @app.command("rotate-key", help=texts("recording.rotate.help"))
    def rotate_key(
        *,
        data: Annotated[Path | None, options("data")] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        show(data, as_json=as_json, rotate=True)

    def show(data: Path | None, *, as_json: bool, rotate: bool, pem: bool = False) -> None:
        call = ROTATE_KEY if rotate else KEYS
        answer, _data = asked(data, lambda engine: engine.recording(call, KeyRequest()))
        if as_json:
            say(answer)
            return
        for one in answer.keys:
            # What stands before a key in PEM is a comment to those who read it.
            typer.echo(f"{fingerprint(one.public)}  {when(one.since_us)}")
            if pem:
                typer.echo(pem_of(one.public), nl=False)
