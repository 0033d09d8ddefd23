"""``vms recording``: room on the disks, what is held, for how long all lasts."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from vms.cli.media import asked, say, when
from vms.cli.options import Options
from vms.cli.texts import Texts
from vms.common import camera_id
from vms.engine import EngineClient, Keep
from vms.engine.recording import (
    CONFIRM_CLOCK,
    FORECAST,
    HOLDS,
    VOLUMES,
    CameraForecast,
    CameraRequest,
    ClockRequest,
    Forecast,
    ForecastRequest,
    VolumeRequest,
)

GIB = 1 << 30


def add_room(app: typer.Typer, texts: Texts, options: Options) -> None:
    """Add the commands."""
    _add_forecast(app, texts, options)
    _add_volumes(app, texts, options)
    _add_holds(app, texts, options)
    _add_clock(app, texts, options)


def _add_forecast(app: typer.Typer, texts: Texts, options: Options) -> None:
    @app.command("forecast", help=texts("recording.forecast.help"))
    def forecast(
        camera: Annotated[str, typer.Argument(help=texts("argument.recorded"))] = "",
        *,
        dry_run: Annotated[bool, options("dry_run")] = False,
        min_days: Annotated[int | None, options("min_days", min=0)] = None,
        max_days: Annotated[int | None, options("max_days", min=1)] = None,
        max_bytes: Annotated[int | None, options("max_bytes", min=1)] = None,
        data: Annotated[Path | None, options("data")] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        name = str(camera_id(camera)) if camera else ""
        other = any(value is not None for value in (min_days, max_days, max_bytes))
        keep = Keep(min_days or 0, max_days, max_bytes) if other else None

        async def ask(engine: EngineClient) -> Forecast:
            keeps: dict[str, Keep] = {}
            if keep is not None:
                known, _data = await engine.recording(FORECAST, ForecastRequest())
                keeps = {one.camera: keep for one in _named(known.cameras, name)}
            request = ForecastRequest(keeps, dry_run=dry_run or other)
            answer, _data = await engine.recording(FORECAST, request)
            return answer

        answer = asked(data, ask)
        if as_json:
            say(answer)
        else:
            _tell(answer, name, texts, removals=dry_run or other)


def _named(cameras: Iterable[CameraForecast], name: str) -> list[CameraForecast]:
    return [one for one in cameras if name in {"", one.camera}]


def _tell(answer: Forecast, name: str, texts: Texts, *, removals: bool) -> None:
    cameras = _named(answer.cameras, name)
    rows = [] if name else [(one.volume, one.days) for one in answer.volumes]
    rows += [(one.camera, one.days) for one in cameras]
    for shown, days in rows:
        told = "recording.lasts" if days is not None else "recording.lasts_unknown"
        typer.echo(texts(told, name=shown, days=f"{days or 0:.1f}"))
    if answer.clock is not None:
        typer.echo(texts("recording.clock_stepped", seconds=answer.clock.step_us // 1_000_000))
    if not removals:
        return
    gone = [(one.camera, removal) for one in cameras for removal in one.would_remove]
    for shown, removal in gone:
        size = f"{removal.bytes / GIB:.2f}"
        reason = removal.reason
        typer.echo(
            texts("recording.would_go", name=shown, parts=removal.parts, gib=size, reason=reason)
        )
    if not gone:
        typer.echo(texts("recording.nothing_goes"))


def _add_volumes(app: typer.Typer, texts: Texts, options: Options) -> None:
    @app.command("volumes", help=texts("recording.volumes.help"))
    def volumes(
        *,
        data: Annotated[Path | None, options("data")] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        answer, _data = asked(data, lambda engine: engine.recording(VOLUMES, VolumeRequest()))
        if as_json:
            say(answer)
            return
        for one in answer.volumes:
            free = "∞" if one.free is None else f"{one.free / GIB:.2f}"
            sizes = {"gib": f"{one.bytes / GIB:.2f}", "free": free}
            state = " ".join(word for word in (one.state, one.reason) if word)
            typer.echo(
                texts("recording.volume", name=one.name, path=one.path, state=state, **sizes)
            )


def _add_holds(app: typer.Typer, texts: Texts, options: Options) -> None:
    @app.command("holds", help=texts("recording.holds.help"))
    def holds(
        camera: Annotated[str, typer.Argument(help=texts("argument.recorded"))] = "",
        *,
        data: Annotated[Path | None, options("data")] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        request = CameraRequest(str(camera_id(camera)) if camera else "")
        answer, _data = asked(data, lambda engine: engine.recording(HOLDS, request))
        if as_json:
            say(answer)
            return
        for one in answer.holds:
            time = f"{when(one.from_us)}  {when(one.to_us)}"
            typer.echo(f"{one.camera}  {time}  {one.hold}  {one.by}  {one.why}")
        typer.echo(texts("recording.held", count=len(answer.holds)))


def _add_clock(app: typer.Typer, texts: Texts, options: Options) -> None:
    @app.command("confirm-clock", help=texts("recording.clock.help"))
    def confirm_clock(
        *,
        data: Annotated[Path | None, options("data")] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        answer, _data = asked(data, lambda engine: engine.recording(CONFIRM_CLOCK, ClockRequest()))
        if as_json:
            say(answer)
            return
        told = "recording.clock_confirmed" if answer.confirmed else "recording.clock_sure"
        typer.echo(texts(told))
