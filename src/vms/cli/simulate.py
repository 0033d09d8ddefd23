"""``vms simulate``: cameras of one's own, and their faults while they run."""

import json
from typing import Annotated

import typer

from vms.cli.become import become
from vms.cli.fault import FAULTS, fault_of, parse_fault, set_fault
from vms.cli.options import Options
from vms.cli.scenes import MOST_CAMERAS, farm, make_scenes
from vms.cli.texts import Texts
from vms.proto import Announcement, LogSettings, SimulateLaunch


def simulate_app(texts: Texts, options: Options) -> typer.Typer:
    """Return the command in one language."""
    app = typer.Typer(help=texts("simulate.help"), invoke_without_command=True)

    @app.callback()
    def simulate(
        context: typer.Context,
        *,
        cameras: Annotated[int, options("cameras", min=1, max=MOST_CAMERAS, show_default=True)] = 6,
        host: Annotated[str, options("host", show_default=True)] = "127.0.0.1",
        port: Annotated[int, options("simulator_port", min=0, max=65535, show_default=True)] = 8654,
        codec: Annotated[str, options("codec", show_default=True)] = "h264",
        size: Annotated[str, options("size", show_default=True)] = "1080p",
        key_interval: Annotated[int, options("key_interval", min=1, max=30, show_default=True)] = 1,
        audio: Annotated[bool, options("audio")] = False,
        user: Annotated[str | None, options("user")] = None,
        password: Annotated[str | None, options("password")] = None,
        fault: Annotated[list[str] | None, options("fault")] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        if context.invoked_subcommand is not None:
            return
        faults = tuple(parse_fault(text) for text in fault or ())
        simulator = farm(
            cameras,
            make_scenes(codec, size, texts, key_interval),
            log=LogSettings(level="warning"),
            host=host,
            port=port,
            user=user,
            password=password,
            audio=audio,
            faults=faults,
        )
        # The count is known here; the address only when the farm listens.
        words = texts("simulate.ready").replace("{count}", str(cameras))
        announcement = Announcement(text=words, json=as_json)
        become(
            "vms.services.simulator",
            SimulateLaunch(simulator=simulator, announcement=announcement),
        )

    fault_help = texts("argument.fault", faults=", ".join(FAULTS))

    @app.command("fault", help=texts("simulate.fault.help"))
    def fault(
        url: Annotated[str, typer.Argument(help=texts("argument.camera_url"))],
        fault: Annotated[str, typer.Argument(help=fault_help)] = "",
        *,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        if fault:
            set_fault(url, fault)
        told = fault_of(url)
        if as_json:
            typer.echo(json.dumps(told))
        else:
            typer.echo("\n".join(f"{name}: {value}" for name, value in told.items()))

    return app
