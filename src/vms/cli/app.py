"""The ``vms`` command: what one may say to it."""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from vms.cli.admin import admin_app
from vms.cli.audit import audit_app
from vms.cli.become import become
from vms.cli.config import config_app
from vms.cli.db import db_app
from vms.cli.node import node_app
from vms.cli.options import Options
from vms.cli.recording import recording_app
from vms.cli.scenes import MOST_CAMERAS, farm, make_scenes
from vms.cli.settings import Flags, launch_of
from vms.cli.simulate import simulate_app
from vms.cli.stream import stream_app
from vms.cli.texts import Texts
from vms.cli.token import token_app
from vms.cli.verify import add_verify
from vms.cli.version import show_version
from vms.common import InvalidError
from vms.proto import Announcement, ApiLaunch, SupervisorLaunch

ROLES = ("api", "media")
LATER_ROLES = ("ai", "edge", "gateway", "ingest", "replicator", "storage", "stream")


def build_app(texts: Texts) -> typer.Typer:
    """Return the command in one language."""
    app = typer.Typer(
        name="vms",
        help=texts("app.help"),
        no_args_is_help=True,
        # Its tracebacks show the values of variables, and those hold passwords.
        pretty_exceptions_enable=False,
    )
    options = Options(texts)
    _add_up(app, texts, options)
    _add_demo(app, texts, options)
    _add_run(app, texts, options)
    app.add_typer(simulate_app(texts, options), name="simulate")
    app.add_typer(audit_app(texts, options), name="audit")
    app.add_typer(config_app(texts, options), name="config")
    app.add_typer(db_app(texts, options), name="db")
    app.add_typer(recording_app(texts, options), name="recording")
    app.add_typer(stream_app(texts, options), name="stream")
    app.add_typer(admin_app(texts, options), name="admin")
    app.add_typer(token_app(texts, options), name="token")
    app.add_typer(node_app(texts, options), name="node")
    add_verify(app, texts, options)

    @app.command("version", help=texts("version.help"))
    def version(*, as_json: Annotated[bool, options("json")] = False) -> None:
        show_version(texts, as_json=as_json)

    return app


def _announcement(texts: Texts, *more: str, as_json: bool) -> Announcement:
    words = "\n".join((texts("up.ready"), *more))
    return Announcement(
        text=words, certificate=texts("up.certificate"), setup=texts("up.setup"), json=as_json
    )


def _demo_announcement(
    texts: Texts, how_to_fail: str, *, open_: bool, as_json: bool
) -> Announcement:
    more = (texts("up.open"), how_to_fail) if open_ else (how_to_fail, texts("demo.people"))
    announcement = _announcement(texts, *more, as_json=as_json)
    return msgspec.structs.replace(announcement, setup="", person=texts("demo.person"))


def _own_name() -> str:
    """Return what to type to run this command again."""
    return "vms" if shutil.which("vms") else sys.argv[0]


def _add_up(app: typer.Typer, texts: Texts, options: Options) -> None:
    @app.command("up", help=texts("up.help"))
    def up(
        *,
        data: Annotated[Path | None, options("data")] = None,
        open_: Annotated[bool, options("open")] = False,
        camera: Annotated[list[str] | None, options("camera")] = None,
        port: Annotated[int | None, options.port("port")] = None,
        rtsp_port: Annotated[int | None, options.port("rtsp_port")] = None,
        rtmp_port: Annotated[int | None, options.port("rtmp_port")] = None,
        srt_port: Annotated[int | None, options.port("srt_port")] = None,
        webrtc_port: Annotated[int | None, options.port("webrtc_port")] = None,
        webrtc_udp_port: Annotated[int | None, options.port("webrtc_udp_port")] = None,
        hls_port: Annotated[int | None, options.port("hls_port")] = None,
        no_record: Annotated[bool, options("no_record")] = False,
        log_level: Annotated[str | None, options("log_level")] = None,
        log_format: Annotated[str | None, options("log_format")] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        flags = Flags(
            cameras=tuple(camera or ()),
            port=port,
            rtsp_port=rtsp_port,
            rtmp_port=rtmp_port,
            srt_port=srt_port,
            webrtc_port=webrtc_port,
            webrtc_udp_port=webrtc_udp_port,
            hls_port=hls_port,
            record=False if no_record else None,
            log_level=log_level,
            log_format=log_format,
        )
        launch = launch_of(data, flags, open_=open_)
        more = (texts("up.open"),) if open_ else ()
        announcement = _announcement(texts, *more, as_json=as_json)
        orders = SupervisorLaunch(launch=launch, announcement=announcement)
        become("vms.services.supervisor", orders)


def _add_demo(app: typer.Typer, texts: Texts, options: Options) -> None:
    @app.command("demo", help=texts("demo.help"))
    def demo(
        *,
        cameras: Annotated[int, options("cameras", min=1, max=MOST_CAMERAS, show_default=True)] = 6,
        data: Annotated[Path | None, options("data")] = None,
        open_: Annotated[bool, options("open")] = False,
        codec: Annotated[str, options("codec", show_default=True)] = "h264",
        size: Annotated[str, options("size", show_default=True)] = "1080p",
        audio: Annotated[bool, options("audio")] = False,
        port: Annotated[int | None, options.port("port")] = None,
        rtsp_port: Annotated[int | None, options.port("rtsp_port")] = None,
        rtmp_port: Annotated[int | None, options.port("rtmp_port")] = None,
        srt_port: Annotated[int | None, options.port("srt_port")] = None,
        webrtc_port: Annotated[int | None, options.port("webrtc_port")] = None,
        webrtc_udp_port: Annotated[int | None, options.port("webrtc_udp_port")] = None,
        hls_port: Annotated[int | None, options.port("hls_port")] = None,
        no_record: Annotated[bool, options("no_record")] = False,
        # What goes on line by line would push the addresses off the screen.
        log_level: Annotated[str, options("log_level", show_default=True)] = "warning",
        log_format: Annotated[str | None, options("log_format")] = None,
        as_json: Annotated[bool, options("json")] = False,
    ) -> None:
        flags = Flags(
            port=port,
            rtsp_port=rtsp_port,
            rtmp_port=rtmp_port,
            srt_port=srt_port,
            webrtc_port=webrtc_port,
            webrtc_udp_port=webrtc_udp_port,
            hls_port=hls_port,
            record=False if no_record else None,
            log_level=log_level,
            log_format=log_format,
        )
        folder = data or Path(tempfile.mkdtemp(prefix=f"vms-demo-{_user()}-"))
        launch = launch_of(folder, flags, open_=open_)
        scenes = make_scenes(codec, size, texts)
        # The address is known only when the cameras listen.
        how_to_fail = texts("demo.ready").replace("{command}", _own_name())
        simulator = farm(cameras, scenes, log=launch.log, audio=audio)
        orders = SupervisorLaunch(
            launch=launch,
            announcement=_demo_announcement(texts, how_to_fail, open_=open_, as_json=as_json),
            simulator=simulator,
            demo=not open_,
        )
        become("vms.services.supervisor", orders)


def _add_run(app: typer.Typer, texts: Texts, options: Options) -> None:
    @app.command("run", help=texts("run.help"))
    def run(
        role: Annotated[str, typer.Argument(help=texts("argument.role"))],
        *,
        data: Annotated[Path | None, options("data")] = None,
        open_: Annotated[bool, options("open")] = False,
        camera: Annotated[list[str] | None, options("camera")] = None,
        control_listen: Annotated[str, options("control_listen")] = "",
    ) -> None:
        check_role(role)
        if control_listen and role != "media":
            raise InvalidError(
                f"{role} does not listen there: --control-listen is of the role media",
                code="control_listen_role",
            )
        flags = Flags(cameras=tuple(camera or ()))
        launch = launch_of(data, flags, open_=open_, control_listen=control_listen)
        become(f"vms.services.{role}", launch if role == "media" else ApiLaunch(launch=launch))


def check_role(role: str) -> None:
    """Refuse a role that there is not, or not yet."""
    if role not in ROLES:
        later = role in LATER_ROLES
        raise InvalidError(
            f"the role {role} {'comes later' if later else 'does not exist'}; "
            f"so far there are: {', '.join(ROLES)}",
            code="role_later" if later else "role_unknown",
            values={"role": role, "roles": ", ".join(ROLES)},
        )


def _user() -> str:
    # A folder of its own for each user: /tmp is shared.
    import getpass  # noqa: PLC0415 - only the demo asks

    return getpass.getuser()
